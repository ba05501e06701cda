package activities

import (
	"cmp"
	"context"
	"errors"

	"go.temporal.io/sdk/activity"

	"stemflow"
	"stemflow/internal/archive"
)

// PrepareArchive reads what stands there of the track, and makes the bucket if there is none.
type PrepareArchive struct {
	Store *archive.Store
	// Bucket and Prefix serve inputs that name none.
	Bucket, Prefix string
	// SubmitTaskQueue and CallbacksExpected are facts of the worker's configuration that the workflow must know; they reach it
	// through this activity, so that its code stays deterministic.
	SubmitTaskQueue   string
	CallbacksExpected bool
	// SearchAttributes may be missing: none are set then.
	SearchAttributes *SearchAttributes
}

// Execute fails with ErrorArchiveUnavailable when the store cannot be reached, or refuses.
func (a *PrepareArchive) Execute(ctx context.Context, in stemflow.PrepareArchiveInput) (*stemflow.PreparedArchive, error) {
	subject{kind: in.Track.Type}.annotate(ctx)
	bucket, prefix := a.place(in.Bucket, in.Prefix)
	out := &stemflow.PreparedArchive{
		Location:          archive.Locate(bucket, prefix, in.Track),
		SubmitTaskQueue:   a.SubmitTaskQueue,
		CallbacksExpected: a.CallbacksExpected,
		SearchAttributes:  a.SearchAttributes.in(ctx, activity.GetInfo(ctx).Namespace),
	}

	var err error
	out.Archived, out.Submission, err = a.look(ctx, out.Location)
	switch {
	case errors.Is(err, archive.ErrNoBucket):
		err = a.Store.EnsureBucket(ctx, bucket)
	case errors.Is(err, archive.ErrCorrupt):
		return nil, final(stemflow.ErrorArchiveUnavailable, "the ledger "+archive.SubmissionKey(out.Location)+
			" cannot be read, and without it a track may be paid twice: mend it, or delete it if nothing was paid", err)
	}
	if err != nil {
		return nil, storeRefusal(err)
	}
	return out, nil
}

// place is where an input that names neither bucket nor prefix, or both, archives.
func (a *PrepareArchive) place(bucket, prefix string) (string, string) {
	return cmp.Or(bucket, a.Bucket), cmp.Or(prefix, a.Prefix)
}

// look reads what stands in the archive of a track: the result of an earlier run, if it is complete, and the ledger, if there is one. It fails
// with archive.ErrCorrupt if the ledger cannot be read, and with archive.ErrNoBucket.
func (a *PrepareArchive) look(
	ctx context.Context, loc stemflow.Location,
) (archived *stemflow.SeparateStemsResult, ledger *stemflow.Submission, err error) {
	var submission stemflow.Submission
	switch _, err := a.Store.ReadJSON(ctx, loc.Bucket, archive.SubmissionKey(loc), &submission); {
	case err == nil:
		ledger = &submission
	case !errors.Is(err, archive.ErrNotFound):
		return nil, nil, err
	}
	archived, err = a.archived(ctx, loc)
	if err != nil {
		return nil, nil, err
	}
	if archived != nil && paidLater(ledger, archived) {
		archived = nil
	}
	return archived, ledger, nil
}

// paidLater tells whether the ledger speaks of a separation that was paid for, by force, after the archived one, and never archived.
func paidLater(submission *stemflow.Submission, archived *stemflow.SeparateStemsResult) bool {
	return submission != nil && submission.State == stemflow.SubmissionPaid &&
		submission.SeparationTaskID != archived.SeparationTaskID && submission.SubmittedAt.After(archived.ArchivedAt)
}

// archived is the result of the manifest, or nil unless it is complete and all its objects are there.
func (a *PrepareArchive) archived(ctx context.Context, loc stemflow.Location) (*stemflow.SeparateStemsResult, error) {
	var manifest stemflow.Manifest
	_, err := a.Store.ReadJSON(ctx, loc.Bucket, archive.ManifestKey(loc), &manifest)
	switch {
	case errors.Is(err, archive.ErrNotFound):
		return nil, nil
	case errors.Is(err, archive.ErrCorrupt):
		activity.GetLogger(ctx).Warn("the manifest cannot be read and is written anew", "key", archive.ManifestKey(loc), "error", err)
		return nil, nil
	case err != nil:
		return nil, err
	}
	if len(manifest.Stems) == 0 || len(manifest.Failed) > 0 {
		return nil, nil
	}
	objects, err := a.Store.List(ctx, loc.Bucket, archive.SeparationPrefix(loc, manifest.SeparationTaskID))
	if err != nil {
		return nil, err
	}
	sizes := make(map[string]int64, len(objects))
	for _, object := range objects {
		sizes[object.Key] = object.Size
	}
	for _, stem := range manifest.Stems {
		if size, found := sizes[stem.Key]; !found || size != stem.Size {
			subject{separationTaskID: manifest.SeparationTaskID, stem: stem.Name}.log(ctx).
				Warn("an archived stem is gone or changed: it is archived again", "key", stem.Key)
			return nil, nil
		}
	}
	return &manifest.SeparateStemsResult, nil
}
