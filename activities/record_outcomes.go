package activities

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
)

// RecordOutcomes keeps what became of tracks, for the report: an object for each page of the
// catalogue, so that neither a run nor the report ever holds more than that.
type RecordOutcomes struct {
	Store Store
}

// Execute may run again: of a track it keeps what it is told last.
func (a *RecordOutcomes) Execute(ctx context.Context, in activityapi.RecordOutcomesInput) error {
	defer startHeartbeat(ctx)()
	outcomes := slices.Clone(in.Outcomes)
	slices.SortFunc(outcomes, byNumber)
	for len(outcomes) > 0 {
		page := pageOf(outcomes[0])
		n := 1
		for n < len(outcomes) && pageOf(outcomes[n]) == page {
			n++
		}
		if err := a.merge(ctx, in.Location, page, outcomes[:n]); err != nil {
			return err
		}
		outcomes = outcomes[n:]
	}
	return nil
}

// unreadableOutcomes is the error for outcomes that are not as they were kept.
func unreadableOutcomes(err error) error {
	return final(stemflow.ErrorArchiveUnavailable, "what the run has kept for its report was changed; start the "+
		"catalogue again, which pays for nothing that is paid for: "+err.Error(), err)
}

func pageOf(o stemflow.TrackOutcome) int { return (o.Number-1)/activityapi.CatalogPageSize + 1 }

func byNumber(a, b stemflow.TrackOutcome) int { return cmp.Compare(a.Number, b.Number) }

// merge lays outcomes over those that a page has. Whatever else writes the page at the same time,
// an attempt that was thought lost, makes this one fail and be tried again.
func (a *RecordOutcomes) merge(
	ctx context.Context,
	loc activityapi.Location,
	page int,
	outcomes []stemflow.TrackOutcome,
) error {
	key := archive.CatalogOutcomesKey(loc, page)
	var kept []stemflow.TrackOutcome
	etag, err := a.Store.ReadJSON(ctx, loc.Bucket, key, &kept)
	switch {
	case errors.Is(err, archive.ErrNotFound):
		_, err = a.Store.CreateJSON(ctx, loc.Bucket, key, outcomes)
	case errors.Is(err, archive.ErrCorrupt):
		return unreadableOutcomes(err)
	case err == nil:
		kept = slices.DeleteFunc(kept, func(old stemflow.TrackOutcome) bool {
			return slices.ContainsFunc(outcomes, func(o stemflow.TrackOutcome) bool { return o.Number == old.Number })
		})
		kept = append(kept, outcomes...)
		slices.SortFunc(kept, byNumber)
		_, err = a.Store.ReplaceJSON(ctx, loc.Bucket, key, etag, kept)
	}
	if err != nil {
		return storeFailure(err)
	}
	return nil
}
