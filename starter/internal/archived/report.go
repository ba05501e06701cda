package archived

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/catalog"
	"stemflow/internal/config"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/limit"
)

// Report is what became of a catalogue's tracks: of one that has ended, or so far.
type Report struct {
	// Final says that the catalogue has written its report.
	Final bool

	store      *archive.Store
	at         activityapi.Location
	unrecorded []stemflow.TrackOutcome
}

// ReportAt returns the report of the run of a catalogue that has its objects in a folder.
// unrecorded are outcomes that it has not put there yet.
func ReportAt(
	ctx context.Context, store *archive.Store, folder stemflow.ObjectRef, unrecorded []stemflow.TrackOutcome,
) (*Report, error) {
	r := &Report{
		store: store, at: activityapi.Location{Bucket: folder.Bucket, Dir: folder.Key},
		unrecorded: slices.Clone(unrecorded),
	}
	slices.SortFunc(r.unrecorded, func(a, b stemflow.TrackOutcome) int { return cmp.Compare(a.Number, b.Number) })
	key := archive.CatalogReportKey(r.at, "json")
	err := limit.Wait(ctx, readTimeout, reading(store, r.at.Bucket, key), func(ctx context.Context) error {
		_, err := store.Stat(ctx, r.at.Bucket, key)
		return err
	})
	switch {
	case err == nil:
		r.Final = true
	case !errors.Is(err, archive.ErrNotFound):
		return nil, failure.Archive("the report cannot be read: ", err)
	}
	return r, nil
}

// CatalogFolder is the folder of the run of a catalogue whose first run has the id.
func CatalogFolder(cfg config.Starter, bucket, prefix, name, runID string) stemflow.ObjectRef {
	at := archive.LocateCatalog(cmp.Or(bucket, cfg.Bucket), cmp.Or(prefix, cfg.Prefix), name, runID)
	return stemflow.ObjectRef{Bucket: at.Bucket, Key: at.Dir}
}

// LatestCatalogFolder finds the folder of the latest run of a catalogue in the bucket, for one that
// Temporal does not know any more; ok is false if there is none.
func LatestCatalogFolder(
	ctx context.Context, store *archive.Store, cfg config.Starter, bucket, prefix, name string,
) (folder stemflow.ObjectRef, ok bool, err error) {
	all := CatalogFolder(cfg, bucket, prefix, name, "")
	dir := strings.TrimRight(all.Key, "/") + "/" // of all runs, not of one without an id
	var latest time.Time
	doing := fmt.Sprintf("looking for catalogue %s in the object store %s", name, store.Endpoint())
	err = limit.WaitWhileMoving(ctx, listTimeout, quietTimeout, doing, func(ctx context.Context, moved func()) error {
		for object, err := range store.Walk(ctx, all.Bucket, dir, "") {
			if err != nil {
				return err
			}
			moved()
			// Lists that were uploaded are in folders of their own, and may be called the same.
			_, name, _ := strings.Cut(strings.TrimPrefix(object.Key, dir), "/")
			if name == "tracks.jsonl" && object.Modified.After(latest) {
				latest = object.Modified
				folder, ok = stemflow.ObjectRef{Bucket: all.Bucket, Key: path.Dir(object.Key) + "/"}, true
			}
		}
		return nil
	})
	if errors.Is(err, archive.ErrNoBucket) {
		return folder, false, nil
	}
	if err != nil {
		return folder, false, failure.Archive("the catalogue cannot be looked for: ", err)
	}
	return folder, ok, nil
}

// Result returns the result that stands in a final report.
func (r *Report) Result(ctx context.Context) (result stemflow.SeparateCatalogResult, err error) {
	content, _, err := r.open(ctx, &result)
	if err != nil {
		return result, err
	}
	return result, content.Close()
}

// open opens a final report, and reads it up to the outcomes.
func (r *Report) open(
	ctx context.Context, result *stemflow.SeparateCatalogResult,
) (io.ReadCloser, *json.Decoder, error) {
	key := archive.CatalogReportKey(r.at, "json")
	content, err := stream(ctx, r.store, r.at.Bucket, key)
	if err != nil {
		return nil, nil, failure.Archive("the report cannot be read: ", err)
	}
	decoder := json.NewDecoder(content)
	if err := readHead(decoder, result); err != nil {
		content.Close()
		return nil, nil, failure.Archive("", fmt.Errorf("%s is no report of a catalogue: %w", key, err))
	}
	return content, decoder, nil
}

// readHead reads a report up to the first outcome.
func readHead(decoder *json.Decoder, result *stemflow.SeparateCatalogResult) error {
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return cmp.Or(err, errors.New("it is no object"))
	}
	head := map[string]json.RawMessage{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return err
		}
		if name == "outcomes" {
			if token, err := decoder.Token(); err != nil || token != json.Delim('[') {
				return cmp.Or(err, errors.New("its outcomes are no list"))
			}
			text, err := json.Marshal(head)
			if err != nil {
				return err
			}
			return json.Unmarshal(text, result)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return err
		}
		if key, ok := name.(string); ok {
			head[key] = value
		}
	}
	return errors.New("it has no outcomes")
}

// Outcomes yields what became of the tracks, in their order.
func (r *Report) Outcomes(ctx context.Context) catalog.Outcomes {
	if r.Final {
		return func(yield func(stemflow.TrackOutcome) error) error {
			content, decoder, err := r.open(ctx, &stemflow.SeparateCatalogResult{})
			if err != nil {
				return err
			}
			defer content.Close()
			for decoder.More() {
				var o stemflow.TrackOutcome
				if err := decoder.Decode(&o); err != nil {
					return failure.Archive("the report cannot be read: ", err)
				}
				if err := yield(o); err != nil {
					return err
				}
			}
			if _, err := decoder.Token(); err != nil { // there is no more, and no end of the list
				return failure.Archive("the report cannot be read: ", err)
			}
			return nil
		}
	}
	return func(yield func(stemflow.TrackOutcome) error) error {
		tracks, content, err := r.tracks(ctx)
		if err != nil || tracks == nil {
			return err
		}
		defer content.Close()
		return tracks.CompleteAll(r.recorded(ctx))(yield)
	}
}

// recorded are the outcomes so far: those in the store, and those that are not there yet.
func (r *Report) recorded(ctx context.Context) catalog.Outcomes {
	return func(yield func(stemflow.TrackOutcome) error) error {
		left := r.unrecorded
		var pages []archive.Info
		err := walk(ctx, r.store, r.at.Bucket, r.at.Dir+"outcomes/", func(page archive.Info) {
			pages = append(pages, page)
		})
		if err != nil {
			return err
		}
		for _, object := range pages {
			var page []stemflow.TrackOutcome
			doing := reading(r.store, r.at.Bucket, object.Key)
			err := limit.Wait(ctx, readTimeout, doing, func(ctx context.Context) error {
				_, err := r.store.ReadJSON(ctx, r.at.Bucket, object.Key, &page)
				return err
			})
			if err != nil {
				return failure.Archive("the outcomes cannot be read: ", err)
			}
			for _, o := range page {
				for len(left) > 0 && left[0].Number <= o.Number {
					if left[0].Number < o.Number {
						if err := yield(left[0]); err != nil {
							return err
						}
					}
					left = left[1:]
				}
				if err := yield(o); err != nil {
					return err
				}
			}
		}
		for _, o := range left {
			if err := yield(o); err != nil {
				return err
			}
		}
		return nil
	}
}

// tracks are the tracks that the run has kept; nil if it has not come to that.
func (r *Report) tracks(ctx context.Context) (*catalog.KeptTracks, io.Closer, error) {
	content, err := stream(ctx, r.store, r.at.Bucket, archive.CatalogTracksKey(r.at))
	if errors.Is(err, archive.ErrNotFound) || errors.Is(err, archive.ErrNoBucket) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, failure.Archive("the catalogue's tracks cannot be read: ", err)
	}
	return catalog.NewKeptTracks(content), content, nil
}

// Columns are the columns of the list that say nothing to stemflow.
func (r *Report) Columns(ctx context.Context) ([]string, error) {
	tracks, content, err := r.tracks(ctx)
	if err != nil || tracks == nil {
		return nil, err
	}
	defer content.Close()
	names, err := tracks.ColumnNames()
	if err != nil {
		return nil, failure.Archive("the catalogue's tracks cannot be read: ", err)
	}
	return names, nil
}

// Inputs returns the tracks with some numbers, as the run has kept them.
func (r *Report) Inputs(ctx context.Context, numbers map[int]bool) ([]activityapi.CatalogTrack, error) {
	tracks, content, err := r.tracks(ctx)
	if err != nil || tracks == nil {
		return nil, err
	}
	defer content.Close()
	var found []activityapi.CatalogTrack
	for len(found) < len(numbers) {
		track, err := tracks.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, failure.Archive("the catalogue's tracks cannot be read: ", err)
		}
		if numbers[track.Number] {
			found = append(found, track)
		}
	}
	return found, nil
}
