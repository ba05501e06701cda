package activities

import (
	"context"
	"errors"

	"go.temporal.io/sdk/activity"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/ledger"
)

// RecordSubmission brings the ledger up to what a run knows: what it paid for, that it failed, or
// that nothing was paid.
type RecordSubmission struct {
	Store Store
}

// Execute is retried until the ledger is written. It reports what the ledger says of the run then.
func (a *RecordSubmission) Execute(
	ctx context.Context,
	in activityapi.RecordSubmissionInput,
) (*activityapi.RecordedSubmission, error) {
	subject{kind: in.Submission.Track.Type, separationTaskID: in.Submission.SeparationTaskID}.annotate(ctx)
	run := activity.GetInfo(ctx).WorkflowExecution
	learned := in.Submission
	learned.Version, learned.WorkflowID, learned.RunID = 1, run.ID, run.RunID
	if learned.Owner == "" { // the input of an earlier release
		learned.Owner = run.RunID
	}

	file := newLedgerFile(a.Store, in.Ledger, in.Location)
	l, err := file.change(ctx, func(l ledger.Ledger) (ledger.Ledger, bool) {
		if learned.State == stemflow.SubmissionRefused {
			return l.Close(ledger.Claim{
				Owner: learned.Owner, RunID: run.RunID, Attempt: learned.Attempt, ScheduledAt: learned.ScheduledAt,
				Refused: in.Nonces,
			}, learned)
		}
		return l.Learn(learned)
	})
	if errors.Is(err, archive.ErrCorrupt) {
		return nil, final(stemflow.ErrorArchiveUnavailable, err.Error(), err)
	}
	if err != nil {
		return nil, storeFailure(err)
	}
	return &activityapi.RecordedSubmission{Unpaid: !l.MayHavePaid(learned.Owner)}, nil
}
