package archived

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/limit"
)

const (
	// scanTimeout bounds a look at all objects below a prefix, which may be millions.
	scanTimeout = 30 * time.Minute
	// quietTimeout bounds how long a store may keep one waiting during such a look.
	quietTimeout = 30 * time.Second
	// readers is how many documents are read at once: as many connections as the store keeps open.
	readers = 32
)

// Found is a track that is archived.
type Found struct {
	TaskID  string                  `json:"taskId"`
	AudioID string                  `json:"audioId"`
	Type    stemflow.SeparationType `json:"type"`
	// StemName is the slug, unless the manifest was read.
	StemName    string `json:"stemName,omitempty"`
	Bucket      string `json:"bucket"`
	Prefix      string `json:"prefix"`
	ManifestKey string `json:"manifestKey"`
	// Stems and Size are those of the separation whose stems were written last, unless the manifest
	// was read.
	Stems      int       `json:"stems"`
	Size       int64     `json:"size"`
	ArchivedAt time.Time `json:"archivedAt"`

	// What follows stands in the manifest alone.
	Title            string   `json:"title,omitempty"`
	Artist           string   `json:"artist,omitempty"`
	SeparationTaskID string   `json:"separationTaskId,omitempty"`
	DurationSeconds  float64  `json:"durationSeconds,omitzero"`
	StemNames        []string `json:"stemNames,omitempty"`
	// Missing names stems that are not archived and should be.
	Missing []string `json:"missing,omitempty"`
}

// FindTracks returns all tracks with a manifest below a prefix, whose own prefixes may be longer,
// in the order of their keys. It reads the list of objects and none of them.
func FindTracks(ctx context.Context, store *archive.Store, bucket, prefix string) ([]Found, error) {
	var scan scan
	if err := walk(ctx, store, bucket, prefix, scan.visit); err != nil {
		return nil, err
	}
	scan.end()
	for i := range scan.found {
		scan.found[i].Bucket = bucket
	}
	return scan.found, nil
}

// walk visits all objects in a folder, named without its slash; the bucket's for an empty one.
func walk(
	ctx context.Context, store *archive.Store, bucket, folder string, visit func(archive.Info),
) error {
	if folder = strings.Trim(folder, "/"); folder != "" {
		folder += "/"
	}
	doing := fmt.Sprintf("listing %s/%s in the object store %s", bucket, folder, store.Endpoint())
	err := limit.WaitWhileMoving(ctx, scanTimeout, quietTimeout, doing, func(ctx context.Context, moved func()) error {
		for object, err := range store.Walk(ctx, bucket, folder, "") {
			if err != nil {
				return err
			}
			moved()
			visit(object)
		}
		return nil
	})
	if err != nil {
		return failure.Archive("", err)
	}
	return nil
}

// scan makes tracks of objects that come in the order of their keys, in which those of a track
// follow each other.
type scan struct {
	found []Found

	place       archive.Folder
	manifest    archive.Info
	separations map[string]*separation
	// expected are the names of the stems of the place's type.
	expected []string
}

// separation is what is there of one.
type separation struct {
	stems int
	size  int64
	last  time.Time
	// shown says that it is one by what is in it, and not a folder of somebody's.
	shown bool
}

// newerThan reports whether it is the one that a list speaks of rather than another.
func (s separation) newerThan(other separation) bool {
	if s.shown != other.shown {
		return s.shown
	}
	return other.stems == 0 || s.last.After(other.last)
}

func (s *scan) visit(object archive.Info) {
	place, rest, ok := archive.Parse(object.Key)
	if !ok {
		return
	}
	if place != s.place {
		s.end()
		s.place, s.manifest, s.separations = place, archive.Info{}, map[string]*separation{}
		s.expected = stemflow.ExpectedStems(place.Track.Type, place.Track.StemName)
	}
	if rest == archive.ManifestFile {
		s.manifest = object
	}
	if id, ok := stemOf(rest); ok && !archive.IsMIDIFile(path.Base(rest)) {
		paid := s.separations[id]
		if paid == nil {
			paid = &separation{}
			s.separations[id] = paid
		}
		paid.stems++
		paid.shown = paid.shown || showsSeparation(s.expected, path.Base(rest))
		paid.size += object.Size
		if object.Modified.After(paid.last) {
			paid.last = object.Modified
		}
	}
}

// stemOf is the separation that a stem, or MIDI, is of, by its key within the track's folder.
func stemOf(rest string) (separationTaskID string, ok bool) {
	id, file, ok := strings.Cut(rest, "/")
	return id, ok && id != "" && file != "" && !strings.Contains(file, "/")
}

// showsSeparation reports whether a file in a folder below a track's shows that a separation has
// yielded what is in it: it is called as one of the expected stems is, or as MIDI.
func showsSeparation(expected []string, file string) bool {
	name, _, _ := strings.Cut(strings.TrimSuffix(file, path.Ext(file)), "-") // "vocals-2" is one of several
	return archive.IsMIDIFile(file) || slices.Contains(expected, name)
}

// end takes the track that all objects have been seen of, if it is archived.
func (s *scan) end() {
	if s.manifest.Key == "" {
		return
	}
	t := s.place.Track
	found := Found{
		TaskID: t.TaskID, AudioID: t.AudioID, Type: t.Type, StemName: t.StemName, Prefix: s.place.Prefix,
		ManifestKey: s.manifest.Key, ArchivedAt: s.manifest.Modified.UTC(),
	}
	var newest separation
	for _, paid := range s.separations {
		if paid.newerThan(newest) {
			newest = *paid
		}
	}
	found.Stems, found.Size = newest.stems, newest.size
	s.found = append(s.found, found)
}

// ReadManifests fills in what only the manifests say. A manifest that is gone or cannot be read
// leaves its track as it is; it returns how many those are.
func ReadManifests(ctx context.Context, store *archive.Store, found []Found) (unread int, err error) {
	texts := make([]stemflow.Manifest, len(found))
	read := make([]bool, len(found))
	doing := fmt.Sprintf("reading manifests from the object store %s", store.Endpoint())
	err = limit.WaitWhileMoving(ctx, scanTimeout, quietTimeout, doing, func(ctx context.Context, moved func()) error {
		return each(ctx, len(found), func(ctx context.Context, i int) error {
			defer moved()
			_, err := store.ReadJSON(ctx, found[i].Bucket, found[i].ManifestKey, &texts[i])
			read[i] = err == nil
			if errors.Is(err, archive.ErrNotFound) || errors.Is(err, archive.ErrCorrupt) {
				return nil
			}
			return err
		})
	})
	if err != nil {
		return 0, failure.Archive("", err)
	}
	for i := range found {
		if !read[i] {
			unread++
			continue
		}
		found[i].read(texts[i])
	}
	return unread, nil
}

func (f *Found) read(m stemflow.Manifest) {
	f.SeparationTaskID = m.SeparationTaskID
	if music := m.Source.Music; music != nil {
		f.Title, f.Artist = music.Title, music.Artist
	}
	if m.Source.StemName != "" {
		f.StemName = m.Source.StemName
	}
	if !m.ArchivedAt.IsZero() {
		f.ArchivedAt = m.ArchivedAt
	}
	f.Stems, f.Size = len(m.Stems), 0
	for _, stem := range m.Stems {
		f.Size += stem.Size
		f.DurationSeconds = max(f.DurationSeconds, stem.DurationSeconds)
		f.StemNames = append(f.StemNames, stem.Name)
	}
	for _, stem := range m.Missing {
		f.Missing = append(f.Missing, stem.Name)
	}
	for _, stem := range m.Failed {
		f.Missing = append(f.Missing, stem.Name)
	}
}

// each does something n times, a bounded number of them at once. The first error ends it.
func each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i := range n {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return do(ctx, i)
		})
	}
	return group.Wait()
}
