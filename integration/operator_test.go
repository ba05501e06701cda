package integration

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	activitypb "go.temporal.io/api/activity/v1"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/devservers/serverstest"
	"stemflow/kiesim"
)

// The tests of this file press the buttons of Temporal's UI and command line, and count what the
// provider was paid. docs/operations.md says what each of them does to a run and its bill.

// noLongerHeld lets the provider answer further submits of a track. Answers that are kept back stay
// so.
func (s *stack) noLongerHeld(in stemflow.SeparateStemsInput) {
	s.held.mu.Lock()
	defer s.held.mu.Unlock()
	delete(s.held.byTrack, in.AudioID)
}

func execution(run client.WorkflowRun) *commonpb.WorkflowExecution {
	return &commonpb.WorkflowExecution{WorkflowId: run.GetID(), RunId: run.GetRunID()}
}

// pendingSubmit is a run's submit that is waiting or under way, or nil.
func (s *stack) pendingSubmit(run client.WorkflowRun) *workflowpb.PendingActivityInfo {
	s.t.Helper()
	for _, pending := range s.pending(run) {
		if pending.GetActivityType().GetName() == activityapi.ActivitySubmitSeparation {
			return pending
		}
	}
	return nil
}

// submitting starts a run of a pending separation, and returns when the provider was paid for it
// and nobody has seen the answer.
func (s *stack) submitting(in stemflow.SeparateStemsInput) (run client.WorkflowRun, release func()) {
	s.t.Helper()
	s.sim.SetScenario(in.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	release = s.holdAnswer(in)
	run = s.start(in)
	s.await("the submit is under way", func() bool { return s.billed(in) == 1 })
	return run, release
}

// awaitUnknown waits until a run knows that it may have paid for a track and not what.
func (s *stack) awaitUnknown(in stemflow.SeparateStemsInput, run client.WorkflowRun) {
	s.t.Helper()
	s.await("the run waits for the callback to tell what became of its submit", func() bool {
		require.LessOrEqual(s.t, s.billed(in), 1)
		answer, err := s.client.QueryWorkflow(s.t.Context(), run.GetID(), run.GetRunID(), stemflow.QueryProgress)
		var progress stemflow.Progress
		return err == nil && answer.Get(&progress) == nil && progress.SubmissionUnknown
	})
}

// settledOnce lets the provider come to an end, and demands that the run archives what was paid for
// once.
func (s *stack) settledOnce(in stemflow.SeparateStemsInput, run client.WorkflowRun) {
	s.t.Helper()
	s.settle(in)
	result := s.result(run)
	charges := s.charges(in)
	require.Len(s.t, charges, 1)
	require.Equal(s.t, charges[0].TaskID, result.SeparationTaskID)
	s.requireArchived(in, result)
}

// reset resets a run to the end of a workflow task, and returns the run that goes on from there.
func (s *stack) reset(run client.WorkflowRun, event int64) client.WorkflowRun {
	s.t.Helper()
	answer, err := s.client.ResetWorkflowExecution(s.t.Context(), &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: client.DefaultNamespace, WorkflowExecution: execution(run),
		Reason: "the operator's", RequestId: newID(), WorkflowTaskFinishEventId: event,
	})
	require.NoError(s.t, err)
	return s.client.GetWorkflow(s.t.Context(), run.GetID(), answer.GetRunId())
}

// firstTask is the end of a run's first workflow task, before its submit. afterSubmit is that of
// the one that heard of the submit.
const firstTask = 4

func (s *stack) afterSubmit(run client.WorkflowRun) int64 {
	s.t.Helper()
	submitted := false
	for _, event := range s.history(run) {
		submitted = submitted || event.GetActivityTaskCompletedEventAttributes() != nil
		if submitted && event.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			return event.GetEventId()
		}
	}
	require.FailNow(s.t, "no workflow task has heard of the submit")
	return 0
}

// The worker is lost in the call, and the engine was told to execute the submit again.
func TestSubmitExecutedAgainByTheEngine(t *testing.T) {
	t.Parallel()
	program := buildWorker(t)
	for name, press := range map[string]func(*stack, client.WorkflowRun){
		"activity reset": func(s *stack, run client.WorkflowRun) {
			_, err := s.client.WorkflowService().ResetActivity(s.t.Context(), &workflowservice.ResetActivityRequest{
				Namespace: client.DefaultNamespace, Execution: execution(run),
				Activity: &workflowservice.ResetActivityRequest_Type{Type: activityapi.ActivitySubmitSeparation},
			})
			require.NoError(s.t, err)
		},
		"activity update-options": func(s *stack, run client.WorkflowRun) {
			s.retry(run, &activitypb.ActivityOptions{RetryPolicy: &commonpb.RetryPolicy{MaximumAttempts: 3}},
				"retry_policy.maximum_attempts")
		},
		"nothing": func(*stack, client.WorkflowRun) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStackAt(t, serverstest.Temporal(t).Addr)
			in := track(stemflow.SeparateVocal)
			worker := s.startProgram(program)
			run, _ := s.submitting(in)
			press(s, run)
			worker.Kill()
			s.noLongerHeld(in)
			s.startProgram(program)
			s.awaitUnknown(in, run)
			require.Equal(t, 1, s.billed(in))
			s.settledOnce(in, run)
		})
	}
}

// retry gives a pending submit other options.
func (s *stack) retry(run client.WorkflowRun, options *activitypb.ActivityOptions, paths ...string) {
	s.t.Helper()
	_, err := s.client.WorkflowService().
		UpdateActivityOptions(s.t.Context(), &workflowservice.UpdateActivityOptionsRequest{
			Namespace: client.DefaultNamespace, Execution: execution(run), ActivityOptions: options,
			Activity:   &workflowservice.UpdateActivityOptionsRequest_Type{Type: activityapi.ActivitySubmitSeparation},
			UpdateMask: &fieldmaskpb.FieldMask{Paths: paths},
		})
	require.NoError(s.t, err)
}

// Two executions of one submit at the same time: the engine gives up on one that only takes long,
// and starts another.
func TestSubmitExecutedTwiceAtOnce(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	for name, released := range map[string]bool{"the first ends as well": true, "the first is never heard of": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.on(t)
			in := track(stemflow.SeparateVocal)
			run, release := s.submitting(in)
			s.noLongerHeld(in)
			s.retry(run, &activitypb.ActivityOptions{
				RetryPolicy: &commonpb.RetryPolicy{
					MaximumAttempts: 5, InitialInterval: durationpb.New(time.Second), BackoffCoefficient: 1,
				},
				StartToCloseTimeout: durationpb.New(3 * time.Second),
			}, "retry_policy.maximum_attempts", "retry_policy.initial_interval", "start_to_close_timeout")
			s.awaitUnknown(in, run)
			if released {
				release()
				s.await("the first has completed its ledger", func() bool {
					return s.ledger(in).State == stemflow.SubmissionPaid
				})
			}
			s.settledOnce(in, run)
		})
	}
}

func TestPausedSubmit(t *testing.T) {
	t.Parallel()
	pause := func(s *stack, run client.WorkflowRun) {
		_, err := s.client.WorkflowService().PauseActivity(s.t.Context(), &workflowservice.PauseActivityRequest{
			Namespace: client.DefaultNamespace, Execution: execution(run), RequestId: newID(), Reason: "the operator's",
			Activity: &workflowservice.PauseActivityRequest_Type{Type: activityapi.ActivitySubmitSeparation},
		})
		require.NoError(s.t, err)
		require.True(s.t, s.pendingSubmit(run).GetPaused())
	}
	unpause := func(s *stack, run client.WorkflowRun, resetAttempts bool) {
		_, err := s.client.WorkflowService().UnpauseActivity(s.t.Context(), &workflowservice.UnpauseActivityRequest{
			Namespace: client.DefaultNamespace, Execution: execution(run), ResetAttempts: resetAttempts,
			Activity: &workflowservice.UnpauseActivityRequest_Type{Type: activityapi.ActivitySubmitSeparation},
		})
		require.NoError(s.t, err)
	}
	t.Run("in the call", func(t *testing.T) {
		t.Parallel()
		s := newStack(t)
		for name, press := range map[string]func(*stack, client.WorkflowRun){
			"and never unpaused":      func(*stack, client.WorkflowRun) {},
			"and unpaused":            func(s *stack, run client.WorkflowRun) { unpause(s, run, false) },
			"and unpaused with reset": func(s *stack, run client.WorkflowRun) { unpause(s, run, true) },
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := s.on(t)
				in := track(stemflow.SeparateVocal)
				run, release := s.submitting(in)
				s.noLongerHeld(in)
				pause(s, run)
				press(s, run)
				release()
				s.await("the answer has come", func() bool { return s.memo(run) != "" })
				require.Equal(t, stemflow.SubmissionPaid, s.ledger(in).State)
				s.settledOnce(in, run)
			})
		}
	})
	t.Run("before its turn", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, func(s *stack) { s.cfg.SubmitRate = 0.1 })
		tracks := make([]stemflow.SeparateStemsInput, 6)
		runs := make([]client.WorkflowRun, len(tracks))
		for i := range tracks {
			tracks[i] = track(stemflow.SeparateVocal)
			runs[i] = s.start(tracks[i])
		}
		for _, run := range slices.Backward(runs) {
			s.await("the submit is asked for, or made", func() bool {
				return s.pendingSubmit(run) != nil || s.memo(run) != ""
			})
		}
		waiting := slices.IndexFunc(runs, func(run client.WorkflowRun) bool {
			return s.pendingSubmit(run).GetState() == enumspb.PENDING_ACTIVITY_STATE_SCHEDULED
		})
		require.NotEqual(t, -1, waiting, "the worker takes some at once, and not all")
		pause(s, runs[waiting])
		for i, run := range runs {
			if i != waiting {
				s.result(run)
			}
		}
		require.Zero(t, s.billed(tracks[waiting]))
		unpause(s, runs[waiting], false)
		s.requireArchived(tracks[waiting], s.result(runs[waiting]))
		require.Equal(t, 1, s.billed(tracks[waiting]))
	})
}

func TestWorkflowReset(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	for name, force := range map[string]bool{"plain": false, "forced": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Run("to before the submit, twice", func(t *testing.T) {
				t.Parallel()
				s := s.on(t)
				in := track(stemflow.SeparateVocal)
				in.Force = force
				run := s.start(in)
				first := s.result(run)
				for range 2 {
					run = s.reset(run, firstTask)
					again := s.result(run)
					require.Equal(t, first.SeparationTaskID, again.SeparationTaskID)
					require.Equal(t, 1, s.billed(in))
				}
			})
			t.Run("to after the submit", func(t *testing.T) {
				t.Parallel()
				s := s.on(t)
				in := track(stemflow.SeparateVocal)
				in.Force = force
				s.sim.SetScenario(in.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
				run := s.start(in)
				s.awaitPhase(run, stemflow.PhaseWaiting)
				s.settledOnce(in, s.reset(run, s.afterSubmit(run)))
			})
			t.Run("in the call", func(t *testing.T) {
				t.Parallel()
				s := s.on(t)
				in := track(stemflow.SeparateVocal)
				in.Force = force
				run, release := s.submitting(in)
				s.noLongerHeld(in)
				again := s.reset(run, firstTask)
				s.awaitUnknown(in, again)
				release() // the call of the run before is recorded, whatever became of that run
				s.await("the ledger names what was paid", func() bool {
					return s.ledger(in).State == stemflow.SubmissionPaid
				})
				s.settledOnce(in, again)
			})
			t.Run("in the call, whose answer is lost", func(t *testing.T) {
				t.Parallel()
				s := s.on(t)
				in := track(stemflow.SeparateVocal)
				in.Force = force
				s.sim.SetScenario(in.AudioID, lost())
				run := s.start(in)
				s.awaitUnknown(in, run)
				for range 2 {
					run = s.reset(run, firstTask)
					s.awaitUnknown(in, run)
					require.Equal(t, 1, s.billed(in))
				}
				s.settledOnce(in, run)
			})
		})
	}
}

// The ledger knows the runs of the tracks, and not that a catalogue which is reset has asked for
// the same before.
func TestACatalogThatIsResetPaysByForceOnce(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in, forced := s.forcedCatalog()
	run := s.startCatalog(in)
	require.Equal(t, stemflow.CatalogCounts{Archived: 2}, s.catalogResult(run, patience).CatalogCounts)
	require.Equal(t, 2, s.billed(forced), "before the catalogue, and by force")
	for range 2 {
		run = s.reset(run, firstTask)
		require.Equal(t, stemflow.CatalogCounts{Found: 2}, s.catalogResult(run, patience).CatalogCounts)
		require.Equal(t, 2, s.billed(forced))
	}
}

// What the run before has paid is within the budget, and so is what its tracks still pay that are
// under way.
func TestACatalogThatIsResetKeepsToItsBudget(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tracks := make([]stemflow.SeparateStemsInput, 4)
	for i := range tracks {
		tracks[i] = track(stemflow.SeparateVocal)
		if i > 0 {
			s.sim.SetScenario(tracks[i].AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
		}
	}
	budget := 3 * stemflow.Price(stemflow.SeparateVocal)
	run := s.startCatalog(stemflow.SeparateCatalogInput{
		Name: "budget-" + newID(), Tracks: tracks, CreditBudget: &budget,
	})
	underWay := func(run client.WorkflowRun) {
		s.await("one track is archived, and two are paid for", func() bool {
			p := s.catalogProgress(run)
			return p.Running == 2 && p.Ended() > 0 && s.billed(tracks[1])+s.billed(tracks[2]) == 2
		})
	}
	underWay(run)
	run = s.reset(run, firstTask)
	underWay(run)
	s.settle(tracks[1])
	s.settle(tracks[2])
	result := s.catalogResult(run, patience)
	require.Equal(t, stemflow.CatalogCounts{Archived: 2, Found: 1, Skipped: 1}, result.CatalogCounts)
	require.Equal(t, budget, result.Credits)
	require.Zero(t, s.billed(tracks[3]))
}

// The tracks under way that the run before has begun are those of the catalogue, which is cancelled
// with them. One that another caller has begun is not.
func TestACatalogThatIsResetCancelsItsTracks(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tracks := make([]stemflow.SeparateStemsInput, 3)
	for i := range tracks {
		tracks[i] = track(stemflow.SeparateVocal)
		s.sim.SetScenario(tracks[i].AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	}
	another := s.start(tracks[2])
	run := s.startCatalog(stemflow.SeparateCatalogInput{Name: "cancelled-" + newID(), Tracks: tracks})
	underWay := func(run client.WorkflowRun) {
		s.await("all tracks are under way", func() bool {
			return s.catalogProgress(run).Running == 3 && s.billed(tracks[0])+s.billed(tracks[1]) == 2
		})
	}
	underWay(run)
	run = s.reset(run, firstTask)
	underWay(run)
	require.NoError(t, s.client.CancelWorkflow(t.Context(), run.GetID(), run.GetRunID()))
	require.Error(t, run.Get(t.Context(), nil))
	for _, in := range tracks[:2] {
		require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED, s.status(stemflow.WorkflowID(in)))
	}
	s.settle(tracks[2])
	s.result(another)
}

// forcedCatalog is one of a track that is archived already and is forced, and a plain one.
func (s *stack) forcedCatalog() (in stemflow.SeparateCatalogInput, forced stemflow.SeparateStemsInput) {
	s.t.Helper()
	forced = track(stemflow.SeparateVocal)
	s.result(s.start(forced))
	forced.Force = true
	return stemflow.SeparateCatalogInput{
		Name: "forced-" + newID(), Tracks: []stemflow.SeparateStemsInput{forced, track(stemflow.SeparateVocal)},
	}, forced
}

func TestTerminatedInTheCallAndStartedAgain(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	run, release := s.submitting(in)
	require.NoError(t, s.client.TerminateWorkflow(t.Context(), run.GetID(), run.GetRunID(), "the operator's"))
	again := s.start(in)
	require.NotEqual(t, run.GetRunID(), again.GetRunID())
	s.awaitFailed(again, activityapi.ActivityErrorSubmitHeld)
	release() // the worker has the answer, and no run that asks for it
	s.settledOnce(in, again)
}

// A node that worker and store run on loses its power in the call. The worker is back first, and
// its next attempt meets no store.
func TestStoreAwayAfterALostSubmit(t *testing.T) {
	t.Parallel()
	program := buildWorker(t)
	t.Run("and the callback has come", func(t *testing.T) {
		t.Parallel()
		s := newStackAt(t, serverstest.Temporal(t).Addr)
		store := s.newStore()
		in := track(stemflow.SeparateVocal)
		s.holdAnswer(in)
		worker := s.startProgram(program)
		run := s.start(in)
		s.await("the submit is under way", func() bool { return s.billed(in) == 1 })
		s.awaitSignal(run)
		worker.Kill()
		store.Kill()
		s.noLongerHeld(in)
		s.startProgram(program)
		s.awaitFailed(run, stemflow.ErrorArchiveUnavailable)
		s.back(store)
		_, _, details := s.failure(run)
		require.True(t, details.Paid, "it may have")
		s.resumed(in)
	})
	t.Run("and the callback comes later", func(t *testing.T) {
		t.Parallel()
		s := newStackAt(t, serverstest.Temporal(t).Addr)
		away := s.storeThatMayBeAway()
		in := track(stemflow.SeparateVocal)
		worker := s.startProgram(program)
		run, _ := s.submitting(in)
		worker.Kill()
		require.Equal(t, stemflow.SubmissionIntended, s.ledger(in).State)
		away.Store(true)
		s.noLongerHeld(in)
		s.startProgram(program)
		s.awaitFailed(run, stemflow.ErrorArchiveUnavailable)
		away.Store(false)
		_, _, details := s.failure(run)
		require.True(t, details.Paid, "it may have")
		require.Equal(t, stemflow.SubmissionIntended, s.ledger(in).State, "nobody knows that it was refused")
		s.settle(in)
		s.recorded(run)
		s.resumed(in)
	})
}

// storeThatMayBeAway puts a proxy before the store that breaks connections off while the store is
// away for the worker.
func (s *stack) storeThatMayBeAway() *atomic.Bool {
	s.t.Helper()
	to, err := url.Parse("http://" + s.cfg.MinIO.Endpoint)
	require.NoError(s.t, err)
	away := &atomic.Bool{}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host }}
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away.Load() {
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	}))
	s.t.Cleanup(store.Close)
	s.cfg.MinIO.Endpoint = store.Listener.Addr().String()
	return away
}
