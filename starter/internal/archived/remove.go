package archived

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/audio"
	"stemflow/internal/config"
	"stemflow/internal/ledger"
	"stemflow/internal/naming"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/limit"
)

// removeTimeout bounds the removal of one track.
const removeTimeout = 10 * time.Minute

// Removal is what is removed of a track, and what stays.
type Removal struct {
	// Objects go, the manifest first: it is what makes an archive of the rest.
	Objects []archive.Info
	Size    int64
	// Others lie in the track's folder, and stemflow did not put them there.
	Others []string
	// Paid is what the ledger knows to be paid for, nil if nothing; Unknown says that it knows of
	// an attempt to pay whose outcome it does not know.
	Paid    *stemflow.Submission
	Unknown bool
	// separations are those that are paid for, or of which stems are there.
	separations map[string]bool

	store    *archive.Store
	location activityapi.Location
}

// PlanRemoval finds out what is there of a track. Where nothing is, and it is paid for, what is
// left is to write down that it is not wanted. A song that was put into the store goes with the
// last of its types, unless it is kept for a run. The error is a [*failure.Failure]; it says so if
// there is nothing.
func PlanRemoval(
	ctx context.Context, store *archive.Store, cfg config.Starter, in stemflow.SeparateStemsInput, keepSong bool,
) (*Removal, error) {
	r := &Removal{
		store:       store,
		separations: map[string]bool{},
		location:    archive.Locate(cmp.Or(in.Bucket, cfg.Bucket), cmp.Or(in.Prefix, cfg.Prefix), in.Track()),
	}
	var manifest, rest, songs, stems []archive.Info
	var deleted []string
	folder := r.location.Dir
	if track := in.Track(); track.TaskID == stemflow.TaskSHA256 {
		folder = archive.SongFolder(cmp.Or(in.Prefix, cfg.Prefix), track.AudioID)
	}
	err := walk(ctx, store, r.location.Bucket, folder, func(object archive.Info) {
		if !strings.HasPrefix(object.Key, r.location.Dir) {
			if _, isSong := archive.ParseSong(object.Key); isSong {
				songs = append(songs, object)
			} else if _, rest, ok := archive.Parse(object.Key); ok && rest == archive.ManifestFile {
				keepSong = true // it is not the last of its types
			}
			return
		}
		switch name := strings.TrimPrefix(object.Key, r.location.Dir); {
		case object.Key == archive.SubmissionKey(r.location):
			return // it stays
		case isDeletion(r.location, object.Key):
			deleted = append(deleted, object.Key)
			return // it stays, too
		case isStem(name):
			stems = append(stems, object) // if it is one, and not a person's
			return
		case object.Key == archive.ManifestKey(r.location):
			manifest = append(manifest, object)
		case archive.IsListenKey(r.location, object.Key), archive.IsPeaksKey(r.location, object.Key),
			archive.IsSessionKey(r.location, object.Key):
			rest = append(rest, object)
		default:
			r.Others = append(r.Others, object.Key)
			return
		}
		r.Size += object.Size
	})
	if err != nil {
		return nil, err
	}
	if !keepSong {
		for _, song := range songs {
			rest = append(rest, song)
			r.Size += song.Size
		}
	}
	if err := r.readPayments(ctx, archive.Locate(cfg.LedgerBucket, cfg.LedgerPrefix, in.Track())); err != nil {
		return nil, err
	}
	if len(manifest) > 0 {
		if err := r.readManifest(ctx); err != nil {
			return nil, err
		}
	}
	r.Objects = append(append(manifest, rest...), r.ofSeparations(stems, in.Track(), deleted)...)
	if len(r.Objects) > 0 {
		return r, nil
	}
	nothing := &failure.Failure{
		Type:    failure.TypeNotArchived,
		Message: fmt.Sprintf("there is nothing to remove in %s of bucket %s", r.location.Dir, r.location.Bucket),
		Code:    failure.ExitFailed,
		Hint:    `Check type, bucket and prefix; "` + failure.Command + ` list" shows what is archived.`,
	}
	if r.isMarked(deleted) {
		return nil, nothing
	}
	other, err := r.findManifest(ctx, in.Track())
	if err != nil {
		return nil, err
	}
	if other != "" {
		nothing.Hint = "The track is archived as " + other + ": name its prefix with --prefix."
		return nil, nothing
	}
	return r, nil
}

// findManifest returns the key of a manifest of the track, wherever in the bucket. To write down
// that a track is not wanted, in a place where it never was, would neither remove it nor be seen.
func (r *Removal) findManifest(ctx context.Context, track stemflow.Track) (key string, err error) {
	folder := archive.Locate("", "", track).Dir
	err = walk(ctx, r.store, r.location.Bucket, "", func(object archive.Info) {
		place, rest, ok := archive.Parse(object.Key)
		if ok && rest == archive.ManifestFile && archive.Locate("", "", place.Track).Dir == folder {
			key = object.Key
		}
	})
	return key, err
}

// isMarked reports whether of all separations there is what says that they were removed.
func (r *Removal) isMarked(deleted []string) bool {
	for separation := range r.separations {
		if !slices.Contains(deleted, archive.DeletionKey(r.location, separation)) {
			return false
		}
	}
	return true
}

// ofSeparations are the objects that separations have yielded, of those in folders below the
// track's. The others lie in folders that people have made: no ledger, manifest or earlier removal
// names them, and nothing in them is called as a stem of the track's type is, or as MIDI.
func (r *Removal) ofSeparations(objects []archive.Info, track stemflow.Track, deleted []string) (ours []archive.Info) {
	folderOf := func(object archive.Info) string {
		folder, _, _ := strings.Cut(strings.TrimPrefix(object.Key, r.location.Dir), "/")
		return folder
	}
	expected := stemflow.ExpectedStems(track.Type, track.StemName)
	for _, object := range objects {
		folder := folderOf(object)
		removed := slices.Contains(deleted, archive.DeletionKey(r.location, folder))
		if naming.IsID(folder) && (removed || showsSeparation(expected, path.Base(object.Key))) {
			r.separations[folder] = true
		}
	}
	for _, object := range objects {
		if !r.separations[folderOf(object)] {
			r.Others = append(r.Others, object.Key)
			continue
		}
		ours = append(ours, object)
		r.Size += object.Size
	}
	return ours
}

// readManifest notes the separation that the manifest is of. One that cannot be read names none.
func (r *Removal) readManifest(ctx context.Context) error {
	key := archive.ManifestKey(r.location)
	var manifest stemflow.Manifest
	err := limit.Wait(ctx, readTimeout, reading(r.store, r.location.Bucket, key), func(ctx context.Context) error {
		_, err := r.store.ReadJSON(ctx, r.location.Bucket, key, &manifest)
		return err
	})
	switch {
	case err == nil && naming.IsID(manifest.SeparationTaskID):
		r.separations[manifest.SeparationTaskID] = true
	case err != nil && !errors.Is(err, archive.ErrCorrupt) && !errors.Is(err, archive.ErrNotFound):
		return failure.Archive("", err)
	}
	return nil
}

// isStem reports whether an object in a track's folder may be what a separation yields.
func isStem(name string) bool {
	_, ok := stemOf(name)
	file := path.Base(name)
	return ok && (archive.IsMIDIFile(file) || audio.IsExtension(strings.TrimPrefix(path.Ext(file), ".")))
}

// readPayments finds out what a later start will know of payments.
func (r *Removal) readPayments(ctx context.Context, account activityapi.Location) error {
	var all ledger.Ledger
	doing := fmt.Sprintf("reading the ledger from the object store %s", r.store.Endpoint())
	err := limit.Wait(ctx, readTimeout, doing, func(ctx context.Context) (err error) {
		all, err = readLedger(ctx, r.store, account, r.location)
		return err
	})
	if err != nil {
		return failure.Archive("", err)
	}
	if paid, ok := all.Paid(); ok {
		r.Paid = &paid
	}
	r.Unknown = all.State == stemflow.SubmissionIntended
	for _, entry := range all.Entries() {
		if entry.State == stemflow.SubmissionPaid && naming.IsID(entry.SeparationTaskID) {
			r.separations[entry.SeparationTaskID] = true
		}
	}
	return nil
}

func isDeletion(loc activityapi.Location, key string) bool {
	_, ok := archive.ParseDeletion(loc, key)
	return ok
}

// Mark writes down of each separation that it is removed, so that a check of the archive does not
// miss it, and no repair brings it back. The manifest has to be gone: one that is lost later would
// not be missed either.
func (r *Removal) Mark(ctx context.Context) error {
	doing := fmt.Sprintf("writing down in the object store %s what is removed of %s", r.store.Endpoint(), r.Where())
	separations := slices.Sorted(maps.Keys(r.separations))
	err := limit.Wait(ctx, removeTimeout, doing, func(ctx context.Context) error {
		return each(ctx, len(separations), func(ctx context.Context, i int) error {
			key := archive.DeletionKey(r.location, separations[i])
			return r.store.PutJSON(ctx, r.location.Bucket, key, archive.Deletion{
				Version: 1, SeparationTaskID: separations[i], DeletedAt: time.Now().UTC(),
			})
		})
	})
	if err != nil {
		return failure.Archive("", err)
	}
	return nil
}

// Stems are the names of the stems that go.
func (r *Removal) Stems() (names []string) {
	for _, object := range r.Objects {
		file := path.Base(object.Key)
		if isStem(strings.TrimPrefix(object.Key, r.location.Dir)) && !archive.IsMIDIFile(file) {
			names = append(names, strings.TrimSuffix(file, path.Ext(file)))
		}
	}
	return names
}

// Where says where the track's objects are.
func (r *Removal) Where() string { return r.location.Bucket + "/" + r.location.Dir }

// HasManifest reports whether there is one: without it, the objects are what an earlier removal or
// an unfinished run has left.
func (r *Removal) HasManifest() bool {
	return len(r.Objects) > 0 && r.Objects[0].Key == archive.ManifestKey(r.location)
}

// RemoveManifest removes the manifest. From then on nobody takes the rest for an archive.
func (r *Removal) RemoveManifest(ctx context.Context) error {
	if !r.HasManifest() {
		return nil
	}
	return r.remove(ctx, r.Objects[:1])
}

// KeepSong takes the song out of what is removed.
func (r *Removal) KeepSong() {
	r.Objects = slices.DeleteFunc(r.Objects, func(object archive.Info) bool {
		_, isSong := archive.ParseSong(object.Key)
		if isSong {
			r.Size -= object.Size
		}
		return isSong
	})
}

// RemoveRest removes everything else.
func (r *Removal) RemoveRest(ctx context.Context) error {
	rest := r.Objects
	if r.HasManifest() {
		rest = rest[1:]
	}
	return r.remove(ctx, rest)
}

func (r *Removal) remove(ctx context.Context, objects []archive.Info) error {
	doing := fmt.Sprintf("removing %s in the object store %s", r.Where(), r.store.Endpoint())
	err := limit.Wait(ctx, removeTimeout, doing, func(ctx context.Context) error {
		return each(ctx, len(objects), func(ctx context.Context, i int) error {
			return r.store.Remove(ctx, r.location.Bucket, objects[i].Key)
		})
	})
	if err != nil {
		return failure.Archive("", err)
	}
	return nil
}

// IsBack reports whether there is a manifest again.
func (r *Removal) IsBack(ctx context.Context) (bool, error) {
	key := archive.ManifestKey(r.location)
	var found bool
	err := limit.Wait(ctx, readTimeout, reading(r.store, r.location.Bucket, key), func(ctx context.Context) error {
		_, err := r.store.Stat(ctx, r.location.Bucket, key)
		found = err == nil
		if errors.Is(err, archive.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return false, failure.Archive("", err)
	}
	return found, nil
}
