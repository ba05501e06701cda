package archive_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
)

func TestLayout(t *testing.T) {
	track := stemflow.Track{TaskID: "task", AudioID: "audio", Type: stemflow.SplitStem}
	advanced := stemflow.Track{
		TaskID:   "task",
		AudioID:  "audio",
		Type:     stemflow.SplitStemAdvanced,
		StemName: "Lead Vocal",
	}
	for _, c := range []struct {
		prefix string
		track  stemflow.Track
		dir    string
	}{
		{"", track, "task/audio/split_stem/"},
		{"/", track, "task/audio/split_stem/"},
		{"music/2026", track, "music/2026/task/audio/split_stem/"},
		{"/music/2026/", track, "music/2026/task/audio/split_stem/"},
		{"p", advanced, "p/task/audio/split_stem_advanced/lead_vocal/"},
	} {
		require.Equal(t, activityapi.Location{Bucket: "stems", Dir: c.dir}, archive.Locate("stems", c.prefix, c.track))
	}
	loc := archive.Locate("stems", "", track)
	require.Equal(t, "task/audio/split_stem/manifest.json", archive.ManifestKey(loc))
	// 26 letters of base 32 are 130 bits.
	require.Regexp(t, `^task/audio/split_stem/listen-[a-z2-7]{26}\.html$`, archive.NewListenKey(loc))
	require.NotEqual(t, archive.NewListenKey(loc), archive.NewListenKey(loc))
	require.Equal(t, "task/audio/split_stem/submission.json", archive.SubmissionKey(loc))
	require.Equal(t, "task/audio/split_stem/paid/", archive.SeparationPrefix(loc, "paid"))
	require.Equal(t, "task/audio/split_stem/paid/backing_vocals.", archive.StemPrefix(loc, "paid", "backing_vocals"))
	require.Equal(
		t,
		"task/audio/split_stem/paid/backing_vocals.mp3",
		archive.StemKey(loc, "paid", "backing_vocals", "mp3"),
	)

	catalog := archive.LocateCatalog("stems", "/music/2026/", "june", "run")
	require.Equal(t, activityapi.Location{Bucket: "stems", Dir: "music/2026/_catalogs/june/run/"}, catalog)
	require.Equal(t, "_catalogs/june/run/", archive.LocateCatalog("stems", "", "june", "run").Dir)
	require.Equal(t, catalog.Dir+"tracks.jsonl", archive.CatalogTracksKey(catalog))
	require.Equal(t, catalog.Dir+"outcomes/000012.json", archive.CatalogOutcomesKey(catalog, 12))
	require.Equal(t, catalog.Dir+"report.csv", archive.CatalogReportKey(catalog, "csv"))
	require.Equal(
		t,
		"p/_catalogs/june/uploads/0123456789abcdef/t.csv",
		archive.CatalogUploadKey("p", "june", "0123456789abcdef0123", "t.csv"),
	)
}

func TestPagesAreKnownByTheirKeys(t *testing.T) {
	loc := archive.Locate("stems", "", stemflow.Track{TaskID: "task", AudioID: "audio", Type: stemflow.SplitStem})
	for key, is := range map[string]bool{
		archive.NewListenKey(loc): true, loc.Dir + "listen.html": true, loc.Dir + "listen-x.html.bak": false,
		loc.Dir + "listen-x/y.html": false, loc.Dir + "notes.html": false, "other/listen.html": false,
	} {
		require.Equal(t, is, archive.IsListenKey(loc, key), key)
	}
}

func TestPeaksAreKnownByTheirKeys(t *testing.T) {
	loc := archive.Locate("stems", "p", stemflow.Track{TaskID: "task", AudioID: "audio", Type: stemflow.SplitStem})
	require.Equal(t, "p/task/audio/split_stem/peaks-3e63-drums.json", archive.PeaksKey(loc, "3e63", "drums"))
	for key, is := range map[string]bool{
		archive.PeaksKey(loc, "3e63", "drums"): true, loc.Dir + "peaks.json": false, loc.Dir + "peaks-x/drums.json": false,
		loc.Dir + "peaks-notes.txt": false, archive.ManifestKey(loc): false, "other/peaks-3e63-drums.json": false,
	} {
		require.Equal(t, is, archive.IsPeaksKey(loc, key), key)
	}
	place, _, ok := archive.Parse(archive.PeaksKey(loc, "3e63", "drums"))
	require.True(t, ok)
	require.Equal(t, "task", place.Track.TaskID)
}

// Parse finds what Locate made, whatever the prefix, and takes no other key for one of a track.
func FuzzParseUndoesLocate(f *testing.F) {
	f.Add("", "task", "audio", "Lead Vocal", "manifest.json", 0)
	f.Add("music/split_stem/2026", "split_stem", "separate_vocal", "Lead Vocal", "paid/drums.mp3", 1)
	f.Add("a/b/split_stem_advanced", "t", "a", "FX", "listen.html", 2)
	f.Add("music/wav/2026", "wav", "audio", "", "manifest.json", 3)
	f.Add("", "task", "audio", "WAV", "wav/track.mp3", 2)
	f.Add("", "task", "audio", "Split Stem", "manifest.json", 2)
	f.Add("p", "task", "audio", "split_stem_advanced", "paid/drums.mp3", 2)
	f.Fuzz(func(t *testing.T, prefix, task, audio, stem, rest string, kind int) {
		in := stemflow.SeparateStemsInput{TaskID: task, AudioID: audio, Prefix: prefix, StemName: stem}
		in.Type = stemflow.PaidTypes()[uint(kind)%4]
		if in.Type == stemflow.TypeWAV { // there is nothing else in its folder
			rest = []string{"manifest.json", "submission.json", "paid/track.wav", "paid/track.mp3"}[len(rest)%4]
			if slices.Contains(stemflow.PaidTypes(), stemflow.SeparationType(audio)) {
				t.Skip("no track of the provider is called so")
			}
		}
		if audio == string(stemflow.SplitStemAdvanced) {
			t.Skip("no track of the provider is called so")
		}
		if in.Type != stemflow.SplitStemAdvanced {
			in.StemName = ""
		}
		for part := range strings.SplitSeq(rest, "/") {
			if part == "" || slices.Contains(stemflow.PaidTypes(), stemflow.SeparationType(part)) {
				t.Skip("stemflow makes no such key")
			}
		}
		valid := in
		if valid.Type == stemflow.TypeWAV {
			valid.Type = ""
		}
		if valid.Validate() != nil {
			t.Skip("the input is refused")
		}
		loc := archive.Locate("stems", prefix, in.Track())
		place, got, ok := archive.Parse(loc.Dir + rest)
		require.True(t, ok)
		require.Equal(t, rest, got)
		require.Equal(t, in.Type, place.Track.Type)
		require.Equal(t, loc, archive.Locate("stems", place.Prefix, place.Track))
	})
}

func TestKeysOfNoTrack(t *testing.T) {
	for _, key := range []string{
		"artist/album/wav/01.wav", "artist/album/wav/disc1/01.wav", "artist/album/wav/x/y/track.wav",
		"", "/", "manifest.json", "a/manifest.json", "a/b/manifest.json", "a/b/c/manifest.json", "split_stem/x", "a/split_stem/x", "/b/split_stem/x",
		"a//split_stem/x", "a/b/split_stem", "a/b/split_stem_advanced/manifest.json", "a/b/split_stem_advanced//manifest.json", "_catalogs/june/run/report.csv",
	} {
		_, _, ok := archive.Parse(key)
		require.False(t, ok, key)
	}
}

func TestSongsLieBesideTheirSeparations(t *testing.T) {
	sum := strings.Repeat("0a", 32)
	for _, prefix := range []string{"", "music", "/music/2026/", "sha256"} {
		key := archive.SongKey(prefix, sum, "mp3")
		got, ok := archive.ParseSong(key)
		require.True(t, ok, key)
		require.Equal(t, sum, got)
		_, _, isTrack := archive.Parse(key)
		require.False(t, isTrack, "it is no object of a separation: %s", key)
		loc := archive.Locate("b", prefix, stemflow.Track{TaskID: "sha256", AudioID: sum, Type: stemflow.SplitStem})
		require.True(t, strings.HasPrefix(loc.Dir, archive.SongFolder(prefix, sum)))
	}
	for _, key := range []string{
		"", "song.mp3", "sha256/song.mp3", "sha256/" + sum + "/song.", "sha256/" + sum + "/song", "url/" + sum + "/song.mp3",
		"sha256/" + strings.ToUpper(sum) + "/song.mp3", "sha256/" + sum[1:] + "/song.mp3", "sha256/" + sum + "/split_stem/song.mp3",
		"/sha256/" + sum + "/song.mp3",
	} {
		_, ok := archive.ParseSong(key)
		require.False(t, ok, key)
	}
}

func TestSessionsAreKnownByTheirKeys(t *testing.T) {
	loc := archive.Locate("stems", "p", stemflow.Track{TaskID: "task", AudioID: "audio", Type: stemflow.SplitStem})
	require.Equal(t, "p/task/audio/split_stem/session-3e63.zip", archive.SessionKey(loc, "3e63", "zip"))
	for key, is := range map[string]bool{
		archive.SessionKey(loc, "3e63", "zip"): true, archive.SessionKey(loc, "3e63", "dawproject"): true,
		loc.Dir + "session.zip": false, loc.Dir + "session-x/y.zip": false, loc.Dir + "session-3e63.txt": false,
		"other/session-3e63.zip": false, archive.ManifestKey(loc): false,
	} {
		require.Equal(t, is, archive.IsSessionKey(loc, key), key)
	}
	place, rest, ok := archive.Parse(archive.SessionKey(loc, "3e63", "dawproject"))
	require.True(t, ok)
	require.Equal(t, "task", place.Track.TaskID)
	require.Equal(t, "session-3e63.dawproject", rest)
}
