package archive

import (
	"strings"

	"stemflow"
)

// Locate is the folder of a separation of a track: "<prefix>/<taskId>/<audioId>/<type>[/<slug of stemName>]/".
func Locate(bucket, prefix string, t stemflow.Track) stemflow.Location {
	parts := []string{t.TaskID, t.AudioID, string(t.Type)}
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		parts = append([]string{prefix}, parts...)
	}
	if t.Type == stemflow.SplitStemAdvanced {
		parts = append(parts, stemflow.Slug(t.StemName))
	}
	return stemflow.Location{Bucket: bucket, Dir: strings.Join(parts, "/") + "/"}
}

// ManifestKey is the key of the commit marker.
func ManifestKey(loc stemflow.Location) string { return loc.Dir + "manifest.json" }

// SubmissionKey is the key of the ledger of what was paid for.
func SubmissionKey(loc stemflow.Location) string { return loc.Dir + "submission.json" }

// SeparationPrefix is what the keys of all stems of one paid separation begin with.
func SeparationPrefix(loc stemflow.Location, separationTaskID string) string {
	return loc.Dir + separationTaskID + "/"
}

// StemPrefix is what a stem's key begins with, whatever its format turned out to be.
func StemPrefix(loc stemflow.Location, separationTaskID, stemName string) string {
	return SeparationPrefix(loc, separationTaskID) + stemName + "."
}

// StemKey is the key of a stem; ext has no dot.
func StemKey(loc stemflow.Location, separationTaskID, stemName, ext string) string {
	return StemPrefix(loc, separationTaskID, stemName) + ext
}
