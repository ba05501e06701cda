package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/archive"
)

// archiveMIDI puts MIDI of a stem, or of all, beside the stems.
func (g *gettable) archiveMIDI(t *testing.T, stem string) {
	t.Helper()
	made := stemflow.MIDI{Stem: stem, MIDITaskID: "m", Instruments: []stemflow.MIDIInstrument{{Name: "Drums", Notes: 3}}}
	for ext, to := range map[string]**stemflow.MIDIObject{"json": &made.JSON, "mid": &made.File} {
		content := []byte(ext + " of " + stem)
		key := archive.MIDIKey(archive.Locate(g.bucket, "music", g.manifestTrack()), g.manifest.SeparationTaskID, stem, ext)
		written, err := g.store.Put(t.Context(), g.bucket, key, "audio/midi", bytes.NewReader(content), int64(len(content)))
		require.NoError(t, err)
		*to = &stemflow.MIDIObject{Bucket: g.bucket, Key: key, Size: written.Size, SHA256: written.SHA256}
	}
	g.manifest.MIDI = append(g.manifest.MIDI, made)
	require.NoError(t, g.store.PutJSON(t.Context(), g.bucket, g.manifest.Manifest.Key, g.manifest))
}

func TestGetBringsMIDIWhereItIsAskedFor(t *testing.T) {
	g := newGettable(t)
	stem := g.manifest.Stems[0].Name
	require.Contains(t, g.fails(t, 1, "--midi"), "there is no MIDI of it in the archive")
	g.archiveMIDI(t, "")
	g.archiveMIDI(t, stem)
	require.Len(t, g.get(t).Files, len(g.manifest.Stems))
	require.Len(t, g.get(t, "--midi").Files, len(g.manifest.Stems)+4)
	content, err := os.ReadFile(filepath.Join(g.dir, "midi."+stem+".mid"))
	require.NoError(t, err)
	require.Equal(t, "mid of "+stem, string(content))
	require.Len(t, g.get(t, "--midi", "--stems", stem).Files, 3)

	shown := g.run(t, g.with("show")...)
	require.Contains(t, shown, "midi.mid, midi.json: 3 notes of 1 instrument")
	require.Contains(t, shown, "of "+stem+": midi."+stem+".mid")
}
