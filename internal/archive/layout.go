package archive

import (
	"crypto/rand"
	"fmt"
	"strings"

	"stemflow/internal/activityapi"
	"stemflow/internal/naming"

	"stemflow"
)

// Locate is the folder of a separation of a track: "<prefix>/<taskId>/<audioId>/<type>[/<slug of
// stemName>]/".
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

// ManifestKey is the key of the commit marker.
func ManifestKey(loc activityapi.Location) string { return loc.Dir + "manifest.json" }

// NewListenKey is a key for one more page that plays a track's stems. Each page has its own, which
// nobody can guess: under the key of an earlier page it would give the links in it to all who have
// a link to that one.
func NewListenKey(loc activityapi.Location) string {
	return loc.Dir + "listen-" + strings.ToLower(rand.Text()) + ".html"
}

// SubmissionKey is the key of the ledger of what was paid for.
func SubmissionKey(loc activityapi.Location) string { return loc.Dir + "submission.json" }

// IsSubmissionKey reports whether a key is that of a ledger.
func IsSubmissionKey(key string) bool { return strings.HasSuffix(key, "/submission.json") }

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
