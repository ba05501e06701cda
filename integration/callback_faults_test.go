package integration

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"stemflow"
	"stemflow/internal/token"
	"stemflow/kiesim"
)

// Whatever becomes of the callback, the result is the same; only the way in which the run learns of
// it differs.
func TestCallbackFaultsChangeNothingButLatency(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	seconds := func(n int) kiesim.Duration { return kiesim.Duration(time.Duration(n) * time.Second) }
	for name, c := range map[string]struct {
		scenario kiesim.Scenario
		grace    time.Duration
		settle   stemflow.SettledBy
	}{
		"lost": {kiesim.Scenario{Callback: kiesim.Callback{Lost: true}}, time.Second, stemflow.SettledByPoll},
		"early, before the answer to the submit": {
			kiesim.Scenario{Submit: kiesim.Fault{Delay: seconds(2)},
				Callback: kiesim.Callback{Delay: -1}}, time.Minute, stemflow.SettledByCallback,
		},
		"early, before the record": {
			kiesim.Scenario{Delay: seconds(4),
				Callback: kiesim.Callback{Delay: -1}}, time.Minute, stemflow.SettledByCallback,
		},
		"ahead of a record that lags": {
			kiesim.Scenario{Record: kiesim.Record{Lag: seconds(3)}}, time.Minute, stemflow.SettledByCallback,
		},
		"ahead of a record that never comes": {
			kiesim.Scenario{Record: kiesim.Record{NullFor: seconds(3600)}}, time.Minute, stemflow.SettledByCallback,
		},
		"three times": {
			kiesim.Scenario{Delay: seconds(1),
				Callback: kiesim.Callback{Duplicates: 2}}, time.Minute, stemflow.SettledByCallback,
		},
		"for another task first": {
			kiesim.Scenario{Delay: seconds(1),
				Callback: kiesim.Callback{ForOtherTask: true}}, time.Minute, stemflow.SettledByCallback,
		},
		"failure, and the record says success": {
			kiesim.Scenario{Delay: seconds(1),
				Callback: kiesim.Callback{Failure: true}}, time.Minute, stemflow.SettledByCallback,
		},
		"early for another task and an unknown submit": {
			kiesim.Scenario{
				Delay: seconds(1), Submit: kiesim.Fault{Answer: kiesim.AnswerCut, Accept: true},
				Callback: kiesim.Callback{ForOtherTask: true, Duplicates: 1},
			}, time.Minute, stemflow.SettledByCallback,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.on(t)
			in := track(stemflow.SeparateVocal)
			in.CallbackGrace = stemflow.Duration(c.grace)
			s.sim.SetScenario(in.AudioID, c.scenario)
			result := s.result(s.start(in))
			require.Equal(t, c.settle, result.SettledBy)
			require.Len(t, result.Stems, 2)
			s.requireArchived(in, result)
			require.Equal(t, 1, s.billed(in))
		})
	}
	t.Cleanup(func() {
		s.await("all callbacks are acknowledged", func() bool {
			count := s.sim.Bill().Callbacks
			return count.Sent == count.Acknowledged && count.Sent == 13
		})
	})
}

// A callback whose news the record does not have for long is not believed, whatever it says: the
// run turns to polling.
func TestCallbackFarAheadOfTheRecord(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	for name, callback := range map[string]kiesim.CallbackNow{"success": {}, "failure": {Failure: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.on(t)
			in := track(stemflow.SeparateVocal)
			s.sim.SetScenario(
				in.AudioID,
				kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}, Callback: kiesim.Callback{Lost: true}},
			)
			run := s.start(in)
			s.await("the separation is paid for", func() bool { return s.billed(in) == 1 })
			s.call(in, callback)
			s.awaitPhase(run, stemflow.PhasePolling)
			s.settle(in)
			result := s.result(run)
			require.Equal(t, stemflow.SettledByPoll, result.SettledBy)
			s.requireArchived(in, result)
			require.Equal(t, 1, s.billed(in))
		})
	}
}

func TestCallbackWhenTheRunIsOver(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	in.CallbackGrace = stemflow.Duration(time.Second)
	s.sim.SetScenario(in.AudioID, kiesim.Scenario{Callback: kiesim.Callback{Lost: true}})
	result := s.result(s.start(in))
	require.Equal(t, stemflow.SettledByPoll, result.SettledBy)
	s.call(in, kiesim.CallbackNow{}) // it is acknowledged: the provider need not try again
	s.requireArchived(in, result)
	require.Equal(t, 1, s.billed(in))
}

// call sends a callback of a track by hand, which the bridge has to acknowledge.
func (s *stack) call(in stemflow.SeparateStemsInput, callback kiesim.CallbackNow) {
	s.t.Helper()
	callback.TaskID = s.charges(in)[0].TaskID
	status, err := s.sim.SendCallback(s.t.Context(), callback)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, status)
}

func TestEveryDialectOfTheCallback(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	for _, dialect := range []kiesim.Dialect{kiesim.DialectEN, kiesim.DialectCN, kiesim.DialectSunoAPI} {
		for _, kind := range stemflow.SeparationTypes() {
			t.Run(fmt.Sprintf("%s, %s", dialect, kind), func(t *testing.T) {
				t.Parallel()
				s := s.on(t)
				in := track(kind)
				// There is no record, so that the stems are those of the callback.
				s.sim.SetScenario(
					in.AudioID,
					kiesim.Scenario{Dialect: dialect, Record: kiesim.Record{NullFor: kiesim.Duration(time.Hour)}},
				)
				result := s.result(s.start(in))
				require.Equal(t, stemflow.SettledByCallback, result.SettledBy)
				require.Len(t, result.Stems, len(stemflow.ExpectedStems(kind, in.StemName)))
				s.requireArchived(in, result)
			})
			t.Run(fmt.Sprintf("%s, %s, failed", dialect, kind), func(t *testing.T) {
				t.Parallel()
				s := s.on(t)
				in := track(kind)
				s.sim.SetScenario(
					in.AudioID,
					kiesim.Scenario{Dialect: dialect, Outcome: kiesim.Outcome{Failure: &kiesim.Failure{}}},
				)
				kind, message, details := s.failure(s.start(in))
				require.Equal(t, stemflow.ErrorSeparationFailed, kind, message)
				require.NotEmpty(t, details.SeparationTaskID)
			})
		}
	}
}

// A callback may call its task by either of two names. Under any other the bridge cannot say whose
// it is, and the run polls.
func TestNameOfTheTaskInTheCallback(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	for name, c := range map[string]struct {
		callback kiesim.Callback
		settle   stemflow.SettledBy
	}{
		"taskId":            {kiesim.Callback{IDField: "taskId"}, stemflow.SettledByCallback},
		"taskId at the top": {kiesim.Callback{IDField: "taskId", Form: kiesim.CallbackBare}, stemflow.SettledByCallback},
		"id":                {kiesim.Callback{IDField: "id"}, stemflow.SettledByPoll},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.on(t)
			in := track(stemflow.SeparateVocal)
			if c.settle == stemflow.SettledByPoll {
				in.CallbackGrace = stemflow.Duration(time.Second)
			}
			s.sim.SetScenario(in.AudioID, kiesim.Scenario{Callback: c.callback})
			result := s.result(s.start(in))
			require.Equal(t, c.settle, result.SettledBy)
			s.requireArchived(in, result)
			require.Equal(t, 1, s.billed(in))
		})
	}
}

// What does not come from the provider is refused at the door, and a run that waits does not stir.
func TestForgedCallbackIsRefused(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	s.sim.SetScenario(in.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	run := s.start(in)
	s.await("the separation is paid for", func() bool { return s.memo(run) != "" })
	s.awaitPhase(run, stemflow.PhaseWaiting)

	for _, signature := range []kiesim.Signature{
		kiesim.SignatureMissing, kiesim.SignatureWrong, kiesim.SignatureEarly,
	} {
		status, err := s.sim.SendCallback(t.Context(), kiesim.CallbackNow{TaskID: s.memo(run), Signature: signature})
		require.NoError(t, err)
		require.Equal(t, http.StatusUnauthorized, status, signature)
	}
	other, err := token.NewKeyring([]string{strings.Repeat("another secret ", 3)})
	require.NoError(t, err)
	claims := token.Claims{Namespace: "default", WorkflowID: run.GetID(), Expires: time.Now().Add(time.Hour)}
	own, err := token.NewKeyring([]string{callbackSecret})
	require.NoError(t, err)
	expired := claims
	expired.Expires = time.Now().Add(-time.Hour)
	body := fmt.Sprintf(
		`{"code":200,"msg":"success","data":{"task_id":%q,"vocal_removal_info":{"vocal_url":"https://evil.example/x.mp3"}}}`,
		s.memo(run),
	)
	for name, forged := range map[string]string{"none": "x", "another secret": other.Mint(claims), "expired": own.Mint(expired)} {
		response, err := http.Post(s.bridge.URL+"/callbacks/"+forged, "application/json", bytes.NewBufferString(body))
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusUnauthorized, response.StatusCode, name)
	}
	require.False(t, s.has(run, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED), "nothing reached the run")
	require.NoError(t, s.client.TerminateWorkflow(t.Context(), run.GetID(), run.GetRunID(), "the test is over"))
}

func TestBridgeDownForTheWholeRun(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.bridge.Close()
	in := track(stemflow.SplitStem)
	in.CallbackGrace = stemflow.Duration(2 * time.Second)
	s.sim.SetScenario(in.AudioID, kiesim.Scenario{Delay: kiesim.Duration(3 * time.Second)})
	result := s.result(s.start(in))
	require.Equal(t, stemflow.SettledByPoll, result.SettledBy)
	s.requireArchived(in, result)
	require.Equal(t, 1, s.billed(in))
	require.Zero(t, s.sim.Bill().Callbacks.Acknowledged)
}
