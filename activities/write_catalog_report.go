package activities

import (
	"context"
	"errors"
	"io"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/catalog"
)

// WriteCatalogReport makes the report of a catalogue of the outcomes that are kept, page by page.
type WriteCatalogReport struct {
	Store Store
}

// Execute writes the CSV first and the JSON, which has the result in it, last.
func (a *WriteCatalogReport) Execute(
	ctx context.Context,
	in activityapi.WriteCatalogReportInput,
) (*stemflow.ReportRefs, error) {
	defer startHeartbeat(ctx)()
	bucket := in.Location.Bucket
	refs := stemflow.ReportRefs{
		CSV:  stemflow.ObjectRef{Bucket: bucket, Key: archive.CatalogReportKey(in.Location, "csv")},
		JSON: stemflow.ObjectRef{Bucket: bucket, Key: archive.CatalogReportKey(in.Location, "json")},
	}
	in.Result.Report = refs
	names, err := a.columns(ctx, in.Location)
	if err != nil {
		return nil, storeFailure(err)
	}
	for _, report := range []struct {
		ref         stemflow.ObjectRef
		contentType string
		write       func(io.Writer, catalog.Outcomes) error
	}{
		{refs.CSV, "text/csv", func(w io.Writer, o catalog.Outcomes) error { return catalog.WriteCSV(w, names, o) }},
		{refs.JSON, "application/json", func(w io.Writer, o catalog.Outcomes) error {
			return catalog.WriteJSON(w, in.Result, o)
		}},
	} {
		err := upload(ctx, a.Store, report.ref, report.contentType, func(ctx context.Context, w io.Writer) error {
			outcomes := a.kept(ctx, in)
			if len(names) == 0 {
				return report.write(w, outcomes)
			}
			return a.withColumns(ctx, in.Location, outcomes, func(complete catalog.Outcomes) error {
				return report.write(w, complete)
			})
		})
		if errors.Is(err, archive.ErrCorrupt) || errors.Is(err, catalog.ErrNotKept) {
			return nil, unreadableOutcomes(err)
		}
		if err != nil {
			return nil, storeFailure(err)
		}
	}
	return &refs, nil
}

// columns are the names of the list's columns that the report repeats. Where what the run has kept
// of its tracks is gone, the report does without them.
func (a *WriteCatalogReport) columns(ctx context.Context, loc activityapi.Location) (names []string, err error) {
	tracks, _, err := a.Store.Open(ctx, loc.Bucket, archive.CatalogTracksKey(loc))
	if errors.Is(err, archive.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer tracks.Close()
	if names, err = catalog.NewKeptTracks(tracks).ColumnNames(); errors.Is(err, catalog.ErrNotKept) {
		return nil, nil
	}
	return names, err
}

// withColumns hands outcomes on that have the columns of the list.
func (a *WriteCatalogReport) withColumns(
	ctx context.Context, loc activityapi.Location, outcomes catalog.Outcomes, use func(catalog.Outcomes) error,
) error {
	tracks, _, err := a.Store.Open(ctx, loc.Bucket, archive.CatalogTracksKey(loc))
	if err != nil {
		return err
	}
	defer tracks.Close()
	return use(catalog.NewKeptTracks(tracks).CompleteAll(outcomes))
}

// kept are the outcomes that RecordOutcomes has kept. A catalogue that ended early has not come to
// all of its pages.
func (a *WriteCatalogReport) kept(ctx context.Context, in activityapi.WriteCatalogReportInput) catalog.Outcomes {
	return func(yield func(stemflow.TrackOutcome) error) error {
		for page := 1; (page-1)*activityapi.CatalogPageSize < in.Result.Tracks; page++ {
			var kept []stemflow.TrackOutcome
			_, err := a.Store.ReadJSON(ctx, in.Location.Bucket, archive.CatalogOutcomesKey(in.Location, page), &kept)
			if err != nil && !errors.Is(err, archive.ErrNotFound) {
				return err
			}
			for _, outcome := range kept {
				if err := yield(outcome); err != nil {
					return err
				}
			}
		}
		return nil
	}
}
