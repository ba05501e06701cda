package archive_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/archive"
)

func TestMIDIHasKeysOfItsOwn(t *testing.T) {
	loc := archive.Locate("b", "p", boundTracks[0])
	require.Equal(t, loc.Dir+"3e63/midi.mid", archive.MIDIKey(loc, "3e63", "", "mid"))
	require.Equal(t, loc.Dir+"3e63/midi.bass.json", archive.MIDIKey(loc, "3e63", "bass", "json"))
	for name, want := range map[string]bool{
		"midi.mid": true, "midi.json": true, "midi.bass.mid": true, "midi.backing_vocals.json": true,
		"midi.mp3": false, "midi": false, "bass.mid": false, "midi..mid": false, "midibass.mid": false, "midi.bass": false,
		"": false, ".json": false,
	} {
		require.Equal(t, want, archive.IsMIDIFile(name), name)
	}
}

// A manifest names MIDI in its own folder only.
func TestForeignMIDIIsRefused(t *testing.T) {
	loc := archive.Locate("b", "p", boundTracks[0])
	for key, own := range map[string]bool{
		loc.Dir + "3e63/midi.mid": true, loc.Dir + "midi.mid": false, loc.Dir + "../x/midi.mid": false, "secret": false,
		loc.Dir + "3e63/a/midi.mid": false, "": false,
	} {
		m := manifestIn(loc, boundTracks[0], "vocals")
		m.MIDI = []stemflow.MIDI{{File: &stemflow.MIDIObject{Bucket: "b", Key: key}}}
		if own {
			require.NoError(t, archive.CheckManifest(loc, m))
			m.MIDI[0].File.Bucket = "another"
		}
		require.ErrorIs(t, archive.CheckManifest(loc, m), archive.ErrForeign, key)
	}
}
