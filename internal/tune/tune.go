// Package tune is the music that kiesim serves: a small tune in twelve stems, with its instrumental
// mix, as embedded MP3 files. All are equally long.
package tune

import (
	"embed"
	"fmt"
	"path"
	"strings"
)

//go:embed stems/*.mp3
var files embed.FS

// clips holds every stem by its name.
var clips = load()

func load() map[string]*Clip {
	entries, err := files.ReadDir("stems")
	if err != nil {
		panic(err)
	}
	loaded := make(map[string]*Clip, len(entries))
	for _, entry := range entries {
		data, err := files.ReadFile(path.Join("stems", entry.Name()))
		if err != nil {
			panic(err)
		}
		clip, err := newClip(data)
		if err != nil {
			panic(fmt.Sprintf("the embedded %s: %v", entry.Name(), err))
		}
		loaded[strings.TrimSuffix(entry.Name(), ".mp3")] = clip
	}
	return loaded
}

// Stem returns the recording of a stem: "vocals", "instrumental", "backing_vocals", "drums",
// "bass", "guitar", "keyboard", "percussion", "strings", "synth", "fx", "brass" or "woodwinds". For
// any other name the second result is false.
func Stem(name string) (*Clip, bool) {
	clip, ok := clips[name]
	return clip, ok
}
