package archive_test

import (
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
