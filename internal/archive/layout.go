package archive

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/naming"
)

// Locate is the folder of what is paid for of a track: "<prefix>/<taskId>/<audioId>/<type>[/<slug
// of stemName>]/".
func Locate(bucket, prefix string, t stemflow.Track) activityapi.Location {
	parts := []string{t.TaskID, t.AudioID, string(t.Type)}
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		parts = append([]string{prefix}, parts...)
	}
	if t.Type == stemflow.SplitStemAdvanced {
		parts = append(parts, naming.Slug(t.StemName))
	}
	return activityapi.Location{Bucket: bucket, Dir: strings.Join(parts, "/") + "/"}
}

// Folder is a folder that [Locate] makes, taken apart again.
type Folder struct {
	// Prefix has no slash at its ends.
	Prefix string
	// Track has the slug in place of the stem name, which names the same folder.
	Track stemflow.Track
}

// Parse takes apart a key of the layout: the folder of a separation, and what follows it, like
// "manifest.json" or "<separationTaskId>/<stem>". It reports false for keys that are in no such
// folder.
//
// A prefix may have the name of a type in it, and so may what someone put below a track's folder: a
// reading in which no more than a file of a separation follows goes before others, and among equals
// the one with the longest prefix.
func Parse(key string) (folder Folder, rest string, ok bool) {
	parts := strings.Split(key, "/")
	for i := len(parts) - 2; i >= 2; i-- {
		read, after, fits := parseAt(parts, i)
		if !fits {
			continue
		}
		if len(after) <= 2 {
			return read, strings.Join(after, "/"), true
		}
		if !ok {
			folder, rest, ok = read, strings.Join(after, "/"), true
		}
	}
	return folder, rest, ok
}

// parseAt reads the key's i-th part as the type of a separation. After SplitStemAdvanced it is the
// name of an instrument.
func parseAt(parts []string, i int) (folder Folder, after []string, ok bool) {
	kind := stemflow.SeparationType(parts[i])
	if !slices.Contains(stemflow.PaidTypes(), kind) || parts[i-1] == string(stemflow.SplitStemAdvanced) ||
		!naming.IsID(parts[i-1]) || !naming.IsID(parts[i-2]) || slices.Contains(parts[:i-2], "") {
		return Folder{}, nil, false
	}
	after = parts[i+1:]
	if kind == stemflow.TypeWAV && !isInWAVFolder(parts[i-1], after) {
		return Folder{}, nil, false
	}
	folder = Folder{
		Prefix: strings.Join(parts[:i-2], "/"),
		Track:  stemflow.Track{TaskID: parts[i-2], AudioID: parts[i-1], Type: kind},
	}
	if kind == stemflow.SplitStemAdvanced {
		if len(after) < 2 || after[0] == "" || naming.Slug(after[0]) != after[0] {
			return Folder{}, nil, false
		}
		folder.Track.StemName, after = after[0], after[1:]
	}
	return folder, after, true
}

// isInWAVFolder reports whether a folder called "wav" is that of a conversion, by the name of the
// folder that it is in, and by what is in it. People call folders so, too, and an instrument may
// have the name: unlike other types, it needs a file of ours behind it.
func isInWAVFolder(parent string, after []string) bool {
	if slices.Contains(stemflow.PaidTypes(), stemflow.SeparationType(parent)) {
		return false
	}
	switch len(after) {
	case 1:
		return after[0] == ManifestFile || after[0] == SubmissionFile || isPage(after[0]) ||
			strings.HasPrefix(after[0], "peaks-") ||
			strings.HasPrefix(after[0], deletionName) && strings.HasSuffix(after[0], ".json")
	case 2:
		return strings.HasPrefix(after[1], stemflow.WAVName+".")
	default:
		return false
	}
}

// The documents of a track's folder.
const (
	ManifestFile   = "manifest.json"
	SubmissionFile = "submission.json"
)

// ManifestKey is the key of the commit marker.
func ManifestKey(loc activityapi.Location) string { return loc.Dir + ManifestFile }

// NewListenKey is a key for one more page that plays a track's stems. Each page has its own, which
// nobody can guess: under the key of an earlier page it would give the links in it to all who have
// a link to that one.
func NewListenKey(loc activityapi.Location) string {
	return loc.Dir + "listen-" + strings.ToLower(rand.Text()) + ".html"
}

// IsListenKey reports whether a key is that of such a page. Earlier ones were called listen.html.
func IsListenKey(loc activityapi.Location, key string) bool {
	name, inside := strings.CutPrefix(key, loc.Dir)
	return inside && isPage(name)
}

func isPage(name string) bool {
	return name == "listen.html" || strings.HasPrefix(name, "listen-") &&
		strings.HasSuffix(name, ".html") && !strings.Contains(name, "/")
}

const sessionName = "session-"

// SessionKey is the key of a session of a separation, which is made of its stems and may be made
// again; ext has no dot.
func SessionKey(loc activityapi.Location, separationTaskID, ext string) string {
	return loc.Dir + sessionName + separationTaskID + "." + ext
}

// IsSessionKey reports whether a key is that of a session.
func IsSessionKey(loc activityapi.Location, key string) bool {
	name, inside := strings.CutPrefix(key, loc.Dir+sessionName)
	return inside && !strings.Contains(name, "/") &&
		(strings.HasSuffix(name, ".zip") || strings.HasSuffix(name, ".dawproject"))
}

const deletionName = "deleted-"

// DeletionKey is the key of what a removal leaves behind of a separation.
func DeletionKey(loc activityapi.Location, separationTaskID string) string {
	return loc.Dir + deletionName + separationTaskID + ".json"
}

// ParseDeletion is the separation of which a key says that it was removed; ok is false for any
// other key.
func ParseDeletion(loc activityapi.Location, key string) (separationTaskID string, ok bool) {
	name, inside := strings.CutPrefix(key, loc.Dir+deletionName)
	id, isDocument := strings.CutSuffix(name, ".json")
	return id, inside && isDocument && naming.IsID(id)
}

// SubmissionKey is the key of the ledger of what was paid for.
func SubmissionKey(loc activityapi.Location) string { return loc.Dir + SubmissionFile }

// IsSubmissionKey reports whether a key is that of a ledger.
func IsSubmissionKey(key string) bool { return strings.HasSuffix(key, "/"+SubmissionFile) }

// SeparationPrefix is what the keys of all stems of one paid separation begin with.
func SeparationPrefix(loc activityapi.Location, separationTaskID string) string {
	return loc.Dir + separationTaskID + "/"
}

// StemPrefix is what a stem's key begins with, whatever its format turned out to be.
func StemPrefix(loc activityapi.Location, separationTaskID, stemName string) string {
	return SeparationPrefix(loc, separationTaskID) + stemName + "."
}

// StemKey is the key of a stem; ext has no dot.
func StemKey(loc activityapi.Location, separationTaskID, stemName, ext string) string {
	return StemPrefix(loc, separationTaskID, stemName) + ext
}

// SongFolder is the folder of a song of one's own, which is known by its content: that of all its
// separations, and of the song itself.
func SongFolder(prefix, sha256 string) string {
	dir := stemflow.TaskSHA256 + "/" + sha256 + "/"
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		dir = prefix + "/" + dir
	}
	return dir
}

// SongKey is the key of the song itself, beside the folders of its separations; ext has no dot.
func SongKey(prefix, sha256, ext string) string { return SongFolder(prefix, sha256) + songName + ext }

const songName = "song."

// ParseSong is the SHA-256 in the key of a song itself; ok is false for any other key.
func ParseSong(key string) (sha256 string, ok bool) {
	parts := strings.Split(key, "/")
	if len(parts) < 3 || slices.Contains(parts, "") {
		return "", false
	}
	task, sum, name := parts[len(parts)-3], parts[len(parts)-2], parts[len(parts)-1]
	ext, isSong := strings.CutPrefix(name, songName)
	if task != stemflow.TaskSHA256 || !isSong || ext == "" || !isSHA256(sum) {
		return "", false
	}
	return sum, true
}

func isSHA256(text string) bool {
	return len(text) == 64 && strings.Trim(text, "0123456789abcdef") == ""
}

// MIDIKey is the key of the MIDI of a separation, or of one of its stems; ext has no dot.
func MIDIKey(loc activityapi.Location, separationTaskID, stem, ext string) string {
	name := midiName
	if stem != "" {
		name += "." + stem
	}
	return SeparationPrefix(loc, separationTaskID) + name + "." + ext
}

const midiName = "midi"

// IsMIDIFile reports whether the last part of a key in a separation's folder is that of MIDI. Stems
// have other endings.
func IsMIDIFile(name string) bool {
	base, isJSON := strings.CutSuffix(name, ".json")
	if !isJSON {
		var isMIDI bool
		if base, isMIDI = strings.CutSuffix(name, ".mid"); !isMIDI {
			return false
		}
	}
	stem, ofStem := strings.CutPrefix(base, midiName+".")
	return base == midiName || ofStem && stem != ""
}

// LocateCatalog is the folder of one run of a catalogue: "<prefix>/_catalogs/<name>/<run id>/". No
// music task's id begins with an underscore.
func LocateCatalog(bucket, prefix, name, runID string) activityapi.Location {
	return activityapi.Location{Bucket: bucket, Dir: catalogDir(prefix, name) + runID + "/"}
}

// CatalogUploadKey is the key of a list of tracks that is uploaded for a catalogue: of the same
// content the same, and of no other.
func CatalogUploadKey(prefix, name, sha256, file string) string {
	return catalogDir(prefix, name) + "uploads/" + sha256[:16] + "/" + file
}

func catalogDir(prefix, name string) string {
	dir := "_catalogs/" + name + "/"
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		dir = prefix + "/" + dir
	}
	return dir
}

// CatalogTracksKey is the key of the tracks as the run has checked and kept them.
func CatalogTracksKey(loc activityapi.Location) string { return loc.Dir + "tracks.jsonl" }

// CatalogOutcomesKey is the key of what became of the tracks of a page; pages count from 1.
func CatalogOutcomesKey(loc activityapi.Location, page int) string {
	return fmt.Sprintf("%soutcomes/%06d.json", loc.Dir, page)
}

// CatalogReportKey is the key of the report; ext is "csv" or "json".
func CatalogReportKey(loc activityapi.Location, ext string) string { return loc.Dir + "report." + ext }

// TurnsKey is the key of the document with which workers take the turns of a submit queue in one
// minute: "<prefix>/_turns/<hash of namespace and queue>/2006-01-02T15-04.json".
func TurnsKey(prefix, namespace, queue string, minute time.Time) string {
	sum := sha256.Sum256([]byte(namespace + "\x00" + queue))
	key := "_turns/" + hex.EncodeToString(sum[:8]) + "/" + minute.UTC().Format("2006-01-02T15-04") + ".json"
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		key = prefix + "/" + key
	}
	return key
}
