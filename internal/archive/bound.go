package archive

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/bounded"
	"stemflow/internal/naming"
)

// ErrForeign says that a manifest names objects that are not its own track's.
var ErrForeign = errors.New("the manifest names what is not its own")

// CheckManifest reports with ErrForeign that a manifest names anything outside of the folder that
// it was found in, or that this is not the folder of its track. Nothing that a manifest names may
// be read, or signed a link to, before it has passed: anyone who can write to the bucket can write
// a manifest. A caller that knows that the folder is the track's needs CheckStems only.
//
// The folder is where the manifest was found, so that the manifests of a prefix that is not used
// any more still pass.
func CheckManifest(found activityapi.Location, m stemflow.Manifest) error {
	track := stemflow.Track{
		TaskID: m.Source.TaskID, AudioID: m.Source.AudioID, Type: m.Type, StemName: m.Source.StemName,
	}
	if !isPlainName(track.TaskID) || !isPlainName(track.AudioID) ||
		!slices.Contains(stemflow.PaidTypes(), m.Type) ||
		(naming.Slug(track.StemName) != "") != (m.Type == stemflow.SplitStemAdvanced) {
		return fmt.Errorf("%w: taskId %s, audioId %s, type %s and stemName %s are no track's", ErrForeign,
			bounded.Quote(track.TaskID), bounded.Quote(track.AudioID), bounded.Quote(string(m.Type)),
			bounded.Quote(track.StemName))
	}
	folder := Locate("", "", track).Dir
	prefix, ok := strings.CutSuffix(found.Dir, folder)
	if !ok || !isPrefix(prefix) {
		return fmt.Errorf("%w: its track's folder is %s, and it was found in %s", ErrForeign,
			bounded.Quote(folder), bounded.Quote(found.Dir))
	}
	return CheckStems(found, m)
}

// CheckStems reports with ErrForeign that a manifest names stems, or MIDI, outside of the track's
// folder that it was found in, or a separation that has no folder there.
//
// In a bucket that was copied as a whole, manifests still name the old bucket, and are intact:
// their stems are those in the bucket that the manifest was found in. What reads stems reads that
// one.
func CheckStems(found activityapi.Location, m stemflow.Manifest) error {
	if !isPlainName(m.SeparationTaskID) {
		return fmt.Errorf("%w: separationTaskId %s is no separation's, whose folder it names",
			ErrForeign, bounded.Quote(m.SeparationTaskID))
	}
	for _, stem := range m.Stems {
		if stem.Bucket != "" && stem.Bucket != found.Bucket && stem.Bucket != m.Manifest.Bucket {
			return fmt.Errorf("%w: stem %s is in bucket %s, and the manifest in %s", ErrForeign,
				bounded.Quote(stem.Name), bounded.Quote(stem.Bucket), bounded.Quote(found.Bucket))
		}
		if !isStemKey(found, stem.Key) {
			return fmt.Errorf("%w: stem %s has the key %s, which is not that of a stem in %s", ErrForeign,
				bounded.Quote(stem.Name), bounded.Quote(stem.Key), bounded.Quote(found.Dir))
		}
	}
	for _, entry := range m.MIDI {
		for _, object := range []*stemflow.MIDIObject{entry.JSON, entry.File} {
			if object == nil {
				continue
			}
			if object.Bucket != "" && object.Bucket != found.Bucket && object.Bucket != m.Manifest.Bucket {
				return fmt.Errorf("%w: MIDI is in bucket %s, and the manifest in %s", ErrForeign,
					bounded.Quote(object.Bucket), bounded.Quote(found.Bucket))
			}
			if !isStemKey(found, object.Key) {
				return fmt.Errorf("%w: MIDI has the key %s, which is not that of MIDI in %s", ErrForeign,
					bounded.Quote(object.Key), bounded.Quote(found.Dir))
			}
		}
	}
	return nil
}

// isPrefix reports whether Locate makes folders that begin so.
func isPrefix(prefix string) bool {
	trimmed := strings.Trim(prefix, "/")
	return prefix == "" || trimmed != "" && naming.CheckPrefix(trimmed) == nil && prefix == trimmed+"/"
}

// isStemKey reports whether a key is "<folder><separation task id>/<file>". The ledger, the
// manifest and the pages are in the folder itself.
func isStemKey(folder activityapi.Location, key string) bool {
	rest, ok := strings.CutPrefix(key, folder.Dir)
	separation, file, nested := strings.Cut(rest, "/")
	return ok && nested && isPlainName(separation) && isPlainName(file)
}

// isPlainName reports whether every reader of a path takes a name for one and the same name:
// visible ASCII, no separators, no escapes, no dots that lead elsewhere.
func isPlainName(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`/\%?#`, r)
	})
}
