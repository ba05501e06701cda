package archive

import (
	"strings"

	"stemflow/internal/activityapi"
)

// Peaks is a document beside a track's manifest: the outline of a stem, from which its waveform is
// drawn before the stem is decoded. Nothing else depends on it, and it may be missing.
type Peaks struct {
	// Version is 1.
	Version int `json:"version"`
	// SHA256 is of the stem that was outlined. Of another stem the outline says nothing.
	SHA256 string `json:"sha256"`
	// PerSecond is how many values there are for a second.
	PerSecond float64 `json:"perSecond"`
	// Values are estimated peaks: 0 is silence, 255 full scale, and three steps are a decibel.
	Values []byte `json:"values"`
}

// PeaksKey is the key of the peaks of a stem.
func PeaksKey(loc activityapi.Location, separationTaskID, stemName string) string {
	return loc.Dir + "peaks-" + separationTaskID + "-" + stemName + ".json"
}

// IsPeaksKey reports whether a key is that of the peaks of a stem.
func IsPeaksKey(loc activityapi.Location, key string) bool {
	name, inside := strings.CutPrefix(key, loc.Dir+"peaks-")
	return inside && strings.HasSuffix(name, ".json") && !strings.Contains(name, "/")
}
