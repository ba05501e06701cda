package integration

import (
	"context"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/devservers"
	"stemflow/internal/devservers/serverstest"
	"stemflow/kiesim"
	"stemflow/plugin"
)

// lost is a provider that accepts a submit and whose answer nobody ever sees. Its callback comes
// when the test settles the task.
func lost() kiesim.Scenario {
	return kiesim.Scenario{
		Submit: kiesim.Fault{Answer: kiesim.AnswerCut, Accept: true}, Outcome: kiesim.Outcome{Pending: true},
	}
}

// terminated starts a run whose submit is lost, and terminates it while it waits for its callback.
func (s *stack) terminated(in stemflow.SeparateStemsInput) client.WorkflowRun {
	s.t.Helper()
	run := s.start(in)
	s.awaitPhase(run, stemflow.PhaseWaiting)
	s.await("the track is paid for", func() bool { return s.billed(in) == 1 })
	require.Equal(s.t, stemflow.SubmissionIntended, s.ledger(in).State)
	require.NoError(s.t, s.client.TerminateWorkflow(s.t.Context(), run.GetID(), run.GetRunID(), "the operator's"))
	return run
}

// recording is the workflow that records callbacks for a run.
func (s *stack) recording(run client.WorkflowRun) client.WorkflowRun {
	return s.client.GetWorkflow(s.t.Context(), activityapi.RecordCallbackWorkflowID(run.GetRunID()), "")
}

// recorded waits until the callback for a run has been recorded.
func (s *stack) recorded(run client.WorkflowRun) activityapi.RecordedCallback {
	s.t.Helper()
	s.await("Temporal has the callback", func() bool {
		_, err := s.client.DescribeWorkflow(s.t.Context(), activityapi.RecordCallbackWorkflowID(run.GetRunID()), "")
		return err == nil
	})
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	var recorded activityapi.RecordedCallback
	require.NoError(s.t, s.recording(run).Get(ctx, &recorded))
	return recorded
}

// awaitSignal waits until a callback has reached a run.
func (s *stack) awaitSignal(run client.WorkflowRun) {
	s.t.Helper()
	s.await("a callback has reached the run", func() bool {
		return slices.ContainsFunc(s.history(run), func(event *historypb.HistoryEvent) bool {
			return event.GetWorkflowExecutionSignaledEventAttributes() != nil
		})
	})
}

// awaitFailed waits until an activity of a run has failed for good with an error of this type.
func (s *stack) awaitFailed(run client.WorkflowRun, kind string) {
	s.t.Helper()
	s.await("an activity has failed with "+kind, func() bool {
		return slices.ContainsFunc(s.history(run), func(event *historypb.HistoryEvent) bool {
			failure := event.GetActivityTaskFailedEventAttributes().GetFailure()
			return failure.GetApplicationFailureInfo().GetType() == kind
		})
	})
}

// requirePaid demands that the ledger names what the provider was paid for, once.
func (s *stack) requirePaid(in stemflow.SeparateStemsInput) {
	s.t.Helper()
	charges, ledger := s.charges(in), s.ledger(in)
	require.Len(s.t, charges, 1)
	require.Equal(s.t, stemflow.SubmissionPaid, ledger.State)
	require.Equal(s.t, charges[0].TaskID, ledger.SeparationTaskID)
}

// hostWorker is a worker that the test stops itself.
func (s *stack) hostWorker() worker.Worker {
	s.t.Helper()
	p, err := plugin.New(s.cfg)
	require.NoError(s.t, err)
	w := worker.New(s.client, s.queue, worker.Options{Plugins: []worker.Plugin{p}, WorkerStopTimeout: 5 * time.Second})
	require.NoError(s.t, w.Start())
	return w
}

func TestCallbackAfterTheRunReachesTheLedger(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	t.Run("of a run that was terminated", func(t *testing.T) {
		t.Parallel()
		s := s.on(t)
		in := track(stemflow.SplitStemAdvanced)
		s.sim.SetScenario(in.AudioID, lost())
		run := s.terminated(in)
		s.settle(in)
		recorded := s.recorded(run)
		require.Equal(t, activityapi.RecordedCallback{
			SeparationTaskID: s.charges(in)[0].TaskID, Owner: run.GetRunID(), Outcome: activityapi.CallbackRecorded,
		}, recorded)
		s.requirePaid(in)
		s.resumed(in)

		// The provider repeats itself, and starts nothing.
		first, err := s.client.DescribeWorkflow(t.Context(), activityapi.RecordCallbackWorkflowID(run.GetRunID()), "")
		require.NoError(t, err)
		status, err := s.sim.SendCallback(t.Context(), kiesim.CallbackNow{TaskID: recorded.SeparationTaskID})
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
		again, err := s.client.DescribeWorkflow(t.Context(), first.WorkflowExecution.ID, "")
		require.NoError(t, err)
		require.Equal(t, first.WorkflowExecution, again.WorkflowExecution)
	})
	t.Run("of a run that was terminated in the call", func(t *testing.T) {
		t.Parallel()
		s := s.on(t)
		in := track(stemflow.SeparateVocal)
		s.sim.SetScenario(in.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
		s.holdAnswer(in) // for good
		run := s.start(in)
		s.await("the track is paid for", func() bool { return s.billed(in) == 1 })
		require.NoError(t, s.client.TerminateWorkflow(t.Context(), run.GetID(), run.GetRunID(), "the operator's"))
		s.settle(in)
		s.recorded(run)
		s.requirePaid(in)
		s.resumed(in)
	})
	t.Run("of a separation that failed", func(t *testing.T) {
		t.Parallel()
		s := s.on(t)
		in := track(stemflow.SeparateVocal)
		scenario := lost()
		scenario.Outcome.Failure = &kiesim.Failure{Code: 531}
		s.sim.SetScenario(in.AudioID, scenario)
		run := s.terminated(in)
		s.settle(in)
		s.recorded(run)
		require.Equal(t, stemflow.SubmissionFailed, s.ledger(in).State)
		require.Equal(t, 531, s.ledger(in).ProviderCode)
		s.sim.SetScenario(in.AudioID, kiesim.Scenario{})
		s.result(s.start(in))
		require.Equal(t, 2, s.billed(in), "another try is paid for, without force")
	})
	t.Run("while a later run of the track is open", func(t *testing.T) {
		t.Parallel()
		s := s.on(t)
		in := track(stemflow.SeparateVocal)
		s.sim.SetScenario(in.AudioID, lost())
		s.terminated(in)
		second := s.start(in)
		s.awaitFailed(second, activityapi.ActivityErrorSubmitHeld) // by the intent of the first
		s.settle(in)
		s.awaitSignal(second)
		require.Empty(t, s.cancelled(second))
		s.requirePaid(in)
		s.resumed(in)
	})
	t.Run("while a later run separates the track again", func(t *testing.T) {
		t.Parallel()
		s := s.on(t)
		in := track(stemflow.SeparateVocal)
		s.sim.SetScenario(in.AudioID, lost())
		s.terminated(in)
		first := s.charges(in)[0].TaskID
		s.sim.SetScenario(in.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
		in.Force = true
		second := s.start(in)
		s.awaitPhase(second, stemflow.PhaseWaiting)
		require.NoError(t, s.sim.Settle(first))
		s.awaitSignal(second)
		s.settle(in)
		result := s.result(second)
		require.NotEqual(t, first, result.SeparationTaskID, "it waits for its own")
		s.requireArchived(in, result)
		require.Equal(t, 2, s.billed(in))
	})
}

// Nobody is there: the callback waits in Temporal for a worker.
func TestCallbackAfterTheRunWaitsForAWorker(t *testing.T) {
	t.Parallel()
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	w := s.hostWorker()
	in := track(stemflow.SeparateVocal)
	s.sim.SetScenario(in.AudioID, lost())
	run := s.terminated(in)
	w.Stop()
	s.settle(in)
	s.await("the callback is acknowledged", func() bool { return s.sim.Bill().Callbacks.Acknowledged == 1 })
	require.Equal(t, stemflow.SubmissionIntended, s.ledger(in).State)
	s.startWorker()
	s.recorded(run)
	s.requirePaid(in)
	s.resumed(in)
}

// What a thief of a token makes up, and is not the run's, changes nothing and keeps the
// genuine one not out.
func TestForgedCallbacksAfterTheRun(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in, other := track(stemflow.SeparateVocal), track(stemflow.SeparateVocal)
	s.sim.SetScenario(in.AudioID, lost())
	s.result(s.start(other))
	run := s.terminated(in)
	genuine := s.charges(in)[0].TaskID
	for _, forged := range []string{s.charges(other)[0].TaskID, newID()} {
		status, err := s.sim.SendCallback(t.Context(), kiesim.CallbackNow{TaskID: genuine, AsTaskID: forged})
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
	}
	s.awaitFailed(s.recording(run), activityapi.ActivityErrorNotOwn) // a record of the other one might still come
	require.Equal(t, stemflow.SubmissionIntended, s.ledger(in).State)
	s.settle(in)
	require.Equal(t, genuine, s.recorded(run).SeparationTaskID)
	s.requirePaid(in)
	s.resumed(in)
	require.Equal(t, 1, s.billed(other))
}

// The provider is told to try again while Temporal cannot take a callback, and its repetition is
// recorded.
func TestCallbackAfterTheRunWhileTemporalIsAway(t *testing.T) {
	serverstest.SkipIfShort(t)
	t.Parallel()
	server, err := devservers.Temporal(
		t.Context(),
		devservers.TemporalOptions{DBFile: filepath.Join(t.TempDir(), "temporal.db")},
	)
	require.NoError(t, err)
	t.Cleanup(func() { server.Stop() })
	s := newStackAt(t, server.Addr)
	s.startWorker()
	in := track(stemflow.SeparateVocal)
	scenario := lost()
	scenario.Callback.Lost = true // those that the test sends are enough
	s.sim.SetScenario(in.AudioID, scenario)
	run := s.terminated(in)
	s.settle(in)
	callback := func() int {
		status, err := s.sim.SendCallback(t.Context(), kiesim.CallbackNow{TaskID: s.charges(in)[0].TaskID})
		require.NoError(t, err)
		return status
	}
	server.Kill()
	require.Equal(t, http.StatusServiceUnavailable, callback())
	server, err = server.Restart(t.Context())
	require.NoError(t, err)
	s.await("the callback is taken", func() bool { return callback() == http.StatusOK })
	s.recorded(run)
	s.requirePaid(in)
	s.resumed(in)
}
