// Package trackstate reads what the store has of a track: what is archived, and what the ledger
// says is paid for.
package trackstate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/bounded"
	"stemflow/internal/ledger"
)

// Store is as much of [archive.Store] as is needed to read.
type Store interface {
	List(ctx context.Context, bucket, prefix string) ([]archive.Info, error)
	ReadJSON(ctx context.Context, bucket, key string, v any) (etag string, err error)
}

// State is what the store has of a track.
type State struct {
	// Archived is the result of an earlier run, if it is complete.
	Archived *stemflow.SeparateStemsResult
	// Partial is that result if it lacks stems that may still be obtained.
	Partial *stemflow.SeparateStemsResult
	// Kept are the stems of an earlier run whose objects are there, where the track is archived
	// again.
	Kept *activityapi.KeptStems
	// Submission is the paid separation that was asked for, if the ledger names it; else the newest
	// that can be resumed; else what speaks in the ledger, if there is one.
	Submission *stemflow.Submission
	// Ledger is the whole of it.
	Ledger ledger.Ledger
}

// Reader reads states.
type Reader struct {
	Store Store
	// LedgerBucket and LedgerPrefix are where the ledgers of all tracks are, wherever a track is
	// archived to.
	LedgerBucket, LedgerPrefix string
	// Warn is told of what is there and does not count.
	Warn func(message string, keysAndValues ...any)
}

// Read fails with archive.ErrCorrupt if the ledger cannot be read, and with archive.ErrNoBucket.
// loc is the folder that the track is archived to, named a separation task id that is asked for, if
// any.
func (r Reader) Read(
	ctx context.Context, loc activityapi.Location, track stemflow.Track, named string,
) (State, error) {
	var s State
	l, _, err := ReadLedger(ctx, r.Store, archive.Locate(r.LedgerBucket, r.LedgerPrefix, track), loc)
	if err != nil {
		return s, err
	}
	s.Ledger = l
	if paid, ok := paidAs(l, named); ok {
		s.Submission = &paid
	} else if paid, ok := l.Paid(); ok {
		s.Submission = &paid
	} else if l.State != "" {
		s.Submission = &l.Entry
	}
	manifest, whole, err := r.manifest(ctx, loc)
	if err != nil || manifest == nil {
		return s, err
	}
	if !whole || named != "" {
		s.Kept = &activityapi.KeptStems{SeparationTaskID: manifest.SeparationTaskID, Stems: manifest.Stems}
	}
	if !whole {
		return s, nil
	}
	// By force another one may have been paid for since, and never archived.
	if PaidSince(l, manifest.SeparationTaskID, manifest.ArchivedAt) {
		return s, nil
	}
	if mayBeCompleted(manifest, time.Now()) {
		s.Partial = &manifest.SeparateStemsResult
	} else {
		s.Archived = &manifest.SeparateStemsResult
	}
	return s, nil
}

// ReadLedger returns the ledger of a track and its ETag; the zero ledger and no ETag where there is
// none yet. What stands in the folder that the track is archived to counts as well: earlier
// releases kept it there. It fails with archive.ErrCorrupt if a ledger cannot be read, or
// believed.
func ReadLedger(
	ctx context.Context, store Store, at, archivedTo activityapi.Location,
) (l ledger.Ledger, etag string, err error) {
	if l, etag, err = readLedgerAt(ctx, store, at); err != nil || at == archivedTo {
		return l, etag, err
	}
	old, _, err := readLedgerAt(ctx, store, archivedTo)
	if errors.Is(err, archive.ErrNoBucket) || errors.Is(err, errNoEntry) && l.State != "" {
		return l, etag, nil
	}
	return l.Merge(old), etag, err
}

func readLedgerAt(
	ctx context.Context, store Store, at activityapi.Location,
) (l ledger.Ledger, etag string, err error) {
	etag, err = store.ReadJSON(ctx, at.Bucket, archive.SubmissionKey(at), &l)
	if errors.Is(err, archive.ErrNotFound) {
		return ledger.Ledger{}, "", nil
	}
	if err != nil {
		return l, etag, err
	}
	if problem := problemOf(l, at); problem != nil {
		key := archive.SubmissionKey(at)
		return ledger.Ledger{}, "", fmt.Errorf("%w: %s/%s: %w", archive.ErrCorrupt, at.Bucket, key, problem)
	}
	return l, etag, nil
}

var errNoEntry = errors.New("it has no entry")

// problemOf is why a document is no ledger that may be believed, or nil. One that says less
// than was written would have the track paid for again, and one of another track would have that
// one's stems archived in its place.
func problemOf(l ledger.Ledger, at activityapi.Location) error {
	if l.State == "" {
		return errNoEntry
	}
	for _, e := range l.Entries() {
		switch {
		case e.Version > 1:
			return fmt.Errorf("an entry has version %d, which is of a later release", e.Version)
		case !slices.Contains(states, e.State):
			return fmt.Errorf("an entry has the state %s, which there is not", bounded.Quote(string(e.State)))
		case e.Track != (stemflow.Track{}) && !strings.HasSuffix("/"+at.Dir, "/"+archive.Locate("", "", e.Track).Dir):
			return errors.New("an entry is of another track")
		}
	}
	return nil
}

var states = []stemflow.SubmissionState{
	stemflow.SubmissionIntended, stemflow.SubmissionRefused, stemflow.SubmissionPaid, stemflow.SubmissionFailed,
}

// mayBeCompleted reports whether the manifest names missing stems, of a separation that the
// provider may still keep. A look for nothing does no harm.
func mayBeCompleted(m *stemflow.Manifest, now time.Time) bool {
	return len(m.Missing) > 0 && now.Sub(m.SettledAt) < time.Duration(stemflow.MaxDeadline)
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

// manifest is that of a track with the stems whose objects are there, or nil if there is none to
// trust. It is whole if nothing of it failed and nothing is gone.
func (r Reader) manifest(
	ctx context.Context, loc activityapi.Location,
) (manifest *stemflow.Manifest, whole bool, err error) {
	manifest = &stemflow.Manifest{}
	_, err = r.Store.ReadJSON(ctx, loc.Bucket, archive.ManifestKey(loc), manifest)
	switch {
	case errors.Is(err, archive.ErrNotFound):
		return nil, false, nil
	case errors.Is(err, archive.ErrCorrupt):
		r.Warn("the manifest cannot be read and is written again", "key", archive.ManifestKey(loc), "error", err)
		return nil, false, nil
	case err != nil:
		return nil, false, err
	case len(manifest.Stems) == 0:
		return nil, false, nil
	}
	if err := archive.CheckStems(loc, *manifest); err != nil {
		r.Warn("the manifest is not trusted and is written again", "key", archive.ManifestKey(loc), "error", err)
		return nil, false, nil
	}
	objects, err := r.Store.List(ctx, loc.Bucket, archive.SeparationPrefix(loc, manifest.SeparationTaskID))
	if err != nil {
		return nil, false, err
	}
	sizes := make(map[string]int64, len(objects))
	for _, object := range objects {
		sizes[object.Key] = object.Size
	}
	named := len(manifest.Stems)
	manifest.Stems = slices.DeleteFunc(manifest.Stems, func(stem stemflow.Stem) bool {
		size, ok := sizes[stem.Key]
		if ok && size == stem.Size {
			return false
		}
		r.Warn("an archived stem is gone or changed: it is archived again", "key", stem.Key,
			"separationTaskId", manifest.SeparationTaskID, "stem", stem.Name)
		return true
	})
	if len(manifest.Stems) == 0 {
		return nil, false, nil
	}
	return manifest, len(manifest.Stems) == named && len(manifest.Failed) == 0, nil
}
