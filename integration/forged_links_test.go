package integration

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/kie"
	"stemflow/internal/token"
	"stemflow/kiesim"
)

// attacker is a server that nobody should ever call, and a count of those who did.
func attacker(t *testing.T) (address string, visits *atomic.Int64) {
	listener, err := net.Listen("tcp", "127.0.0.2:0")
	require.NoError(t, err)
	visits = &atomic.Int64{}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			visits.Add(1)
			conn.Close()
		}
	}()
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String(), visits
}

// forge sends a callback that names links of an attacker, with everything else as good as the
// provider's: the worst case of an address and a signature that were captured.
func (s *stack) forge(runID, workflowID, taskID, address string) {
	s.t.Helper()
	keyring, err := token.NewKeyring([]string{callbackSecret})
	require.NoError(s.t, err)
	captured := keyring.Mint(
		token.Claims{Namespace: "default", WorkflowID: workflowID, RunID: runID, Expires: time.Now().Add(time.Hour)},
	)
	link := "http://" + address + "/s/x.mp3"
	body := fmt.Sprintf(
		`{"code":200,"msg":"success","data":{"task_id":%q,"vocal_separation_info":{"vocal_url":%q,"instrumental_url":%q}}}`,
		taskID,
		link,
		link,
	)
	request, err := http.NewRequest(http.MethodPost, s.bridge.URL+"/callbacks/"+captured, bytes.NewBufferString(body))
	require.NoError(s.t, err)
	timestamp, signature := kie.Sign(webhookKey, taskID, time.Now())
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(kie.HeaderTimestamp, timestamp)
	request.Header.Set(kie.HeaderSignature, signature)
	response, err := http.DefaultClient.Do(request)
	require.NoError(s.t, err)
	require.NoError(s.t, response.Body.Close())
	require.Equal(s.t, http.StatusOK, response.StatusCode)
}

func TestForgedLinksAreNotFetched(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	address, visits := attacker(t)
	t.Run("while the record says pending", func(t *testing.T) {
		t.Parallel()
		s := s.on(t)
		in := track(stemflow.SeparateVocal)
		s.sim.SetScenario(
			in.AudioID,
			kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}, Callback: kiesim.Callback{Lost: true}},
		)
		run := s.start(in)
		s.await("the separation is paid for", func() bool { return s.memo(run) != "" })
		s.forge(run.GetRunID(), run.GetID(), s.memo(run), address)
		s.awaitPhase(run, stemflow.PhasePolling)
		s.settle(in)
		result := s.result(run)
		require.Equal(t, stemflow.SettledByPoll, result.SettledBy)
		s.requireArchived(in, result)
		require.Zero(t, visits.Load(), "the attacker was called")
	})
	t.Run("while there is no record", func(t *testing.T) {
		t.Parallel()
		s := s.on(t)
		in := track(stemflow.SeparateVocal)
		s.sim.SetScenario(in.AudioID, kiesim.Scenario{
			Callback: kiesim.Callback{Lost: true}, Record: kiesim.Record{NullFor: kiesim.Duration(time.Hour)},
		})
		run := s.start(in)
		s.await("the separation is paid for", func() bool { return s.memo(run) != "" })
		s.forge(run.GetRunID(), run.GetID(), s.memo(run), address)
		kind, message, details := s.failure(run)
		require.Equal(t, stemflow.ErrorSourceForbidden, kind, message)
		require.Equal(t, s.memo(run), details.SeparationTaskID)
		require.Zero(t, visits.Load(), "the attacker was called")
		require.Equal(t, 1, s.billed(in))
	})
}
