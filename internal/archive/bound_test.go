package archive_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
)

// manifestIn is the manifest of a track as stemflow writes it.
func manifestIn(loc activityapi.Location, track stemflow.Track, stems ...string) stemflow.Manifest {
	m := stemflow.Manifest{
		Version: 1,
		SeparateStemsResult: stemflow.SeparateStemsResult{
			SeparationTaskID: "3e63", Type: track.Type,
			Manifest: stemflow.ObjectRef{Bucket: loc.Bucket, Key: archive.ManifestKey(loc)},
		},
		Source: stemflow.ManifestSource{TaskID: track.TaskID, AudioID: track.AudioID, StemName: track.StemName},
	}
	for _, name := range stems {
		m.Stems = append(m.Stems, stemflow.Stem{
			Name: name, Bucket: loc.Bucket, Key: archive.StemKey(loc, "3e63", name, "mp3"),
		})
	}
	return m
}

var boundTracks = []stemflow.Track{
	{TaskID: "5c79", AudioID: "e231", Type: stemflow.SeparateVocal},
	{TaskID: "0ea7b1d6-6a0e-4a26-8d2a-0f2f9f0f4f5d", AudioID: "a_b-c.d", Type: stemflow.SplitStem},
	{TaskID: "5c79", AudioID: "e231", Type: stemflow.SplitStemAdvanced, StemName: "Lead Vocal"},
}

func TestManifestOfAnyPrefixIsItsOwn(t *testing.T) {
	for _, track := range boundTracks {
		for _, prefix := range []string{"", "music", "/music/2026/", "Übung/große Dateien", "split_stem"} {
			loc := archive.Locate("stems", prefix, track)
			m := manifestIn(loc, track, "vocals", "backing_vocals", "808")
			require.NoError(t, archive.CheckManifest(loc, m), loc.Dir)
			m.Stems = nil
			require.NoError(t, archive.CheckManifest(loc, m), "a manifest without stems")
		}
	}
	loc := archive.Locate("stems-copy", "", boundTracks[0])
	m := manifestIn(archive.Locate("stems", "", boundTracks[0]), boundTracks[0], "vocals")
	require.NoError(t, archive.CheckManifest(loc, m), "a bucket that was copied as a whole")
}

func TestForeignKeysAreRefused(t *testing.T) {
	track := boundTracks[0]
	loc := archive.Locate("stems", "music", track)
	const own = "music/5c79/e231/separate_vocal/"
	for _, key := range []string{
		"", "/", "vocals.mp3", "private/salaries.csv", "/" + own + "3e63/vocals.mp3", own, own + "3e63", own + "3e63/",
		own + "/vocals.mp3", own + "manifest.json", own + "submission.json", own + "listen.html", own + "3e63/sub/vocals.mp3",
		own + "../../../private/salaries.csv", own + "../vocals.mp3", own + "3e63/..", own + "./vocals.mp3", own + "3e63/.",
		own + "%2e%2e/vocals.mp3", own + "3e63/%2e%2e%2fsubmission.json", own + `..\vocals.mp3`, own + `3e63\..\vocals.mp3`,
		own + "3e63/vocals.mp3?versionId=1", own + "3e63/vocals.mp3#x", own + "3e63/vocals.mp3\x00", own + "3e63/vo cals.mp3",
		own + "．．/vocals.mp3", own + "3e63／..／vocals.mp3", own + "3e63/voc\u202eals.mp3", own + "3e63/\xff.mp3",
		"music/5c79/e231/separate_vocal", "music/5c79/e231/separate_vocals/3e63/vocals.mp3",
		"music/5c79/e231/split_stem/3e63/vocals.mp3", "music/5c79/e232/separate_vocal/3e63/vocals.mp3",
		"5c79/e231/separate_vocal/3e63/vocals.mp3", "other/5c79/e231/separate_vocal/3e63/vocals.mp3",
		"Music/5c79/e231/separate_vocal/3e63/vocals.mp3", "mu\u0073ic\u0301/5c79/e231/separate_vocal/3e63/vocals.mp3",
	} {
		m := manifestIn(loc, track, "vocals", "instrumental")
		m.Stems[1].Key = key
		require.ErrorIs(t, archive.CheckManifest(loc, m), archive.ErrForeign, "%q", key)
	}
	for _, id := range []string{"", "x/y", "..", "../../private", `..\private`, "%2e%2e%2fx", "3e63\n", "3e 63"} {
		m := manifestIn(loc, track, "vocals")
		m.SeparationTaskID = id // sessions and outlines are called by it
		require.ErrorIs(t, archive.CheckManifest(loc, m), archive.ErrForeign, "%q", id)
	}
	m := manifestIn(loc, track, "vocals")
	m.Stems[0].Bucket = "another-bucket"
	require.ErrorContains(t, archive.CheckManifest(loc, m), `stem "vocals" is in bucket "another-bucket"`)
}

// Where the folder is chosen by anyone who wrote the manifest into it, it must be that of a
// track: in the folder of a task, the ledgers of its tracks would look like stems.
func TestManifestInAnotherFolderIsRefused(t *testing.T) {
	track := boundTracks[0]
	for _, dir := range []string{
		"", "/", "music/", "5c79/", "5c79/e231/", "e231/separate_vocal/", "/5c79/e231/separate_vocal/",
		"x5c79/e231/separate_vocal/", "5c79/e231/separate_vocal", "5c79/e231/separate_vocal/3e63/",
		"a//5c79/e231/separate_vocal/", "../5c79/e231/separate_vocal/", "a/../5c79/e231/separate_vocal/",
	} {
		loc := activityapi.Location{Bucket: "stems", Dir: dir}
		require.ErrorIs(t, archive.CheckManifest(loc, manifestIn(loc, track, "vocals")), archive.ErrForeign, "%q", dir)
	}
	for _, source := range []stemflow.Track{
		{}, {TaskID: "..", AudioID: "e231", Type: stemflow.SplitStem}, {TaskID: "a/b", AudioID: "e231", Type: stemflow.SplitStem},
		{TaskID: "music", AudioID: "5c79", Type: "e231"}, {TaskID: "5c79", AudioID: "e231", Type: stemflow.SplitStemAdvanced},
		{TaskID: "5c79", AudioID: "e231", Type: stemflow.SplitStem, StemName: "Lead Vocal"},
		{TaskID: "5c79", AudioID: "%65231", Type: stemflow.SplitStem},
	} {
		loc := archive.Locate("stems", "", source)
		require.ErrorIs(t, archive.CheckManifest(loc, manifestIn(loc, source, "vocals")), archive.ErrForeign, "%+v", source)
	}
}

// Whatever a key is made of: if it passes, it stays in the folder however often it is decoded and
// cleaned, and it names neither ledger nor manifest.
func TestKeysThatPassStayInTheFolder(t *testing.T) {
	track := boundTracks[2]
	loc := archive.Locate("stems", "music", track)
	pieces := []string{
		loc.Dir, "music/", "5c79/", "e231/", "3e63", "vocals.mp3", "submission.json", "..", ".", "/", "//", `\`, "%2e", "%2f", "%25",
		"%", "．", "／", "\u2215", "\x00", " ", "?", "#", "\u202e", "lead_vocal", "a",
	}
	random := rand.New(rand.NewPCG(1, 2))
	passed := 0
	for range 200_000 {
		var key strings.Builder
		if random.IntN(4) > 0 {
			key.WriteString(loc.Dir)
		}
		for range 1 + random.IntN(5) {
			key.WriteString(pieces[random.IntN(len(pieces))])
		}
		if checkKeyStays(t, loc, track, key.String()) {
			passed++
		}
	}
	require.Greater(t, passed, 1000, "keys that pass are among them")
}

func checkKeyStays(t *testing.T, loc activityapi.Location, track stemflow.Track, key string) (passed bool) {
	t.Helper()
	m := manifestIn(loc, track, "vocals")
	m.Stems[0].Key = key
	if err := archive.CheckManifest(loc, m); err != nil {
		require.ErrorIs(t, err, archive.ErrForeign)
		return false
	}
	for decoded := range 3 {
		what := fmt.Sprintf("%q, decoded %d times", key, decoded)
		require.Equal(t, key, path.Clean(key), what)
		require.True(t, strings.HasPrefix(key, loc.Dir), what)
		require.Equal(t, 1, strings.Count(strings.TrimPrefix(key, loc.Dir), "/"), what)
		var err error
		key, err = url.PathUnescape(key)
		require.NoError(t, err, what)
	}
	return true
}

func FuzzManifestKey(f *testing.F) {
	f.Add("music/5c79/e231/split_stem_advanced/lead_vocal/3e63/vocals.mp3")
	f.Add("music/5c79/e231/split_stem_advanced/lead_vocal/../vocals.mp3")
	f.Add("music/5c79/e231/split_stem_advanced/lead_vocal/%2e%2e/%2e%2e%2f")
	f.Fuzz(func(t *testing.T, key string) {
		checkKeyStays(t, archive.Locate("stems", "music", boundTracks[2]), boundTracks[2], key)
	})
}
