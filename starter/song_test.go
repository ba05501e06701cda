package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/tune"
	"stemflow/starter/internal/archived"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/songfile"
)

// writeSong writes a song with some bytes behind its audio into a new file.
func writeSong(t *testing.T, name, unlike string) string {
	t.Helper()
	stem, ok := tune.Stem("instrumental")
	require.True(t, ok)
	once := stem.Once()
	content, err := io.ReadAll(io.NewSectionReader(once, 0, once.Size))
	require.NoError(t, err)
	name = filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(name, append(content, unlike...), 0o600))
	return name
}

func TestArgumentsThatAreSongs(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("5c79", nil, 0o600))
	require.NoError(t, os.Mkdir("e231", 0o700))
	for _, c := range []struct {
		args []string
		want []string // audio-url, task-id, audio-id, type, stem-name
	}{
		{[]string{"song.mp3"}, []string{"song.mp3", "", "", "", ""}},
		{[]string{"song.FLAC", "split_stem"}, []string{"song.FLAC", "", "", "split_stem", ""}},
		{[]string{"song.mp3", "splt_stem"}, []string{"song.mp3", "", "", "splt_stem", ""}},
		{[]string{"./song", "split_stem_advanced", "Lead Vocal"}, []string{"./song", "", "", "split_stem_advanced", "Lead Vocal"}},
		{[]string{"https://host.example/a?b=c"}, []string{"https://host.example/a?b=c", "", "", "", ""}},
		{[]string{"s3://bucket/key", "split_stem"}, []string{"s3://bucket/key", "", "", "split_stem", ""}},
		{[]string{"5c79"}, []string{"5c79", "", "", "", ""}},
		{[]string{"5c79", "split_stem"}, []string{"5c79", "", "", "split_stem", ""}},
		{[]string{"5c79", "e231", "split_stem"}, []string{"", "5c79", "e231", "split_stem", ""}},
		{[]string{"e231", "5c79"}, []string{"", "e231", "5c79", "", ""}},
		{[]string{"e231"}, []string{"", "e231", "", "", ""}},
	} {
		c2, _, _ := newTestCLI("", nil)
		cmd := newShowCommand(c2)
		require.NoError(t, cmd.Args(cmd, c.args), c.args)
		var got []string
		for _, flag := range []string{"audio-url", "task-id", "audio-id", "type", "stem-name"} {
			got = append(got, cmd.Flags().Lookup(flag).Value.String())
		}
		require.Equal(t, c.want, got, c.args)
	}
}

func TestSongsThatAreRefusedBeforeAnything(t *testing.T) {
	song := writeSong(t, "song.mp3", "")
	notes := filepath.Join(t.TempDir(), "notes.mp3")
	require.NoError(t, os.WriteFile(notes, []byte("no music"), 0o600))
	t.Setenv("TEMPORAL_ADDRESS", "http://nowhere")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no audio":      {[]string{notes}, "InvalidInput: " + notes + ": is no audio"},
		"not there":     {[]string{"none.mp3"}, "InvalidInput: none.mp3: cannot be read: no such file"},
		"other content": {[]string{song, "--audio-sha256", strings.Repeat("0", 64)}, "InvalidInput: " + song + " has the SHA-256 "},
		"two tracks":    {[]string{song, "--task-id", "5c79", "--audio-id", "e231"}, "audioUrl: goes without taskId and audioId"},
		"unknown type":  {[]string{song, "splt_stem"}, `type: "splt_stem" is unknown`},
		"too many":      {[]string{song, "split_stem_advanced", "Lead Vocal", "x"}, "takes SONG, TYPE and STEM_NAME"},
		"scheme":        {[]string{"ftp://host.example/song.mp3"}, "audioUrl: has a scheme that is not fetched"},
	} {
		for _, command := range []string{"start", "show", "watch", "cancel", "verify", "cost", "get", "open"} {
			t.Run(name+" to "+command, func(t *testing.T) {
				code, _, stderr := starter(t, "", nil, append([]string{command}, c.args...)...)
				require.Equal(t, failure.ExitUsage, code)
				require.Contains(t, stderr, c.want)
			})
		}
	}
	code, _, stderr := starter(t, "", nil, "start", song, "--out", t.TempDir())
	require.Equal(t, failure.ExitUsage, code)
	require.Contains(t, stderr, "--out goes with --wait")
	code, _, stderr = starter(t, "", nil, "start", song)
	require.Equal(t, failure.ExitUsage, code)
	require.Contains(t, stderr, "MINIO_ENDPOINT: is required")
}

// What is probably the beginning of a song is not paid for, unless that is said to be meant.
func TestASongThatEndsTooEarlyIsRefused(t *testing.T) {
	wav := []byte("RIFF\x24\x7d\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00data\x00\x7d\x00\x00")
	name := filepath.Join(t.TempDir(), "song.wav")
	require.NoError(t, os.WriteFile(name, append(wav, bytes.Repeat([]byte{0x80, 0x90}, 4000)...), 0o600)) // 1 s of 4 s
	song, err := songfile.Read(name)
	require.NoError(t, err)
	code, _, stderr := starter(t, "", nil, "start", name)
	require.Equal(t, failure.ExitUsage, code)
	require.Contains(t, stderr, "InvalidInput: "+name+" ends earlier than it says itself")
	require.Contains(t, stderr, "--audio-sha256 "+song.SHA256)
	for _, args := range [][]string{{"start", name, "--audio-sha256", song.SHA256}, {"show", name}} {
		_, _, stderr = starter(t, "", nil, args...)
		require.Contains(t, stderr, "MINIO_ENDPOINT: is required", "it goes on")
	}
}

func TestASongIsUploadedOnce(t *testing.T) {
	opts, bucket := serverstest.Bucket(t)
	faulty := serverstest.NewFaultyStore(t, opts)
	var puts atomic.Int32
	var cut atomic.Bool
	faulty.SetFaults(serverstest.Fault{Answer: func(r *http.Request, _ []byte) *http.Response {
		if r.Method == http.MethodPut {
			puts.Add(1)
			if cut.Load() {
				return serverstest.S3Answer(http.StatusForbidden, "AccessDenied")
			}
		}
		return nil
	}})
	opts.Endpoint = faulty.Endpoint
	store, err := archive.New(opts)
	require.NoError(t, err)
	song, err := songfile.Read(writeSong(t, "song.mp3", "once"))
	require.NoError(t, err)
	to := stemflow.ObjectRef{Bucket: bucket, Key: archive.SongKey("music", song.SHA256, song.Format.Ext)}
	put := func() error {
		return archived.PutSong(t.Context(), store, to, song.Format.ContentType, song.Content, nil)
	}
	cut.Store(true)
	require.Error(t, put())
	_, err = store.Stat(t.Context(), bucket, to.Key)
	require.ErrorIs(t, err, archive.ErrNotFound, "what is cut leaves nothing")
	cut.Store(false)
	before := puts.Load()
	require.NoError(t, put())
	require.NoError(t, put())
	require.Equal(t, before+1, puts.Load())
	other := bytes.Repeat([]byte("x"), len(song.Content))
	_, err = store.Put(t.Context(), bucket, to.Key, "audio/mpeg", bytes.NewReader(other), int64(len(other)))
	require.NoError(t, err)
	require.NoError(t, put(), "what has its key and its size is not yet the song")
	body, _, err := store.Open(t.Context(), bucket, to.Key)
	require.NoError(t, err)
	defer body.Close()
	content, err := io.ReadAll(body)
	require.NoError(t, err)
	require.True(t, bytes.Equal(song.Content, content))
}

// The song is no track and no damage, and goes with the last of its types.
func TestASongBesideItsSeparations(t *testing.T) {
	r := newRemovable(t)
	file := writeSong(t, "Lied.mp3", r.bucket)
	song, err := songfile.Read(file)
	require.NoError(t, err)
	key := archive.SongKey("music", song.SHA256, "mp3")
	_, err = r.store.Put(t.Context(), r.bucket, key, "audio/mpeg", bytes.NewReader(song.Content), int64(len(song.Content)))
	require.NoError(t, err)
	for _, kind := range []stemflow.SeparationType{stemflow.SeparateVocal, stemflow.SplitStem} {
		location := archive.Locate(r.bucket, "music", stemflow.Track{TaskID: "sha256", AudioID: song.SHA256, Type: kind})
		m := r.manifest
		m.Type, m.Source = kind, stemflow.ManifestSource{TaskID: "sha256", AudioID: song.SHA256}
		m.Manifest.Key, m.Stems = archive.ManifestKey(location), nil
		for _, name := range []string{"vocals", "instrumental"} {
			stem := stemflow.Stem{
				Name: name, Bucket: r.bucket, Key: archive.StemKey(location, "3e63", name, "mp3"), ContentType: "audio/mpeg",
			}
			written, err := r.store.Put(t.Context(), r.bucket, stem.Key, "audio/mpeg", strings.NewReader(name), int64(len(name)))
			require.NoError(t, err)
			stem.Size, stem.SHA256 = written.Size, written.SHA256
			m.Stems = append(m.Stems, stem)
		}
		require.NoError(t, r.store.PutJSON(t.Context(), r.bucket, m.Manifest.Key, m))
		for _, ledger := range []string{"", "music/"} {
			require.NoError(t, r.store.PutJSON(t.Context(), r.bucket,
				ledger+"sha256/"+song.SHA256+"/"+string(kind)+"/submission.json", stemflow.Submission{
					Version: 1, State: stemflow.SubmissionPaid, SeparationTaskID: "3e63", SubmittedAt: m.SubmittedAt,
					Track: stemflow.Track{TaskID: "sha256", AudioID: song.SHA256, Type: kind},
				}))
		}
	}
	require.Contains(t, r.run(t, "list"), "3 tracks")
	require.Contains(t, r.run(t, "show", file, "--links=false"), "separate_vocal of "+song.SHA256)
	require.Contains(t, r.run(t, "verify", file, "split_stem", "--json"), `"findings": []`)
	_, checked, _ := starter(t, "", r.variables, "verify", "--json")
	require.Contains(t, checked, `"tracks": 3`)
	require.NotContains(t, checked, song.SHA256)
	require.Contains(t, r.run(t, "cost", file, "--json"), `"separations": 2`)
	require.Contains(t, r.run(t, "cost", file, "split_stem", "--json"), `"separations": 1`)

	const yes = "--yes"
	require.NotContains(t, r.run(t, "delete", file, "--dry-run"), key)
	r.run(t, "delete", file, yes)
	require.Contains(t, r.keys(t), key, "another type is there")
	require.Contains(t, r.run(t, "delete", file, "split_stem", "--dry-run"), key)
	r.run(t, "delete", file, "split_stem", yes)
	require.NotContains(t, r.keys(t), key)
	code, _, stderr := starter(t, "", r.variables, "delete", file, yes)
	require.Equal(t, failure.ExitFailed, code)
	require.Contains(t, stderr, "there is nothing to remove")
}

// While a person thinks, or the manifest is removed, a run of another type may begin that reads the
// song.
func TestASongThatARunIsAboutToReadStays(t *testing.T) {
	r := newRemovable(t)
	sum := sha256.Sum256([]byte(r.bucket))
	id := hex.EncodeToString(sum[:])
	track := stemflow.Track{TaskID: stemflow.TaskSHA256, AudioID: id, Type: stemflow.SeparateVocal}
	key := archive.SongKey("music", track.AudioID, "mp3")
	manifest := archive.ManifestKey(archive.Locate(r.bucket, "music", track))
	for _, object := range []string{key, manifest} {
		require.NoError(t, r.store.PutJSON(t.Context(), r.bucket, object, struct{}{}))
	}
	temporal, err := client.Dial(client.Options{HostPort: serverstest.Temporal(t).Addr, Logger: quiet{}})
	require.NoError(t, err)
	defer temporal.Close()
	other := stemflow.SeparateStemsInput{TaskID: track.TaskID, AudioID: track.AudioID, Type: stemflow.SplitStem}
	var run client.WorkflowRun
	r.faulty.SetFaults(serverstest.Fault{Response: func(sent *http.Request, _ *http.Response, body []byte) []byte {
		if sent.Method == http.MethodDelete && strings.HasSuffix(sent.URL.Path, "manifest.json") {
			run, err = temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ // nobody works on it
				ID: stemflow.WorkflowID(other), TaskQueue: "nobody",
			}, stemflow.WorkflowSeparateStems, other)
		}
		return body
	}})
	code, stdout, stderr := starter(t, "", r.variables, "delete", track.TaskID, track.AudioID, "--yes", "--json")
	require.NoError(t, err)
	require.NotNil(t, run)
	require.Zero(t, code, stderr)
	require.NotContains(t, stdout, key)
	require.NotContains(t, r.keys(t), manifest)
	require.Contains(t, r.keys(t), key)
	require.NoError(t, temporal.TerminateWorkflow(t.Context(), run.GetID(), run.GetRunID(), "the test is over"))
}

// While it is not known whether a run of another type is about to read a song, nothing is removed.
func TestASongGoesOnlyWhenNoRunCanBeAboutToReadIt(t *testing.T) {
	r := newRemovable(t)
	f, address := newFakeTemporal(t, nil)
	f.blind = true
	track := stemflow.Track{TaskID: stemflow.TaskSHA256, AudioID: strings.Repeat("ab", 32), Type: stemflow.SeparateVocal}
	for _, key := range []string{
		archive.SongKey("music", track.AudioID, "mp3"), archive.ManifestKey(archive.Locate(r.bucket, "music", track)),
	} {
		require.NoError(t, r.store.PutJSON(t.Context(), r.bucket, key, struct{}{}))
	}
	before := r.keys(t)
	remove := []string{"--address", address, "delete", track.TaskID, track.AudioID, "--yes"}
	code, _, stderr := starter(t, "", r.variables, remove...)
	require.Equal(t, failure.ExitFailed, code)
	require.Contains(t, stderr, "error: TemporalUnavailable: whether a run of the song is open cannot be found out: ")
	require.Equal(t, before, r.keys(t))
}
