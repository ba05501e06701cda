package workflows

import (
	"cmp"
	"time"

	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
)

// paidSubmission returns the separation that the ledger says is paid for, nil if it names none.
func paidSubmission(a activityapi.PreparedArchive) *stemflow.Submission {
	if s := a.Submission; s != nil && s.State == stemflow.SubmissionPaid && s.SeparationTaskID != "" {
		return s
	}
	return nil
}

// readLedger looks at the ledger once more. If it cannot be read, paid is nil, too.
func (s *separation) readLedger(ctx workflow.Context) (found activityapi.PreparedArchive, paid *stemflow.Submission) {
	if localFirst(prepareOptions(ctx), activityapi.ActivityPrepareArchive, s.prepareInput(), &found) != nil {
		return found, nil
	}
	return found, paidSubmission(found)
}

// recordSubmission starts bringing the ledger up to what the run knows of its separation.
func (s *separation) recordSubmission(ctx workflow.Context, submission stemflow.Submission) {
	submission.SeparationTaskID, submission.SubmittedAt = s.separationTaskID, s.submittedAt
	submission.Owner = s.payer
	s.writeLedger(ctx, activityapi.RecordSubmissionInput{Submission: submission})
}

// closeLedger ends the submits of the run: what it surely did not pay for does not lock the track,
// no execution of it can call any more, and the run learns whether one has.
func (s *separation) closeLedger(ctx workflow.Context) {
	s.closing = true
	s.writeLedger(ctx, activityapi.RecordSubmissionInput{
		Submission: stemflow.Submission{
			State: stemflow.SubmissionRefused, Attempt: s.submits.Attempt, ScheduledAt: workflow.Now(ctx).UTC(),
		},
		Nonces: s.submits.Refused,
	})
}

// writeLedger goes on whatever becomes of the run, and nothing waits for it but the end.
func (s *separation) writeLedger(ctx workflow.Context, in activityapi.RecordSubmissionInput) {
	in.Location, in.Ledger = s.archive.Location, s.archive.Ledger
	in.Submission.Track, in.Submission.Owner = s.in.Track(), cmp.Or(in.Submission.Owner, s.owner)
	previous := s.ledger
	detached, _ := workflow.NewDisconnectedContext(ctx)
	future, settable := workflow.NewFuture(detached)
	s.ledger = future
	workflow.Go(detached, func(ctx workflow.Context) {
		if previous != nil {
			_ = previous.Get(ctx, nil) // its failure is its own: this write says all that it said
		}
		var recorded activityapi.RecordedSubmission
		err := workflow.ExecuteActivity(ledgerOptions(ctx), activityapi.ActivityRecordSubmission, in).
			Get(ctx, &recorded)
		s.ledgerBehind = s.ledgerBehind && err != nil
		settable.Set(recorded, err)
	})
}

// finishLedger waits until the ledger is written: without a time limit when the run did its work,
// for some time when it failed or is cancelled, since then the memo names the separation too.
func (s *separation) finishLedger(ctx workflow.Context, err error) {
	if s.ledger == nil {
		return
	}
	s.awaitLedger(ctx, err)
	var recorded activityapi.RecordedSubmission
	if s.closing && s.ledger.IsReady() && s.ledger.Get(ctx, &recorded) == nil && recorded.Unpaid {
		s.paid = false
	}
}

func (s *separation) awaitLedger(ctx workflow.Context, err error) {
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
	limit := ledgerFinish
	switch {
	case ctx.Err() != nil:
		limit = ledgerFinishCancelled
	case s.storeAway:
		limit = ledgerCloseAway
	case s.closing, s.ledgerBehind:
		limit = ledgerClose
	}
	over, stop := s.ledgerWithin(detached, limit)
	defer stop()
	if ctx.Err() == nil && workflow.Await(ctx, over) != nil && !over() && workflow.GetVersion(
		detached, "cancelled-while-closing", workflow.DefaultVersion, 1) != workflow.DefaultVersion {
		soon, stopSoon := s.ledgerWithin(detached, ledgerFinishCancelled)
		defer stopSoon()
		_ = workflow.Await(detached, func() bool { return over() || soon() })
		return
	}
	_ = workflow.Await(detached, over)
}

// ledgerWithin starts a timer. It is over once the ledger is written, or else the time has passed.
func (s *separation) ledgerWithin(ctx workflow.Context, limit time.Duration) (over func() bool, stop func()) {
	ctx, stop = workflow.WithCancel(ctx)
	timer := workflow.NewTimerWithOptions(ctx, limit, workflow.TimerOptions{Summary: "finishing the ledger"})
	return func() bool { return s.ledger.IsReady() || timer.IsReady() }, stop
}
