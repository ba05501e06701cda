package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/allowed"
	"stemflow/internal/archive"
	"stemflow/internal/ledger"
)

// PrepareArchive reads what the archive has of the track, and makes the bucket if there is none.
type PrepareArchive struct {
	Store Store
	// Bucket and Prefix serve inputs that name none. Allowed is where inputs may lead; none: there
	// alone.
	Bucket, Prefix string
	Allowed        allowed.Places
	// LedgerBucket and LedgerPrefix are where the ledgers of all tracks are, wherever a track is
	// archived to.
	LedgerBucket, LedgerPrefix string
	// SubmitTaskQueue and CallbacksExpected are facts of the worker's configuration that the
	// workflow must know; they reach it through this activity, so that its code stays
	// deterministic.
	SubmitTaskQueue   string
	CallbacksExpected bool
	// SearchAttributes may be missing: none are set then.
	SearchAttributes *SearchAttributes
}

// Execute fails with ErrorInvalidInput when the input may not archive to where it says, and with
// ErrorArchiveUnavailable when the store cannot be reached, or refuses.
func (a *PrepareArchive) Execute(
	ctx context.Context,
	in activityapi.PrepareArchiveInput,
) (*activityapi.PreparedArchive, error) {
	subject{kind: in.Track.Type}.annotate(ctx)
	limits := a.limits()
	if p := limits.CheckFolder(in.Bucket, in.Prefix); p != nil {
		return nil, final(stemflow.ErrorInvalidInput, "the input is wrong: "+p.String(), nil)
	}
	bucket, prefix := limits.Destination(in.Bucket, in.Prefix)
	out := &activityapi.PreparedArchive{
		Location:          archive.Locate(bucket, prefix, in.Track),
		SubmitTaskQueue:   a.SubmitTaskQueue,
		CallbacksExpected: a.CallbacksExpected,
		SearchAttributes:  a.SearchAttributes.in(ctx, activity.GetInfo(ctx).Namespace),
	}

	ledger := archive.Locate(a.LedgerBucket, a.LedgerPrefix, in.Track)
	if ledger != out.Location {
		out.Ledger = ledger
	}

	state, err := a.readArchive(ctx, out.Location, in.Track, in.Owner, in.SeparationTaskID)
	if errors.Is(err, archive.ErrNoBucket) {
		if err := a.makeBuckets(ctx, bucket); err != nil {
			return nil, storeRefusal(err)
		}
		state, err = a.readArchive(ctx, out.Location, in.Track, in.Owner, in.SeparationTaskID)
	}
	if errors.Is(err, archive.ErrCorrupt) {
		return nil, final(stemflow.ErrorArchiveUnavailable, "the ledger "+archive.SubmissionKey(ledger)+
			" cannot be read, and without it a track may be paid twice: mend it, or delete it if nothing was paid", err)
	}
	if err != nil {
		return nil, storeRefusal(err)
	}
	out.Archived, out.Partial = state.archived, state.partial
	out.Submission, out.OwnerPaid = state.submission, state.ownerPaid
	return out, nil
}

// makeBuckets makes the buckets of the archive and of the ledger unless they are there.
func (a *PrepareArchive) makeBuckets(ctx context.Context, bucket string) error {
	if err := a.Store.EnsureBucket(ctx, bucket); err != nil || a.LedgerBucket == bucket {
		return err
	}
	return a.Store.EnsureBucket(ctx, a.LedgerBucket)
}

// limits are what inputs may ask for.
func (a *PrepareArchive) limits() allowed.Limits {
	return allowed.Limits{Bucket: a.Bucket, Prefix: a.Prefix, Places: a.Allowed}
}

// archiveState is what the archive has of a track.
type archiveState struct {
	// archived is the result of an earlier run, if it is complete.
	archived *stemflow.SeparateStemsResult
	// partial is that result if it lacks stems that may still be obtained.
	partial *stemflow.SeparateStemsResult
	// submission is the paid separation that was asked for, if the ledger names it; else the newest
	// that can be resumed; else what speaks in the ledger, if there is one.
	submission *stemflow.Submission
	// ownerPaid says that the owner has paid, or may have.
	ownerPaid bool
}

// readArchive fails with archive.ErrCorrupt if the ledger cannot be read, and with
// archive.ErrNoBucket.
func (a *PrepareArchive) readArchive(
	ctx context.Context, loc activityapi.Location, track stemflow.Track, owner, named string,
) (archiveState, error) {
	var s archiveState
	l, _, err := newLedgerFile(a.Store, archive.Locate(a.LedgerBucket, a.LedgerPrefix, track), loc).read(ctx)
	if err != nil {
		return s, err
	}
	s.ownerPaid = owner != "" && l.MayHavePaid(owner)
	if paid, ok := paidAs(l, named); ok {
		s.submission = &paid
	} else if paid, ok := l.Paid(); ok {
		s.submission = &paid
	} else if l.State != "" {
		s.submission = &l.Entry
	}
	manifest, err := a.archived(ctx, loc)
	if err != nil || manifest == nil || paidLater(s.submission, &manifest.SeparateStemsResult) {
		return s, err
	}
	if mayBeCompleted(manifest, time.Now()) {
		s.partial = &manifest.SeparateStemsResult
	} else {
		s.archived = &manifest.SeparateStemsResult
	}
	return s, nil
}

// mayBeCompleted reports whether the manifest names missing stems, of a separation that the
// provider may still keep. A look for nothing does no harm.
func mayBeCompleted(m *stemflow.Manifest, now time.Time) bool {
	return len(m.Missing) > 0 && now.Sub(m.SettledAt) < providerKeeps
}

// paidAs is the separation of this id, if the ledger says that it is paid for. A forced run may
// have paid for a newer one since.
func paidAs(l ledger.Ledger, separationTaskID string) (stemflow.Submission, bool) {
	for _, e := range l.Entries() {
		if e.State == stemflow.SubmissionPaid && separationTaskID != "" && e.SeparationTaskID == separationTaskID {
			return e, true
		}
	}
	return stemflow.Submission{}, false
}

// paidLater reports whether the ledger speaks of a separation that was paid for, by force, after
// the archived one, and never archived.
func paidLater(submission *stemflow.Submission, archived *stemflow.SeparateStemsResult) bool {
	return submission != nil && submission.State == stemflow.SubmissionPaid &&
		submission.SeparationTaskID != archived.SeparationTaskID && submission.SubmittedAt.After(archived.ArchivedAt)
}

// archived is the manifest, or nil unless nothing of it failed and all its objects are there.
func (a *PrepareArchive) archived(
	ctx context.Context,
	loc activityapi.Location,
) (*stemflow.Manifest, error) {
	var manifest stemflow.Manifest
	_, err := a.Store.ReadJSON(ctx, loc.Bucket, archive.ManifestKey(loc), &manifest)
	switch {
	case errors.Is(err, archive.ErrNotFound):
		return nil, nil
	case errors.Is(err, archive.ErrCorrupt):
		activity.GetLogger(ctx).
			Warn("the manifest cannot be read and is written anew", "key", archive.ManifestKey(loc), "error", err)
		return nil, nil
	case err != nil:
		return nil, err
	}
	if len(manifest.Stems) == 0 || len(manifest.Failed) > 0 {
		return nil, nil
	}
	if err := archive.CheckStems(loc, manifest); err != nil {
		activity.GetLogger(ctx).
			Warn("the manifest is not trusted and is written anew", "key", archive.ManifestKey(loc), "error", err)
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
		if size, ok := sizes[stem.Key]; !ok || size != stem.Size {
			subject{separationTaskID: manifest.SeparationTaskID, stem: stem.Name}.log(ctx).
				Warn("an archived stem is gone or changed: it is archived again", "key", stem.Key)
			return nil, nil
		}
	}
	return &manifest, nil
}
