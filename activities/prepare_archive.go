package activities

import (
	"context"
	"errors"

	"go.temporal.io/sdk/activity"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/allowed"
	"stemflow/internal/archive"
	"stemflow/internal/trackstate"
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
	// SubmitTaskQueue, CallbacksExpected and Hooks are facts of the worker's configuration that the
	// workflow must know; they reach it through this activity, so that its code stays
	// deterministic.
	SubmitTaskQueue   string
	CallbacksExpected bool
	// Hooks may be missing: nobody is told then.
	Hooks *Hooks
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
		Hooks:             a.Hooks.list(),
	}

	ledger := archive.Locate(a.LedgerBucket, a.LedgerPrefix, in.Track)
	if ledger != out.Location {
		out.Ledger = ledger
	}

	state, err := a.readArchive(ctx, out.Location, in.Track, in.SeparationTaskID)
	if errors.Is(err, archive.ErrNoBucket) {
		if err := a.makeBuckets(ctx, bucket); err != nil {
			return nil, storeRefusal(err)
		}
		state, err = a.readArchive(ctx, out.Location, in.Track, in.SeparationTaskID)
	}
	if errors.Is(err, archive.ErrCorrupt) {
		return nil, final(stemflow.ErrorArchiveUnavailable, "a ledger of the track cannot be read, and without it "+
			"the track may be paid twice: mend it, or delete it if nothing was paid: "+err.Error(), err)
	}
	if err != nil {
		return nil, storeRefusal(err)
	}
	out.Archived, out.Partial, out.Kept = state.Archived, state.Partial, state.Kept
	out.Submission = state.Submission
	out.OwnerPaid = in.Owner != "" && state.Ledger.MayHavePaid(in.Owner)
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

// readArchive fails with archive.ErrCorrupt if the ledger cannot be read, and with
// archive.ErrNoBucket.
func (a *PrepareArchive) readArchive(
	ctx context.Context, loc activityapi.Location, track stemflow.Track, named string,
) (trackstate.State, error) {
	reader := trackstate.Reader{
		Store: a.Store, LedgerBucket: a.LedgerBucket, LedgerPrefix: a.LedgerPrefix, Warn: activity.GetLogger(ctx).Warn,
	}
	return reader.Read(ctx, loc, track, named)
}
