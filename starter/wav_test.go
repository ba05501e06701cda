package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/starter/internal/failure"
)

func TestWAVTakesMusicOfTheProviderAlone(t *testing.T) {
	for _, args := range [][]string{
		{"wav"}, {"wav", "song.mp3"}, {"wav", "task", "audio", "split_stem"}, {"wav", "sha256", "audio"},
		{"wav", "ta/sk", "audio"}, {"wav", "task", "audio", "--force", "--wav-task-id", "paid"},
	} {
		code, _, stderr := starter(t, "", nil, args...)
		require.Equal(t, failure.ExitUsage, code, args)
		require.NotContains(t, stderr, "separationTaskId", args)
	}
}

// What is archived of a WAV is shown and downloaded as a separation is.
func TestGetBringsAWAV(t *testing.T) {
	g := newGettable(t)
	m := g.manifest
	track := stemflow.Track{TaskID: m.Source.TaskID, AudioID: m.Source.AudioID, Type: stemflow.TypeWAV}
	loc := archive.Locate(g.bucket, "music", track)
	content := []byte("a WAV")
	key := archive.StemKey(loc, "paid", stemflow.WAVName, "wav")
	written, err := g.store.Put(t.Context(), g.bucket, key, "audio/wav", bytes.NewReader(content), int64(len(content)))
	require.NoError(t, err)
	m.Type, m.SeparationTaskID, m.Source.StemName = stemflow.TypeWAV, "paid", ""
	m.Manifest = stemflow.ObjectRef{Bucket: g.bucket, Key: archive.ManifestKey(loc)}
	m.Stems = []stemflow.Stem{{
		Name: stemflow.WAVName, Bucket: g.bucket, Key: key, Size: written.Size, SHA256: written.SHA256, ContentType: "audio/wav",
	}}
	require.NoError(t, g.store.PutJSON(t.Context(), g.bucket, m.Manifest.Key, m))
	dir := t.TempDir()
	g.run(t, "get", track.TaskID, track.AudioID, "wav", "--bucket", g.bucket, "--prefix", "music", "--out", dir, "--json")
	got, err := os.ReadFile(filepath.Join(dir, "track.wav"))
	require.NoError(t, err)
	require.Equal(t, content, got)
	require.Contains(t, g.run(t, "list", "--bucket", g.bucket, "--prefix", "music"), "wav")
}
