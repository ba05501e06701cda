package integration

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/kie"
	"stemflow/internal/token"
	"stemflow/kiesim"
)

func (s *stack) has(run client.WorkflowRun, kind enumspb.EventType) bool {
	return slices.ContainsFunc(s.history(run), func(e *historypb.HistoryEvent) bool { return e.GetEventType() == kind })
}

// The workers are away until the deadline has passed, and the provider is done meanwhile. Nobody
// has asked it since, so nobody can say that it was not done.
func TestWorkersAwayPastTheDeadline(t *testing.T) {
	t.Parallel()
	t.Run("while the run polls", func(t *testing.T) {
		t.Parallel()
		s := newStackAt(t, serverstest.Temporal(t).Addr)
		w := s.hostWorker()
		in := track(stemflow.SeparateVocal)
		in.CallbackGrace, in.Deadline = stemflow.Duration(time.Second), stemflow.Duration(10*time.Second)
		s.sim.SetScenario(in.AudioID, kiesim.Scenario{
			Outcome: kiesim.Outcome{Pending: true}, Callback: kiesim.Callback{Lost: true},
		})
		run := s.start(in)
		s.awaitPhase(run, stemflow.PhasePolling)
		w.Stop()
		s.settle(in)
		s.await("polling has come to its end", func() bool {
			return s.has(run, enumspb.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT) ||
				s.has(run, enumspb.EVENT_TYPE_ACTIVITY_TASK_FAILED)
		})
		s.startWorker()
		result := s.result(run)
		require.Equal(t, stemflow.SettledByPoll, result.SettledBy)
		s.requireArchived(in, result)
	})
	t.Run("while the submit is answered", func(t *testing.T) {
		t.Parallel()
		s := newStackAt(t, serverstest.Temporal(t).Addr)
		w := s.hostWorker()
		in := track(stemflow.SeparateVocal)
		in.Deadline = stemflow.Duration(3 * time.Second)
		s.sim.SetScenario(in.AudioID, kiesim.Scenario{Callback: kiesim.Callback{Lost: true}})
		release := s.holdAnswer(in)
		run := s.start(in)
		s.await("it is paid for", func() bool { return s.billed(in) == 1 })
		stopped := make(chan struct{})
		go func() { w.Stop(); close(stopped) }()
		release()
		<-stopped
		s.await("the deadline has passed", func() bool {
			paid := s.ledger(in)
			return paid.State == stemflow.SubmissionPaid && time.Since(paid.SubmittedAt) > time.Duration(in.Deadline)
		})
		s.startWorker()
		s.requireArchived(in, s.result(run))
	})
}

// The engine begins no poll after the deadline, and the run listens all the same.
func TestCallbackAfterTheLastPoll(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	in.CallbackGrace = stemflow.Duration(time.Second)
	in.PollInterval, in.Deadline = stemflow.Duration(5*time.Minute), stemflow.Duration(5*time.Minute)
	s.sim.SetScenario(in.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	run := s.start(in)
	s.await("polling has come to its end", func() bool { return s.has(run, enumspb.EVENT_TYPE_ACTIVITY_TASK_FAILED) })
	s.settle(in)
	result := s.result(run)
	require.Equal(t, stemflow.SettledByCallback, result.SettledBy)
	s.requireArchived(in, result)
	s.replay("called-back-after-the-last-poll", s.history(run))
}

// The record shows some links at first. What the callback names, or the type has, is awaited.
func TestLinksOfSomeStemsFollowLate(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	late := []string{"bass", "guitar", "keyboard", "percussion", "strings", "synth", "fx", "brass"}
	for name, lost := range map[string]bool{"called back": false, "polled": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.on(t)
			in := track(stemflow.SplitStem)
			in.CallbackGrace = stemflow.Duration(5 * time.Second)
			s.sim.SetScenario(in.AudioID, kiesim.Scenario{
				Callback: kiesim.Callback{Lost: lost},
				Outcome:  kiesim.Outcome{LateStems: late, LateBy: kiesim.Duration(20 * time.Second)},
			})
			run := s.start(in)
			result := s.result(run)
			require.Len(t, result.Stems, 12)
			require.Empty(t, result.Empty)
			require.Empty(t, result.Missing)
			s.requireArchived(in, result)
			s.replay("late-stems-"+strings.ReplaceAll(name, " ", "-"), s.history(run))
		})
	}
}

// What the record does not have in time is named, and the next start fetches that alone.
func TestMissingStemIsFetchedByALaterStart(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	in.CallbackGrace, in.Deadline = stemflow.Duration(time.Second), stemflow.Duration(10*time.Second)
	scenario := kiesim.Scenario{
		Callback: kiesim.Callback{Lost: true}, Outcome: kiesim.Outcome{
			LateStems: []string{"instrumental"}, LateBy: kiesim.Duration(30 * time.Second),
		},
	}
	s.sim.SetScenario(in.AudioID, scenario)
	run := s.start(in)
	first := s.result(run)
	require.Len(t, first.Stems, 1)
	require.Equal(t, "instrumental", first.Missing[0].Name)
	s.requireArchived(in, first)
	s.replay("missing", s.history(run))

	var again client.WorkflowRun
	s.await("the provider serves it", func() bool {
		again = s.start(in)
		return len(s.result(again).Stems) == 2
	})
	second := s.result(again)
	require.Equal(t, stemflow.SettledByResume, second.SettledBy)
	require.Equal(t, first.Stems[0], second.Stems[0])
	require.Empty(t, second.Missing)
	s.requireArchived(in, second)
	s.replay("again-after-missing", s.history(again))
	require.Equal(t, stemflow.SettledByArchive, s.result(s.start(in)).SettledBy)
	require.Equal(t, 1, s.billed(in))
}

// With a poll every second five looks are over soon. The record is given its time all the same.
func TestLinksThatFollowAfterManyQuickLooks(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	in.CallbackGrace = stemflow.Duration(time.Second)
	s.sim.SetScenario(in.AudioID, kiesim.Scenario{
		Callback: kiesim.Callback{Lost: true}, Outcome: kiesim.Outcome{Links: kiesim.LinksNull, LinksAfter: 8},
	})
	s.requireArchived(in, s.result(s.start(in)))
}

// A repeat says nothing new: it costs its signal and the workflow task that reads it.
func TestRepeatedCallbacksCostOnlyTheirSignal(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	s.sim.SetScenario(in.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	run := s.start(in)
	s.awaitPhase(run, stemflow.PhaseWaiting)
	repeat := func() {
		require.NoError(t, s.client.SignalWorkflow(t.Context(), run.GetID(), "", stemflow.SignalSeparationCallback,
			stemflow.Callback{TaskID: s.charges(in)[0].TaskID, Code: 500, Message: "x"}))
	}
	repeat()
	s.awaitPhase(run, stemflow.PhasePolling)
	repeat() // notes in the history by which rule the run goes
	s.awaitIdle(run)
	before := len(s.history(run))
	const n = 15
	for range n {
		repeat()
		s.awaitIdle(run)
	}
	// A workflow task that times out on a busy machine is begun again, with three events.
	require.LessOrEqual(t, len(s.history(run))-before, 6*n)
	s.cancelled(run)
}

// awaitIdle waits until the run has read all its signals.
func (s *stack) awaitIdle(run client.WorkflowRun) {
	s.t.Helper()
	s.await("the run has read its signals", func() bool {
		signal, task := 0, 0
		for i, event := range s.history(run) {
			switch event.GetEventType() {
			case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
				signal = i
			case enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
				task = i
			}
		}
		return task > signal
	})
}

// Temporal takes ten thousand signals of a run.
var thousands = flag.Int("callbacks", 200, "how many callbacks come in TestThousandsOfCallbacks, up to 9900")

// paidAndPending is a run that is paid for, whose callback is lost.
func (s *stack) paidAndPending() (stemflow.SeparateStemsInput, client.WorkflowRun) {
	s.t.Helper()
	in := track(stemflow.SplitStem)
	in.PollInterval = stemflow.Duration(5 * time.Second)
	s.sim.SetScenario(in.AudioID, kiesim.Scenario{
		Outcome: kiesim.Outcome{Pending: true}, Callback: kiesim.Callback{Lost: true},
	})
	run := s.start(in)
	s.await("the separation is paid for", func() bool { return s.memo(run) != "" })
	return in, run
}

// historySize is what a history has in events and bytes.
func (s *stack) historySize(run client.WorkflowRun) (events, bytes int) {
	history := s.history(run)
	for _, event := range history {
		bytes += event.Size()
	}
	return len(history), bytes
}

// As many repeats leave a run healthy: it settles, and it can be cancelled.
func TestThousandsOfCallbacks(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("brings up servers")
	}
	s := newStack(t)
	for name, end := range map[string]func(*stack, stemflow.SeparateStemsInput, client.WorkflowRun){
		"settled": func(s *stack, in stemflow.SeparateStemsInput, run client.WorkflowRun) {
			s.settle(in)
			s.requireArchived(in, s.result(run))
		},
		"cancelled": func(s *stack, _ stemflow.SeparateStemsInput, run client.WorkflowRun) { s.cancelled(run) },
	} {
		// Whoever may signal at Temporal itself can send as many as Temporal takes, of a few KB
		// each.
		t.Run("signals, "+name, func(t *testing.T) {
			t.Parallel()
			s := s.on(t)
			in, run := s.paidAndPending()
			callback := stemflow.Callback{TaskID: s.memo(run), Code: stemflow.CodeOK}
			for _, stem := range stemflow.ExpectedStems(stemflow.SplitStem, "") {
				callback.Stems = append(callback.Stems, stemflow.SourceStem{
					Name: stem, URL: "http://127.0.0.1/s/" + strings.Repeat("0", 200) + "_" + stem + ".mp3",
				})
			}
			for range *thousands {
				require.NoError(t, s.client.SignalWorkflow(t.Context(), run.GetID(), run.GetRunID(),
					stemflow.SignalSeparationCallback, callback))
			}
			end(s, in, run)
			events, bytes := s.historySize(run)
			t.Logf("%d events, %d KB", events, bytes>>10)
			require.Less(t, events, 51_200)
		})
		// Of the largest body, signed anew each time, as the provider repeats it.
		t.Run("through the bridge, "+name, func(t *testing.T) {
			t.Parallel()
			s := s.on(t)
			in, run := s.paidAndPending()
			body := fmt.Appendf(nil, `{"code":200,"data":{"task_id":%q,"vocal_separation_info":{}}}`, s.memo(run))
			body = append(body, bytes.Repeat([]byte(" "), 256<<10-len(body))...)
			keyring, err := token.NewKeyring([]string{callbackSecret})
			require.NoError(t, err)
			address := s.bridge.URL + "/callbacks/" + keyring.Mint(token.Claims{
				Namespace: "default", WorkflowID: run.GetID(), RunID: run.GetRunID(), Expires: time.Now().Add(time.Hour),
			})
			for range *thousands {
				timestamp, signature := kie.Sign(webhookKey, s.memo(run), time.Now())
				request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, bytes.NewReader(body))
				require.NoError(t, err)
				request.Header.Set("Content-Type", "application/json")
				request.Header.Set(kie.HeaderTimestamp, timestamp)
				request.Header.Set(kie.HeaderSignature, signature)
				response, err := http.DefaultClient.Do(request)
				require.NoError(t, err)
				require.NoError(t, response.Body.Close())
				require.Equal(t, http.StatusOK, response.StatusCode)
			}
			end(s, in, run)
			events, bytes := s.historySize(run)
			t.Logf("%d events, %d KB", events, bytes>>10)
			require.Less(t, bytes, 1<<20)
		})
	}
}
