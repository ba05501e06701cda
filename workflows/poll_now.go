package workflows

import (
	"errors"
	"stemflow/internal/activityapi"

	"go.temporal.io/sdk/workflow"

	"stemflow"
)

// looked is what one look at the provider's record found.
type looked struct {
	taskID string
	record activityapi.SeparationRecord
	err    error
}

// offerPollNow lets whoever does not want to wait ask the provider at once.
func (s *separation) offerPollNow(ctx workflow.Context) error {
	s.asked = workflow.NewNamedBufferedChannel(ctx, stemflow.UpdatePollNow, 1)
	return workflow.SetUpdateHandlerWithOptions(ctx, stemflow.UpdatePollNow, s.pollNow, workflow.UpdateHandlerOptions{
		Description: "Ask the provider how the separation stands, now.",
		Validator:   s.canPollNow,
	})
}

func (s *separation) canPollNow(workflow.Context) error {
	switch {
	case s.progress.SubmissionUnknown || s.ownership == claimed:
		return errors.New("the submit's outcome is unknown: there is no separation to ask about before the callback names it")
	case s.taskID == "":
		return errors.New("nothing has been submitted yet: there is no separation to ask about")
	}
	return nil
}

// pollNow asks for the record, together with whoever asks at the same time, and tells the run what it says.
func (s *separation) pollNow(ctx workflow.Context) (stemflow.PollNowResult, error) {
	first := s.asking == nil
	if first {
		look := s.aboutOwn()
		look.ReportPending = true
		s.asking = workflow.ExecuteActivity(askOptions(ctx), activityapi.ActivityGetSeparationRecord, look)
	}
	found := looked{taskID: s.taskID}
	found.err = s.asking.Get(ctx, &found.record)
	if first {
		s.asking = nil
		s.asked.SendAsync(found)
	}
	return found.answer(), ctx.Err()
}

func (l looked) answer() stemflow.PollNowResult {
	answer := stemflow.PollNowResult{SeparationTaskID: l.taskID, State: stemflow.RecordDone}
	kind, app := applicationError(l.err)
	switch {
	case l.err == nil && l.record.Pending:
		answer.State = stemflow.RecordPending
	case l.err == nil:
		for _, stem := range l.record.Stems {
			answer.Stems = append(answer.Stems, stem.Name)
		}
	case kind == stemflow.ErrorSeparationFailed:
		answer.State, answer.Message = stemflow.RecordFailed, app.Message()
		var details stemflow.ErrorDetails
		_ = app.Details(&details) // the activity always sends them
		answer.ProviderCode = details.ProviderCode
	default:
		answer.State, answer.Message = stemflow.RecordUnknown, l.err.Error()
		if app != nil {
			answer.Message = app.Message()
		}
	}
	return answer
}

// told: somebody had the provider asked. What the record says ends the wait; what it does not say changes nothing.
func (w *wait) told(ctx workflow.Context, found looked) error {
	if found.taskID != w.s.taskID {
		return nil
	}
	kind, _ := applicationError(found.err)
	switch {
	case toldByRecord(kind):
		return w.s.recordFailure(ctx, found.err)
	case found.err == nil && !found.record.Pending:
		w.s.claim(ctx, found.record)
		w.s.settle(ctx, stemflow.SettledByPoll, found.record)
	}
	return nil
}

// awaitHandlers keeps the run open until every update has its answer: cancelled, they answer at once.
func awaitHandlers(ctx workflow.Context) {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	_ = workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
}
