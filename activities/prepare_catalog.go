package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"go.temporal.io/sdk/activity"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/catalog"
)

// PrepareCatalog checks the tracks of a catalogue and keeps them for the run.
type PrepareCatalog struct {
	Archive *PrepareArchive
}

// Execute fails with ErrorInvalidInput, which names everything that is wrong with any track, up to
// a number, and with ErrorArchiveUnavailable. Nothing is kept of a list that is wrong. What is kept
// is the run's own: a change of the source meanwhile has no effect.
func (a *PrepareCatalog) Execute(
	ctx context.Context,
	in stemflow.SeparateCatalogInput,
) (*activityapi.PreparedCatalog, error) {
	defer startHeartbeat(ctx)()
	store := a.Archive.Store
	limits := a.Archive.limits()
	if err := limits.CheckCatalog(in); err != nil {
		return nil, final(stemflow.ErrorInvalidInput, "the input is wrong: "+err.Error(), err)
	}
	bucket, prefix := limits.Destination(in.Bucket, in.Prefix)
	if err := store.EnsureBucket(ctx, bucket); err != nil {
		return nil, storeRefusal(err)
	}
	out := &activityapi.PreparedCatalog{
		Location: archive.LocateCatalog(
			bucket,
			prefix,
			in.WithDefaults().Name,
			activity.GetInfo(ctx).WorkflowExecution.RunID,
		),
	}
	key := archive.CatalogTracksKey(out.Location)
	err := upload(
		ctx,
		store,
		stemflow.ObjectRef{Bucket: bucket, Key: key},
		"application/x-ndjson",
		func(ctx context.Context, w io.Writer) (err error) {
			var line []byte
			out.Tracks, err = a.check(ctx, in, bucket, func(track activityapi.CatalogTrack) error {
				line = catalog.Append(line[:0], track)
				_, err := w.Write(line)
				return err
			})
			return err
		},
	)
	var invalid *stemflow.InputError
	switch {
	case errors.As(err, &invalid):
		return nil, final(stemflow.ErrorInvalidInput, "the list of tracks is wrong: "+invalid.Error(), err)
	case err != nil:
		return nil, storeRefusal(err)
	}
	info, err := store.Stat(ctx, bucket, key)
	if err != nil {
		return nil, storeRefusal(err)
	}
	out.ETag = info.ETag
	return out, nil
}

// check hands the tracks of the input or of its source to take. The input's own were checked with
// it.
func (a *PrepareCatalog) check(
	ctx context.Context, in stemflow.SeparateCatalogInput, bucket string, take func(activityapi.CatalogTrack) error,
) (int, error) {
	if in.Source == nil {
		for i, track := range in.Tracks {
			if err := take(activityapi.CatalogTrack{Number: i + 1, Line: i + 1, Input: track}); err != nil {
				return 0, err
			}
		}
		return len(in.Tracks), nil
	}
	bucket = cmp.Or(in.Source.Bucket, bucket)
	source, _, err := a.Archive.Store.Open(ctx, bucket, in.Source.Key)
	if errors.Is(err, archive.ErrNotFound) {
		return 0, &stemflow.InputError{Problems: []stemflow.InputProblem{{
			Field: "source",
			Message: fmt.Sprintf(
				"there is no object %s in bucket %s, upload it, or correct the key",
				in.Source.Key,
				bucket,
			),
		}}}
	}
	if err != nil {
		return 0, err
	}
	defer source.Close()
	permitted := func(track stemflow.SeparateStemsInput) error {
		if in.ForbidForce && track.Force {
			return &stemflow.InputError{Problems: []stemflow.InputProblem{stemflow.ForceForbidden()}}
		}
		return a.Archive.limits().CheckTrack(track)
	}
	return catalog.Check(source, in, permitted, take)
}
