package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/program"
	"stemflow/starter/internal/archived"
	"stemflow/starter/internal/failure"
)

// putTrack archives what stands for a track with so many stems.
func putTrack(tb testing.TB, store *archive.Store, bucket, prefix string, track stemflow.Track, stems int) {
	at := archive.Locate(bucket, prefix, track)
	m := stemflow.Manifest{Version: 1}
	m.Source = stemflow.ManifestSource{TaskID: track.TaskID, AudioID: track.AudioID, StemName: track.StemName}
	m.Type, m.SeparationTaskID, m.ArchivedAt = track.Type, "paid-"+track.AudioID, time.Date(2026, 11, 25, 9, 1, 19, 0, time.UTC)
	for i := range stems {
		name := fmt.Sprintf("stem%02d", i)
		key := archive.StemKey(at, m.SeparationTaskID, name, "mp3")
		written, err := store.Put(tb.Context(), bucket, key, "audio/mpeg", strings.NewReader(name), int64(len(name)))
		require.NoError(tb, err)
		m.Stems = append(m.Stems, stemflow.Stem{
			Name: name, Bucket: bucket, Key: key, Size: written.Size, SHA256: written.SHA256,
			DurationSeconds: 100 + float64(i),
		})
	}
	require.NoError(tb, store.PutJSON(tb.Context(), bucket, archive.SubmissionKey(at), map[string]string{"state": "paid"}))
	require.NoError(tb, store.PutJSON(tb.Context(), bucket, archive.ManifestKey(at), m))
}

// putTracks archives n tracks below the prefix "many".
func putTracks(tb testing.TB, store *archive.Store, bucket string, n, stems int) {
	var group errgroup.Group
	group.SetLimit(24)
	for i := range n {
		group.Go(func() error {
			putTrack(tb, store, bucket, "many", stemflow.Track{
				TaskID: fmt.Sprintf("task%04d", i/2), AudioID: fmt.Sprintf("audio%04d", i), Type: stemflow.SplitStem,
			}, stems)
			return nil
		})
	}
	require.NoError(tb, group.Wait())
}

func listed(t *testing.T, a archivedTrack, args ...string) []archived.Found {
	t.Helper()
	var all listedTracks
	require.NoError(t, json.Unmarshal([]byte(a.run(t, append([]string{"list", "--json"}, args...)...)), &all))
	require.NotNil(t, all.Tracks)
	return all.Tracks
}

func TestListShowsWhatIsArchived(t *testing.T) {
	a := newArchivedTrack(t)
	advanced := stemflow.Track{TaskID: "5c79", AudioID: "e231", Type: stemflow.SplitStemAdvanced, StemName: "Lead Vocal"}
	putTrack(t, a.store, a.bucket, "music/2026", advanced, 2)
	putTrack(t, a.store, a.bucket, "", stemflow.Track{TaskID: "aa", AudioID: "bb", Type: stemflow.SplitStem}, 3)
	putTrack(t, a.store, a.bucket, "musical", stemflow.Track{TaskID: "aa", AudioID: "bb", Type: stemflow.SplitStem}, 1)
	// None of these is an archived track.
	for _, key := range []string{
		"music/notes.json", "music/manifest.json", "music/x/y/manifest.json", "music/_catalogs/june/run/report.json", "music/a/b/split_stem/manifest.json.bak",
		"music/a/b/split_stem/paid/manifest.json", "music/a/b/split_stem_advanced/manifest.json", "music/a/b/split_stem/submission.json",
	} {
		require.NoError(t, a.store.PutJSON(t.Context(), a.bucket, key, 1))
	}
	// The stems of a separation before count no more.
	old := archive.StemKey(archive.Locate(a.bucket, "music", a.manifestTrack()), "0before", "drums", "mp3")
	_, err := a.store.Put(t.Context(), a.bucket, old, "audio/mpeg", strings.NewReader("older"), 5)
	require.NoError(t, err)
	for _, stem := range a.manifest.Stems {
		_, err := a.store.Put(t.Context(), a.bucket, stem.Key, "audio/mpeg", strings.NewReader(stem.Name), stem.Size)
		require.NoError(t, err)
	}

	all := listed(t, a)
	require.Len(t, all, 2, "STEMFLOW_PREFIX is the default")
	require.WithinDuration(t, time.Now(), all[0].ArchivedAt, time.Hour)
	all[0].ArchivedAt, all[1].ArchivedAt = time.Time{}, time.Time{}
	require.Equal(t, []archived.Found{
		{
			TaskID: "5c79", AudioID: "e231", Type: stemflow.SplitStemAdvanced, StemName: "lead_vocal", Bucket: a.bucket, Prefix: "music/2026",
			ManifestKey: "music/2026/5c79/e231/split_stem_advanced/lead_vocal/manifest.json", Stems: 2, Size: 12,
		},
		{
			TaskID: "5c79", AudioID: "e231", Type: stemflow.SeparateVocal, Bucket: a.bucket, Prefix: "music",
			ManifestKey: a.manifest.Manifest.Key, Stems: 2, Size: 18,
		},
	}, all)
	require.Len(t, listed(t, a, "--prefix", "/music/2026/"), 1)
	require.Len(t, listed(t, a, "--prefix", "/"), 4)
	require.Empty(t, listed(t, a, "--prefix", "nothing"))
	require.Equal(t, "0 tracks, 0 B\n", a.run(t, "list", "--prefix", "nothing"))

	require.NoError(t, a.store.PutJSON(t.Context(), a.bucket, "music/a/b/split_stem/manifest.json", []int{1}))
	code, stdout, stderr := starter(t, "", a.variables, "list", "--long", "-o", "jsonl")
	require.Zero(t, code, stderr)
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	require.Len(t, lines, 3)
	var long archived.Found
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &long))
	require.Equal(t, "Lead Vocal", long.StemName)
	require.Equal(t, "paid-e231", long.SeparationTaskID)
	require.Equal(t, []string{"stem00", "stem01"}, long.StemNames)
	require.InDelta(t, 101, long.DurationSeconds, 0)
	code, stdout, stderr = starter(t, "", a.variables, "list", "--long")
	require.Zero(t, code)
	require.Equal(t, "Manifests that cannot be read: 1. Their tracks are listed by their objects.\n", stderr)
	require.Contains(t, stdout, "\n3 tracks, 32 B\n")

	code, _, stderr = starter(t, "", a.variables, "list", "--bucket", "no-such-bucket")
	require.Equal(t, failure.ExitFailed, code)
	require.Contains(t, stderr, "error: ArchiveUnavailable: ")
}

// Audio that a person keeps below a track's folder is no separation, however new it is.
func TestAListCountsTheStemsOfSeparations(t *testing.T) {
	a := newArchivedTrack(t)
	before := a.run(t, "list")
	require.Contains(t, before, "  2  18 B  ")
	folder := strings.TrimSuffix(a.manifest.Manifest.Key, "manifest.json")
	for _, name := range []string{"0/a.mp3", "mixes/rough.mp3", "mixes/rough.wav", "mixes/final.mp3"} {
		require.NoError(t, a.store.PutJSON(t.Context(), a.bucket, folder+name, "a mix"))
	}
	require.Equal(t, before, a.run(t, "list"))
}

func TestAListFitsOnATerminal(t *testing.T) {
	a := newArchivedTrack(t)
	putTrack(t, a.store, a.bucket, "music", stemflow.Track{TaskID: strings.Repeat("c", 32), AudioID: strings.Repeat("d", 36), Type: stemflow.SplitStem}, 1)
	for _, columns := range []int{80, 120} {
		c, stdout, _ := newTestCLI("", a.variables)
		size := program.TerminalSize{Columns: columns, Rows: 24}
		c.stdoutSize = func() (program.TerminalSize, bool) { return size, true }
		require.Zero(t, c.run(t.Context(), []string{"list"}))
		for line := range strings.Lines(stdout.String()) {
			require.Less(t, len([]rune(line))-1, columns, line)
		}
		require.Contains(t, stdout.String(), "…")
	}
	require.Contains(t, a.run(t, "list"), strings.Repeat("c", 32)+"  "+strings.Repeat("d", 36), "programs get it whole")
}

// A list reads no object unless it is asked to, and then each manifest once.
func TestAThousandTracksAreListedByTheirKeys(t *testing.T) {
	a := newArchivedTrack(t)
	putTracks(t, a.store, a.bucket, 1000, 2)
	faulty := serverstest.NewFaultyStore(t, archive.Options{
		Endpoint: a.variables["MINIO_ENDPOINT"], AccessKey: a.variables["MINIO_ACCESS_KEY"], SecretKey: a.variables["MINIO_SECRET_KEY"],
	})
	a.variables["MINIO_ENDPOINT"] = faulty.Endpoint
	var lists, reads atomic.Int32
	faulty.SetFaults(serverstest.Fault{Request: func(r *http.Request, body []byte) []byte {
		switch {
		case r.URL.Query().Has("list-type"):
			lists.Add(1)
		case !r.URL.Query().Has("location"):
			reads.Add(1)
		}
		return body
	}})
	started := time.Now()
	all := listed(t, a, "--prefix", "many")
	t.Logf("1,000 tracks of 4 objects: %v", time.Since(started))
	require.Len(t, all, 1000)
	byKey := func(a, b archived.Found) int { return strings.Compare(a.ManifestKey, b.ManifestKey) }
	require.True(t, slices.IsSortedFunc(all, byKey))
	require.LessOrEqual(t, lists.Load(), int32(5), "a thousand objects come at once")
	require.Zero(t, reads.Load())

	started = time.Now()
	require.Equal(t, "paid-audio0999", listed(t, a, "--prefix", "many", "--long")[999].SeparationTaskID)
	t.Logf("with their manifests: %v", time.Since(started))
	require.EqualValues(t, 1000, reads.Load())
}

// manifestTrack is the track that is archived.
func (a archivedTrack) manifestTrack() stemflow.Track {
	return stemflow.Track{TaskID: a.manifest.Source.TaskID, AudioID: a.manifest.Source.AudioID, Type: a.manifest.Type}
}

// A thousand tracks of twelve stems: what a person waits for.
func BenchmarkListAThousandTracks(b *testing.B) {
	opts, bucket := serverstest.Bucket(b)
	store, err := archive.New(opts)
	require.NoError(b, err)
	putTracks(b, store, bucket, 1000, 12)
	for _, long := range []bool{false, true} {
		b.Run(fmt.Sprintf("long=%t", long), func(b *testing.B) {
			for b.Loop() {
				found, err := archived.FindTracks(b.Context(), store, bucket, "many")
				require.NoError(b, err)
				require.Len(b, found, 1000)
				if long {
					_, err = archived.ReadManifests(b.Context(), store, found)
					require.NoError(b, err)
				}
			}
		})
	}
}
