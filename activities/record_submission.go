package activities

import (
	"context"
	"errors"

	"go.temporal.io/sdk/activity"

	"stemflow"
	"stemflow/internal/archive"
)

// RecordSubmission brings the ledger up to what a run knows: what it paid for, that it failed, or that nothing was paid.
type RecordSubmission struct {
	Store *archive.Store
}

// Execute leaves a ledger alone that knows of a later payment.
func (a *RecordSubmission) Execute(ctx context.Context, in stemflow.RecordSubmissionInput) error {
	subject{kind: in.Submission.Track.Type, separationTaskID: in.Submission.SeparationTaskID}.annotate(ctx)
	info := activity.GetInfo(ctx)
	submission := in.Submission
	submission.Version = 1
	submission.WorkflowID, submission.RunID = info.WorkflowExecution.ID, info.WorkflowExecution.RunID
	bucket, key := in.Location.Bucket, archive.SubmissionKey(in.Location)

	var existing stemflow.Submission
	etag, err := a.Store.ReadJSON(ctx, bucket, key, &existing)
	switch {
	case errors.Is(err, archive.ErrNotFound):
		_, err = a.Store.CreateJSON(ctx, bucket, key, submission)
	case errors.Is(err, archive.ErrCorrupt):
		return final(stemflow.ErrorArchiveUnavailable, err.Error(), err)
	case err != nil:
	case !supersedes(submission, existing):
		return nil
	default:
		if existing.RunID == submission.RunID {
			submission.IntendedAt, submission.Attempt = existing.IntendedAt, existing.Attempt
		}
		_, err = a.Store.ReplaceJSON(ctx, bucket, key, etag, submission)
	}
	if err != nil {
		return storeFailure(err) // ErrPrecondition too: the next attempt reads what stands there then
	}
	return nil
}

// supersedes tells whether what a run knows goes over what the ledger says.
func supersedes(submission, existing stemflow.Submission) bool {
	own := existing.RunID == submission.RunID
	switch submission.State {
	case stemflow.SubmissionRefused:
		return own && existing.State == stemflow.SubmissionIntended && existing.Attempt <= submission.Attempt
	case stemflow.SubmissionFailed:
		return existing.SeparationTaskID == submission.SeparationTaskID ||
			own && existing.State == stemflow.SubmissionIntended
	default:
		return existing.SeparationTaskID != submission.SeparationTaskID && existing.State != stemflow.SubmissionPaid
	}
}
