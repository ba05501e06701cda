package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/devservers/serverstest"
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

func TestWAVNamesWhatItDoesNotConvert(t *testing.T) {
	for _, song := range []string{"song.mp3", "https://example.com/a", "./take1"} {
		code, _, stderr := starter(t, "", nil, "wav", song)
		require.Equal(t, failure.ExitUsage, code)
		require.Contains(t, stderr, `"`+song+`" is a song of your own, and the provider converts only music that it has made: `+
			"give TASK_ID and AUDIO_ID")
	}
}

// Nobody polls the task queue: a wait without a word would look like one for the provider.
func TestAWaitSaysThatNoWorkerTakesTheRun(t *testing.T) {
	t.Setenv("TEMPORAL_CONFIG_FILE", t.TempDir()+"/none.toml")
	t.Setenv("TEMPORAL_ADDRESS", serverstest.Temporal(t).Addr)
	for _, command := range []string{"wav", "midi"} {
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		c, _, _ := newTestCLI("", map[string]string{"STEMFLOW_TASK_QUEUE": "nobody"})
		c.stderr = writerFunc(func(text []byte) {
			if strings.Contains(string(text), "no worker of task queue nobody has taken it yet\n") {
				interrupt()
			}
		})
		require.Equal(t, failure.ExitInterrupted, c.run(ctx, []string{command, "task", rand.Text(), "--wait"}))
		require.ErrorIs(t, ctx.Err(), context.Canceled, "the text interrupts")
		require.NoError(t, t.Context().Err())

		code, _, stderr := starter(t, "", map[string]string{"STEMFLOW_TASK_QUEUE": "nobody"}, command, "task", rand.Text())
		require.Zero(t, code)
		require.Contains(t, stderr, "The same command with --wait shows what becomes of it.")
	}
}

// The run may have been started on another queue than the one that is set where it is watched.
func TestAWaitNamesTheQueueOfTheRun(t *testing.T) {
	t.Setenv("TEMPORAL_CONFIG_FILE", t.TempDir()+"/none.toml")
	t.Setenv("TEMPORAL_ADDRESS", serverstest.Temporal(t).Addr)
	audioID := rand.Text()
	for _, command := range []struct{ start, wait []string }{
		{[]string{"start", "task", audioID}, []string{"watch", "task", audioID}},
		{[]string{"wav", "task", audioID}, []string{"wav", "task", audioID, "--wait"}},
	} {
		code, _, stderr := starter(t, "", map[string]string{"STEMFLOW_TASK_QUEUE": "nobody"}, command.start...)
		require.Zero(t, code, stderr)
		ctx, interrupt := context.WithTimeout(t.Context(), 20*time.Second)
		defer interrupt()
		c, _, _ := newTestCLI("", nil)
		var said string
		c.stderr = writerFunc(func(text []byte) {
			if _, queue, ok := strings.Cut(string(text), "no worker of task queue "); ok {
				said = queue
				interrupt()
			}
		})
		require.Equal(t, failure.ExitInterrupted, c.run(ctx, command.wait))
		require.Equal(t, "nobody has taken it yet\n", said, command.wait)
	}
}

// writerFunc is called with all that is written.
type writerFunc func(text []byte)

func (f writerFunc) Write(text []byte) (int, error) {
	f(text)
	return len(text), nil
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
