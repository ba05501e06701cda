package integration

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/kiesim"
)

// cancelled cancels a run, waits for its end, and returns the separation that its error names.
func (s *stack) cancelled(run client.WorkflowRun) string {
	s.t.Helper()
	require.NoError(s.t, s.client.CancelWorkflow(s.t.Context(), run.GetID(), run.GetRunID()))
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	var canceled *temporal.CanceledError
	require.ErrorAs(s.t, run.Get(ctx, nil), &canceled)
	var details stemflow.ErrorDetails
	require.NoError(s.t, canceled.Details(&details))
	return details.SeparationTaskID
}

// resumed demands that the next run of a track takes up what was paid for.
func (s *stack) resumed(in stemflow.SeparateStemsInput) {
	s.t.Helper()
	charges := s.charges(in)
	require.Len(s.t, charges, 1)
	result := s.result(s.start(in))
	require.Equal(s.t, charges[0].TaskID, result.SeparationTaskID)
	s.requireArchived(in, result)
	require.Len(s.t, s.charges(in), 1, "the second run pays nothing")
}

func TestCancelledInEachPhaseAndResumed(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	pending := kiesim.Outcome{Pending: true}
	for phase, c := range map[stemflow.Phase]struct {
		scenario kiesim.Scenario
		grace    time.Duration
	}{
		stemflow.PhaseSubmitting: {kiesim.Scenario{Outcome: pending}, time.Minute},
		stemflow.PhaseWaiting:    {kiesim.Scenario{Outcome: pending}, time.Minute},
		stemflow.PhasePolling: {kiesim.Scenario{Outcome: pending, Callback: kiesim.Callback{Lost: true}},
			time.Second},
		stemflow.PhaseArchiving: {kiesim.Scenario{Files: slowFiles()}, time.Minute},
	} {
		t.Run(string(phase), func(t *testing.T) {
			t.Parallel()
			s := s.on(t)
			in := track(stemflow.SeparateVocal)
			in.CallbackGrace = stemflow.Duration(c.grace)
			s.sim.SetScenario(in.AudioID, c.scenario)
			release := func() {}
			if phase == stemflow.PhaseSubmitting {
				release = s.holdAnswer(in)
			}
			run := s.start(in)
			s.awaitPhase(run, phase)
			s.await("the track is paid for", func() bool { return s.billed(in) == 1 })
			// The provider has accepted and is slow to say so: the run waits for the id.
			time.AfterFunc(2*time.Second, release)
			id := s.cancelled(run)
			require.Equal(t, s.charges(in)[0].TaskID, id)
			require.Equal(t, id, s.memo(run))
			require.Equal(t, stemflow.SubmissionPaid, s.ledger(in).State)
			_, ok := s.manifest(in)
			require.False(t, ok)
			s.settle(in)
			s.resumed(in)
		})
	}
}

// Runs that wait for their turn on the rate-limited queue are dropped unpaid when they are
// cancelled.
func TestCancelledBeforeTheSubmitIsUnpaid(t *testing.T) {
	t.Parallel()
	s := newStack(t, func(s *stack) { s.cfg.SubmitRate = 0.001 })
	tracks := make([]stemflow.SeparateStemsInput, 16)
	runs := make([]client.WorkflowRun, len(tracks))
	for i := range tracks {
		tracks[i] = track(stemflow.SeparateVocal)
		runs[i] = s.start(tracks[i])
	}
	for _, run := range runs {
		s.await("the submit is asked for, or made", func() bool {
			pending := s.pending(run)
			return s.memo(run) != "" ||
				len(pending) > 0 && pending[0].ActivityType.Name == activityapi.ActivitySubmitSeparation
		})
	}
	dropped := 0
	for i, run := range runs {
		if s.billed(tracks[i]) > 0 {
			continue
		}
		dropped++
		require.Empty(t, s.cancelled(run))
		require.Empty(t, s.memo(run))
	}
	require.NotZero(t, dropped, "the engine lets some through at once, and not all")
	require.Len(t, s.sim.Bill().Charges, len(tracks)-dropped)
}

func TestAfterATimeOutTheSeparationIsResumed(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	in.CallbackGrace, in.Deadline = stemflow.Duration(time.Second), stemflow.Duration(3*time.Second)
	s.sim.SetScenario(
		in.AudioID,
		kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}, Callback: kiesim.Callback{Lost: true}},
	)
	kind, message, details := s.failure(s.start(in))
	require.Equal(t, stemflow.ErrorSeparationTimedOut, kind, message)
	require.Equal(t, s.charges(in)[0].TaskID, details.SeparationTaskID)
	in.Deadline = 0
	s.settle(in)
	s.resumed(in)
}

// A stem is larger than the worker allows; the limit is raised, as the message says, and the track
// started again.
func TestAfterAFailureToArchiveItIsResumed(t *testing.T) {
	t.Parallel()
	s := newStack(t, func(s *stack) { s.cfg.MaxStemSize = 150_000 })
	in := track(stemflow.SeparateVocal)
	s.sim.SetScenario(in.AudioID, kiesim.Scenario{Files: map[string]kiesim.File{"vocals": {Size: 200_000}}})
	kind, message, details := s.failure(s.start(in))
	require.Equal(t, stemflow.ErrorArchiveIncomplete, kind, message)
	require.Equal(t, s.charges(in)[0].TaskID, details.SeparationTaskID)
	s.queue, s.cfg.MaxStemSize = s.queue+"-raised", 0
	s.startWorker()
	s.resumed(in)
}

func TestAfterTerminationTheSeparationIsResumed(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	s.sim.SetScenario(in.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	run := s.start(in)
	s.awaitPhase(run, stemflow.PhaseWaiting)
	require.NoError(t, s.client.TerminateWorkflow(t.Context(), run.GetID(), run.GetRunID(), "test"))
	require.Equal(t, s.charges(in)[0].TaskID, s.memo(run))
	s.settle(in)
	s.resumed(in)
}

// The ledger remembers what Temporal's retention has forgotten.
func TestWhenTemporalForgotTheRunItIsResumed(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	s.sim.SetScenario(in.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	run := s.start(in)
	s.awaitPhase(run, stemflow.PhaseWaiting)
	_, err := s.client.WorkflowService().
		DeleteWorkflowExecution(t.Context(), &workflowservice.DeleteWorkflowExecutionRequest{
			Namespace:         client.DefaultNamespace,
			WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: run.GetID(), RunId: run.GetRunID()},
		})
	require.NoError(t, err)
	s.await("Temporal has forgotten the run", func() bool {
		_, err := s.client.DescribeWorkflow(t.Context(), run.GetID(), "")
		_, ok := errors.AsType[*serviceerror.NotFound](err)
		return ok
	})
	s.settle(in)
	s.resumed(in)
}

func TestAfterAFailedSeparationItPaysAnew(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	s.sim.QueueScenarios(in.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Failure: &kiesim.Failure{}}})
	kind, message, _ := s.failure(s.start(in))
	require.Equal(t, stemflow.ErrorSeparationFailed, kind, message)
	result := s.result(s.start(in))
	s.requireArchived(in, result)
	require.Len(t, s.charges(in), 2)
	require.Equal(t, s.charges(in)[1].TaskID, result.SeparationTaskID)
}

func TestTwoRunsOfATrackAtTheSameMomentPayOnce(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	for name, submit := range map[string]kiesim.Fault{
		"answered at once":    {},
		"answered late":       {Delay: kiesim.Duration(4 * time.Second)},
		"refused in between":  {Answer: kiesim.AnswerRefuse, Code: 400, Times: 1},
		"to be tried again":   {Answer: kiesim.AnswerRefuse, Code: 429, Times: 1},
		"never answered, yet": {Answer: kiesim.AnswerCut, Accept: true, Times: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.on(t)
			in := track(stemflow.SeparateVocal)
			s.sim.SetScenario(in.AudioID, kiesim.Scenario{Delay: kiesim.Duration(time.Second), Submit: submit})
			runs := make([]client.WorkflowRun, 3)
			for i := range runs {
				runs[i] = s.startAs("other-"+newID(), in)
			}
			ended := 0
			for _, run := range runs {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				var result stemflow.SeparateStemsResult
				if err := run.Get(ctx, &result); err == nil {
					s.requireArchived(in, result)
					ended++
				}
			}
			if submit.Code == 400 {
				require.Equal(t, 2, ended, "whose call is refused ends, and the next one pays")
			} else {
				require.Equal(t, 3, ended)
			}
			require.Equal(t, 1, s.billed(in))
		})
	}
}

// A separation is resumed by its id into an archive that knows nothing of it.
func TestResumeByID(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	for name, c := range map[string]struct {
		scenario kiesim.Scenario
		wait     bool // for the first run's end
		change   func(*stemflow.SeparateStemsInput)
		fails    string
	}{
		"still running": {scenario: kiesim.Scenario{Delay: kiesim.Duration(4 * time.Second), Callback: kiesim.Callback{Lost: true}}},
		"done":          {wait: true},
		"failed": {
			scenario: kiesim.Scenario{Outcome: kiesim.Outcome{Failure: &kiesim.Failure{}}}, wait: true,
			fails: stemflow.ErrorSeparationFailed,
		},
		"fails meanwhile": {
			scenario: kiesim.Scenario{Delay: kiesim.Duration(4 * time.Second),
				Outcome: kiesim.Outcome{Failure: &kiesim.Failure{}}},
			fails: stemflow.ErrorSeparationFailed,
		},
		"unknown": {
			wait: true, change: func(in *stemflow.SeparateStemsInput) { in.SeparationTaskID = newID() },
			fails: stemflow.ErrorInvalidInput,
		},
		"another track's": {
			wait: true, change: func(in *stemflow.SeparateStemsInput) { in.AudioID = newID() },
			fails: stemflow.ErrorInvalidInput,
		},
		"another track's, still running": {
			scenario: kiesim.Scenario{Delay: kiesim.Duration(4 * time.Second)},
			change:   func(in *stemflow.SeparateStemsInput) { in.AudioID = newID() }, fails: stemflow.ErrorInvalidInput,
		},
		"another track's, not to be seen yet": {
			scenario: kiesim.Scenario{Record: kiesim.Record{NullLooks: 3}, Delay: kiesim.Duration(20 * time.Second)},
			change:   func(in *stemflow.SeparateStemsInput) { in.AudioID = newID() }, fails: stemflow.ErrorInvalidInput,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.on(t)
			in := track(stemflow.SeparateVocal)
			s.sim.SetScenario(in.AudioID, c.scenario)
			first := s.start(in)
			s.await("the separation is paid for", func() bool { return s.memo(first) != "" })
			if c.wait {
				_ = first.Get(t.Context(), nil) // how it ends is up to the scenario
			}
			paid := in
			in.Prefix, in.SeparationTaskID = "elsewhere", s.memo(first)
			if c.change != nil {
				c.change(&in)
			}
			run := s.startAs("resume-"+newID(), in)
			if c.fails == "" {
				result := s.result(run)
				require.Equal(t, in.SeparationTaskID, result.SeparationTaskID)
				s.requireArchived(in, result)
			} else {
				kind, message, _ := s.failure(run)
				require.Equal(t, c.fails, kind, message)
				_, ok := s.manifest(in)
				require.False(t, ok)
			}
			require.Equal(t, 1, s.billed(paid))
			if in.AudioID != paid.AudioID {
				require.Zero(t, s.billed(in))
				require.Empty(t, s.keys(in), "another track's archive is left alone")
			}
		})
	}
}
