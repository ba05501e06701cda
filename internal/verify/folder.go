package verify

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/allowed"
	"stemflow/internal/archive"
	"stemflow/internal/naming"
)

// keysOf is what the keys of all objects of a place begin with.
func keysOf(p allowed.Place) string {
	if p.Prefix == "" {
		return ""
	}
	return p.Prefix + "/"
}

// covers reports whether all objects of the inner place are in the outer one, too.
func covers(outer, inner allowed.Place) bool {
	return outer.Bucket == inner.Bucket && strings.HasPrefix(keysOf(inner), keysOf(outer))
}

// folder is a track's folder, as keys show it.
type folder struct {
	at allowed.Place
	// track has the slug in place of the name of a stem, which keys do not tell.
	track stemflow.Track
}

// folderOf is the folder of a track in a place.
func folderOf(at allowed.Place, t stemflow.Track) folder {
	if t.Type == stemflow.SplitStemAdvanced {
		t.StemName = naming.Slug(t.StemName)
	} else {
		t.StemName = ""
	}
	return folder{at: at, track: t}
}

// location is the folder as the archive names it. A slug's slug is itself.
func (f folder) location() activityapi.Location {
	return archive.Locate(f.at.Bucket, f.at.Prefix, f.track)
}

// sameAs reports whether a track that a document names is the folder's.
func (f folder) sameAs(t stemflow.Track) bool {
	if t.Type != f.track.Type || t.TaskID != f.track.TaskID || t.AudioID != f.track.AudioID {
		return false
	}
	return f.track.Type != stemflow.SplitStemAdvanced || naming.Slug(t.StemName) == f.track.StemName
}

// sha256Pattern is a SHA-256 as manifests have it.
var sha256Pattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// findFolder returns the folder of a track that a key is in.
func findFolder(bucket, key string) (folder, bool) {
	found, _, ok := archive.Parse(key)
	return folder{at: allowed.Place{Bucket: bucket, Prefix: found.Prefix}, track: found.Track}, ok
}

// objects are those of one folder, without its documents.
type objects struct {
	manifest, submission *archive.Info
	// separations are the folders within it, by the separation task id that is their name; dropped
	// counts the objects that are too many to be kept.
	separations map[string][]archive.Info
	kept        int
	dropped     int
	// deletions are when the separations were removed that a person has removed.
	deletions map[string]time.Time
}

// maxKept bounds what is held of one folder. A track has a dozen stems.
const maxKept = 2000

// deleted reports whether a person has removed the separation, and no run has archived stems of it
// since. The times are all of the store's clock.
func (o *objects) deleted(separation string) bool {
	at, ok := o.deletions[separation]
	return ok && o.manifest == nil && !o.hasStemsSince(separation, at)
}

// hasStems reports whether there are stems of the separation.
func (o *objects) hasStems(separation string) bool { return o.hasStemsSince(separation, time.Time{}) }

func (o *objects) hasStemsSince(separation string, at time.Time) bool {
	return slices.ContainsFunc(o.separations[separation], func(info archive.Info) bool {
		return info.Modified.After(at) && !archive.IsMIDIFile(path.Base(info.Key))
	})
}

// removed reports whether there was an archive, and a person has removed it.
func (o *objects) removed() bool {
	for separation := range o.deletions {
		if o.deleted(separation) {
			return true
		}
	}
	return false
}

func (o *objects) add(dir string, info archive.Info) {
	rest := strings.TrimPrefix(info.Key, dir)
	if id, ok := archive.ParseDeletion(activityapi.Location{Dir: dir}, info.Key); ok && len(o.deletions) < maxKept {
		if o.deletions == nil {
			o.deletions = map[string]time.Time{}
		}
		o.deletions[id] = info.Modified
		return
	}
	switch separation, _, within := strings.Cut(rest, "/"); {
	case rest == archive.ManifestFile:
		o.manifest = &info
	case rest == archive.SubmissionFile:
		o.submission = &info
	case !within, strings.HasSuffix(rest, "/"):
		// the page that plays the stems, what somebody has put there, or what consoles make of a
		// folder
	case o.kept == maxKept:
		o.dropped++
	default:
		if o.separations == nil {
			o.separations = map[string][]archive.Info{}
		}
		o.separations[separation] = append(o.separations[separation], info)
		o.kept++
	}
}
