package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/errgroup"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/catalog"
	"stemflow/internal/outcome"
	"stemflow/internal/trackstate"
)

// ReadCatalog reads the next tracks of a prepared catalogue, and what the archive knows of them.
type ReadCatalog struct {
	Archive *PrepareArchive
}

// maxLookups is how many tracks are looked up at a time: each is some short requests to the store.
const maxLookups = 16

// Execute fails for good when what PrepareCatalog kept is gone or changed. It is retried while the
// store is down.
func (a *ReadCatalog) Execute(ctx context.Context, in activityapi.ReadCatalogInput) (*activityapi.CatalogPage, error) {
	defer startHeartbeat(ctx)()
	key := archive.CatalogTracksKey(in.Location)
	rest, info, err := a.Archive.Store.OpenFrom(ctx, in.Location.Bucket, key, in.ETag, in.Offset)
	if errors.Is(err, archive.ErrNotFound) || errors.Is(err, archive.ErrPrecondition) {
		return nil, final(
			stemflow.ErrorArchiveUnavailable,
			"what the run has kept of its tracks is gone, or was changed; start the catalogue "+
				"again, which pays for nothing that is paid for: "+err.Error(),
			err,
		)
	}
	if err != nil {
		return nil, storeFailure(err)
	}
	defer rest.Close()
	tracks, size, err := catalog.ReadPage(rest, activityapi.CatalogPageSize)
	if errors.Is(err, catalog.ErrNotKept) {
		return nil, final(stemflow.ErrorArchiveUnavailable, key+": "+err.Error(), err)
	}
	if err != nil {
		return nil, storeFailure(err)
	}

	page := &activityapi.CatalogPage{Tracks: make([]activityapi.CatalogTrack, len(tracks))}
	if size < info.Size {
		page.Next = in.Offset + size
	}
	lookups, ctx := errgroup.WithContext(ctx)
	lookups.SetLimit(maxLookups)
	for i, track := range tracks {
		lookups.Go(func() (err error) {
			page.Tracks[i], err = a.lookUp(ctx, track, in.PaidSince)
			return err
		})
	}
	if err := lookups.Wait(); err != nil {
		return nil, storeFailure(err)
	}
	return page, nil
}

// lookUp looks a track up in the archive, unless its input already says what to do, and says what
// was paid for it since a time, if there is one. An error that waiting does not mend is left to the
// track's own run.
func (a *ReadCatalog) lookUp(
	ctx context.Context, track activityapi.CatalogTrack, since *time.Time,
) (activityapi.CatalogTrack, error) {
	found := track
	in := track.Input.WithDefaults()
	if in.Force && since == nil || in.SeparationTaskID != "" {
		return found, nil
	}
	bucket, prefix := a.Archive.limits().Destination(in.Bucket, in.Prefix)
	of := in.Track()
	state, err := a.Archive.readArchive(ctx, archive.Locate(bucket, prefix, of), of, "")
	if since != nil && err == nil {
		found.Before = new(stemflow.Price(in.Type) * trackstate.PaymentsSince(state.Ledger, *since))
	}
	var refused *archive.Error
	switch {
	case errors.Is(err, archive.ErrNoBucket): // the track's own run makes it
	case errors.Is(err, archive.ErrCorrupt) || errors.As(err, &refused) && refused.Final:
		activity.GetLogger(ctx).Warn("a track of the catalogue cannot be looked up", "line", track.Line, "error", err)
	case err != nil:
		return found, err
	case in.Force: // the track's own run does what that says
	case state.Archived != nil:
		state.Archived.SettledBy = stemflow.SettledByArchive
		row := outcome.OfArchived(track, *state.Archived)
		found.Found = &row
	case state.Submission != nil && state.Submission.State == stemflow.SubmissionPaid:
		found.Input.SeparationTaskID = state.Submission.SeparationTaskID
	}
	return found, nil
}
