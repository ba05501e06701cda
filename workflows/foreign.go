package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
)

// hearForeign keeps a separation that a callback named and that is not known to be this run's: a
// signal reaches the latest run of a workflow id, and an earlier run of the track may have paid for
// it without ever learning its id.
func (s *separation) hearForeign(ctx workflow.Context, separationTaskID string) {
	if len(s.foreign) < foreignIDs && !slices.Contains(s.foreign, separationTaskID) {
		s.log(ctx).Warn("a callback named a task that is not known to be this run's",
			"callbackTaskId", separationTaskID)
		s.foreign = append(s.foreign, separationTaskID)
	}
}

// recordForeign puts what callbacks named on the ledger before the run ends, where the provider's
// record proves that a run of this workflow id has paid for it. It also leaves no signal unread,
// and no update unanswered that came meanwhile.
func (s *separation) recordForeign(ctx workflow.Context, err error) {
	if s.ownership == unverified {
		s.hearForeign(ctx, s.separationTaskID)
	}
	s.readLateCallbacks(ctx)
	for done := 0; done < len(s.foreign); {
		named := s.foreign[done:]
		done = len(s.foreign)
		s.adoptAll(ctx, named, s.foreignWait(ctx, err))
		if !workflow.AllHandlersFinished(ctx) &&
			workflow.GetVersion(ctx, "answer-late-updates", workflow.DefaultVersion, 1) != workflow.DefaultVersion {
			awaitHandlers(ctx)
		}
		s.readLateCallbacks(ctx) // what came meanwhile
	}
}

// foreignWait is how long a run that ends with err waits for the ledger to learn what callbacks
// have named.
func (s *separation) foreignWait(ctx workflow.Context, err error) time.Duration {
	switch {
	case err == nil || ctx.Err() != nil:
		return foreignFinish
	case s.ownership < fromInput:
		return foreignFinishUnknown
	default:
		return foreignFinishFailed
	}
}

// adoptAll puts separations on the ledger. A run that is cancelled meanwhile soon gives up what is
// left.
func (s *separation) adoptAll(ctx workflow.Context, named []string, scheduleToClose time.Duration) {
	detached, giveUp := workflow.NewDisconnectedContext(ctx)
	adoptions := make([]workflow.Future, len(named))
	for i, id := range named {
		adoptions[i] = workflow.ExecuteActivity(
			adoptOptions(detached, scheduleToClose),
			activityapi.ActivityAdoptCallback,
			activityapi.AdoptCallbackInput{
				SeparationTaskID: id, WorkflowID: workflow.GetInfo(ctx).WorkflowExecution.ID, Track: s.in.Track(),
			},
		)
	}
	ended := func() bool {
		return !slices.ContainsFunc(adoptions, func(f workflow.Future) bool { return !f.IsReady() })
	}
	if ctx.Err() == nil && workflow.Await(ctx, ended) != nil && workflow.GetVersion(
		ctx, "cancelled-while-adopting", workflow.DefaultVersion, 1) != workflow.DefaultVersion {
		_, _ = workflow.AwaitWithTimeout(detached, foreignFinish, ended)
		giveUp()
	}
	for i, id := range named {
		var adopted activityapi.RecordedCallback
		if err := adoptions[i].Get(detached, &adopted); err != nil {
			s.log(ctx).Warn("a callback for another run could not be recorded", "callbackTaskId", id, "error", err)
		} else if adopted.Outcome != activityapi.CallbackLeft {
			s.recorded = append(s.recorded, id)
		}
	}
}

// readLateCallbacks reads what came while nobody listened.
func (s *separation) readLateCallbacks(ctx workflow.Context) {
	callbacks := workflow.GetSignalChannel(ctx, stemflow.SignalSeparationCallback)
	for callbacks.Len() > 0 {
		var callback stemflow.Callback
		if !callbacks.ReceiveAsync(&callback) {
			continue // it did not decode
		}
		callback.Stems = s.task.Results(callback.Stems)
		if s.ownership < fromInput || callback.TaskID != s.separationTaskID {
			s.hearForeign(ctx, callback.TaskID)
		} else if callback.Code == stemflow.CodeOK {
			s.hearStems(callback.Stems)
		}
	}
}
