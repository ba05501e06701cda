package failure

import (
	"strings"

	"stemflow"
	"stemflow/starter/internal/view"
)

// AddOtherTypes adds to a failure to find a track, whose type was not given, under which other
// types it is there: "running" or "archived" says how.
func (f *Failure) AddOtherTypes(how string, found []stemflow.Track) {
	if len(found) == 0 {
		return
	}
	flags := make([]string, len(found))
	for i, track := range found {
		flags[i] = "--type " + string(track.Type)
		if track.StemName != "" {
			flags[i] += " --stem-name " + view.Quote(track.StemName)
		}
	}
	f.Message += "; of this track, other types are " + how
	f.Hint = "The type was not given, and " + string(stemflow.SeparateVocal) + " is the default. Give " +
		strings.Join(flags, " or ") + "."
}
