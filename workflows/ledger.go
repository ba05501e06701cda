package workflows

import (
	"go.temporal.io/sdk/workflow"

	"stemflow"
)

// recordSubmission starts bringing the ledger up to what the run knows. It goes on whatever becomes of the run, and nothing
// waits for it but the end.
func (s *separation) recordSubmission(ctx workflow.Context, submission stemflow.Submission) {
	submission.Track = s.track()
	submission.SeparationTaskID = s.taskID
	submission.SubmittedAt = s.submittedAt
	previous := s.ledger
	detached, _ := workflow.NewDisconnectedContext(ctx)
	future, settable := workflow.NewFuture(detached)
	s.ledger = future
	workflow.Go(detached, func(ctx workflow.Context) {
		if previous != nil {
			_ = previous.Get(ctx, nil) // its failure is its own: this write says all that it said
		}
		settable.SetError(workflow.ExecuteActivity(ledgerOptions(ctx), stemflow.ActivityRecordSubmission,
			stemflow.RecordSubmissionInput{Location: s.archive.Location, Submission: submission}).Get(ctx, nil))
	})
}

// finishLedger waits until the ledger is written: as long as it takes when the run did its work, briefly when it failed or is
// cancelled, since then the memo names the separation too.
func (s *separation) finishLedger(ctx workflow.Context, err error) {
	if s.ledger == nil {
		return
	}
	detached, _ := workflow.NewDisconnectedContext(ctx)
	if err == nil {
		workflow.NewSelector(detached).
			AddFuture(s.ledger, func(workflow.Future) {}).
			AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {}).
			Select(detached)
	}
	if s.ledger.IsReady() {
		return
	}
	patience := ledgerFinish
	if ctx.Err() != nil {
		patience = ledgerFinishCancelled
	}
	timerCtx, stopTimer := workflow.WithCancel(detached)
	defer stopTimer()
	workflow.NewSelector(detached).
		AddFuture(s.ledger, func(workflow.Future) {}).
		AddFuture(workflow.NewTimerWithOptions(timerCtx, patience, workflow.TimerOptions{
			Summary: "finishing the ledger",
		}), func(workflow.Future) {}).
		Select(detached)
}
