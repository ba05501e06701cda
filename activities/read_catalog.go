package activities

import (
	"context"
	"errors"

	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/errgroup"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/catalog"
	"stemflow/internal/outcome"
)

// ReadCatalog reads the next tracks of a prepared catalogue, and what the archive knows of them.
type ReadCatalog struct {
	Archive *PrepareArchive
}

// looksAtOnce is how many tracks are looked up at a time: each is some short requests to the store.
const looksAtOnce = 16

// Execute fails for good when what PrepareCatalog kept is gone or changed, and is retried while the store is down.
func (a *ReadCatalog) Execute(ctx context.Context, in activityapi.ReadCatalogInput) (*activityapi.CatalogPage, error) {
	key := archive.CatalogTracksKey(in.Location)
	rest, info, err := a.Archive.Store.OpenFrom(ctx, in.Location.Bucket, key, in.ETag, in.Offset)
	if errors.Is(err, archive.ErrNotFound) || errors.Is(err, archive.ErrPrecondition) {
		return nil, final(stemflow.ErrorArchiveUnavailable, "what the run has kept of its tracks is gone, or somebody has changed it; start the catalogue "+
			"again, which pays for nothing that is paid for: "+err.Error(), err)
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
	looks, ctx := errgroup.WithContext(ctx)
	looks.SetLimit(looksAtOnce)
	for i, track := range tracks {
		looks.Go(func() (err error) {
			page.Tracks[i], err = a.look(ctx, track)
			return err
		})
	}
	if err := looks.Wait(); err != nil {
		return nil, storeFailure(err)
	}
	return page, nil
}

// look looks a track up in the archive, unless its input says already what to do. What keeps the archive from telling and is not mended by waiting
// is the affair of the track's own run.
func (a *ReadCatalog) look(ctx context.Context, track activityapi.CatalogTrack) (activityapi.CatalogTrack, error) {
	found := track
	in := track.Input.WithDefaults()
	if in.Force || in.SeparationTaskID != "" {
		return found, nil
	}
	bucket, prefix := a.Archive.place(in.Bucket, in.Prefix)
	of := in.Track()
	stands, err := a.Archive.look(ctx, archive.Locate(bucket, prefix, of), of, "")
	var refused *archive.Error
	switch {
	case errors.Is(err, archive.ErrNoBucket): // the track's own run makes it
	case errors.Is(err, archive.ErrCorrupt) || errors.As(err, &refused) && refused.Final:
		activity.GetLogger(ctx).Warn("a track of the catalogue cannot be looked up", "line", track.Line, "error", err)
	case err != nil:
		return found, err
	case stands.archived != nil:
		stands.archived.SettledBy = stemflow.SettledByArchive
		row := outcome.OfArchived(track, *stands.archived)
		found.Found = &row
	case stands.submission != nil && stands.submission.State == stemflow.SubmissionPaid:
		found.Input.SeparationTaskID = stands.submission.SeparationTaskID
	}
	return found, nil
}
