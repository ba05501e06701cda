package workflows

import (
	"errors"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
)

// offerPollNow handles the update that asks the provider at once.
func (s *separation) offerPollNow(ctx workflow.Context) error {
	s.asked = workflow.NewNamedBufferedChannel(ctx, stemflow.UpdatePollNow, 1)
	return workflow.SetUpdateHandlerWithOptions(ctx, stemflow.UpdatePollNow, s.pollNow, workflow.UpdateHandlerOptions{
		Description: "Ask the provider how the separation stands, now.",
		Validator:   s.canPollNow,
	})
}

func (s *separation) canPollNow(workflow.Context) error {
	switch {
	case s.progress.SubmissionUnknown || s.ownership == unverified:
		return errors.New(
			"the submit's outcome is unknown: there is no separation to ask about before the callback names it",
		)
	case s.separationTaskID == "":
		return errors.New("nothing has been submitted yet: there is no separation to ask about")
	}
	return nil
}

// pollNow asks for the record, together with others who ask at the same time, and gives the run
// what it says.
func (s *separation) pollNow(ctx workflow.Context) (stemflow.PollNowResult, error) {
	first := s.asking == nil
	if first {
		look := s.aboutOwn()
		look.ReportPending = true
		s.asking = workflow.ExecuteActivity(askOptions(ctx), s.task.GetRecord, look)
	}
	separationTaskID := s.separationTaskID
	var record activityapi.SeparationRecord
	err := s.asking.Get(ctx, &record)
	seen := observe(separationTaskID, record, err)
	if first {
		s.asking = nil
		s.asked.SendAsync(seen)
	}
	return seen.pollNowResult(), ctx.Err()
}

func (o observation) pollNowResult() stemflow.PollNowResult {
	result := stemflow.PollNowResult{SeparationTaskID: o.separationTaskID}
	_, app := applicationError(o.err)
	switch o.finding {
	case foundDone:
		result.State = stemflow.RecordDone
		for _, stem := range o.record.Stems {
			result.Stems = append(result.Stems, stem.Name)
		}
		return result
	case foundPending:
		result.State = stemflow.RecordPending
		return result
	case foundFailed:
		result.State = stemflow.RecordFailed
		var details stemflow.ErrorDetails
		_ = app.Details(&details) // the activity always sends them
		result.ProviderCode = details.ProviderCode
	default:
		result.State = stemflow.RecordUnknown
	}
	result.Message = o.err.Error()
	if app != nil {
		result.Message = app.Message()
	} else if temporal.IsTimeoutError(o.err) {
		result.Message = "no answer within " + requestTimeout.String() + ": ask again"
	}
	result.Message = shorten(result.Message)
	return result
}

// onPollNow: an update had the provider asked. What the record says ends the wait; what it does not
// say changes nothing.
func (w *wait) onPollNow(ctx workflow.Context, seen observation) error {
	if seen.separationTaskID != w.s.separationTaskID || !seen.ended() {
		return nil
	}
	return w.act(ctx, seen, stemflow.SettledByPoll)
}

// awaitHandlers keeps the run open until every update has its answer: cancelled, they answer at
// once.
func awaitHandlers(ctx workflow.Context) {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	_ = workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
}
