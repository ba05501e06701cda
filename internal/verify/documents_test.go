package verify

import (
	"strings"
	"testing"
	"unicode/utf8"

	"stemflow"
	"stemflow/internal/allowed"
	"stemflow/internal/archive"
	"stemflow/internal/ledger"
	"stemflow/internal/naming"
)

var aFolder = folderOf(allowed.PlaceOf("stems", "music"),
	stemflow.Track{TaskID: "t", AudioID: "a", Type: stemflow.SplitStemAdvanced, StemName: "Lead Vocal"})

const aManifest = `{"version": 1, "separationTaskId": "s", "type": "split_stem_advanced",
 "source": {"taskId": "t", "audioId": "a", "stemName": "Lead Vocal"},
 "manifest": {"bucket": "stems", "key": "music/t/a/split_stem_advanced/lead_vocal/manifest.json"},
 "stems": [{"name": "lead_vocal", "bucket": "stems", "size": 1,
  "key": "music/t/a/split_stem_advanced/lead_vocal/s/lead_vocal.mp3",
  "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}]}`

// Whatever stands in a manifest, one that is believed leads nowhere but into its own folder, and
// what is said of one that is not is a line of bounded length.
func FuzzManifest(f *testing.F) {
	f.Add(aManifest)
	f.Add(strings.ReplaceAll(aManifest, "/s/", "/s/../../"))
	f.Add(strings.ReplaceAll(aManifest, `"stems",`, `"copied-from",`))
	f.Add(`{"version": 99}`)
	f.Add("null")
	f.Add("[1]")
	if _, kind, message := judgeManifest(aFolder, []byte(aManifest)); kind != "" {
		f.Fatal(kind, message)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, kind, message := judgeManifest(aFolder, []byte(text))
		if kind != "" {
			requireLine(t, message)
			return
		}
		within := archive.SeparationPrefix(aFolder.location(), m.SeparationTaskID)
		for _, stem := range m.Stems {
			file, ok := strings.CutPrefix(stem.Key, within)
			copied := stem.Bucket == m.Manifest.Bucket // with the whole bucket
			if !ok || stem.Bucket != "" && stem.Bucket != "stems" && !copied ||
				file == "" || strings.Contains(file, "/") || file == ".." {
				t.Fatalf("%q is believed", stem.Key)
			}
		}
	})
}

// A ledger that is believed has entries, of its own track, in states that there are.
func FuzzLedger(f *testing.F) {
	f.Add(`{"version": 1, "state": "paid", "separationTaskId": "s", "track": {"taskId": "t", "audioId": "a",
 "type": "split_stem_advanced", "stemName": "Lead Vocal"}, "earlier": [{"version": 1, "state": "intended"}]}`)
	f.Add("{}")
	f.Add("null")
	f.Fuzz(func(t *testing.T, text string) {
		l, problem := judgeLedger(aFolder, []byte(text))
		if problem != "" {
			requireLine(t, problem)
			if len(l.Entries()) > 0 {
				t.Fatal("it is believed none the less")
			}
			return
		}
		if len(l.Entries()) == 0 {
			t.Fatal("nobody has paid, it says")
		}
		for _, e := range l.Entries() {
			if !aFolder.sameAs(e.Track) || e.State == "" {
				t.Fatalf("%+v is believed", e)
			}
		}
		_ = ledger.Ledger{}.Merge(l)
	})
}

// The folder that a key is in has the key, whatever else the key has in it.
func FuzzFolder(f *testing.F) {
	for _, key := range []string{
		"t/a/split_stem/manifest.json", "music/t/a/split_stem_advanced/lead_vocal/s/x.mp3", "a/b/split_stem/t/a/split_stem/x",
		"t/a/split_stem/s/deep/er/x.mp3", "//split_stem//", "t/a/split_stem_advanced/Lead Vocal/x", "split_stem/a", "",
		"/t/a/split_stem/manifest.json", "a//t/a/split_stem/manifest.json",
	} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		found, ok := findFolder("stems", key)
		if ok && !strings.HasPrefix(key, found.location().Dir) {
			t.Fatalf("%q is not in %q", key, found.location().Dir)
		}
		requireLine(t, printableKey(key))
	})
}

func requireLine(t *testing.T, text string) {
	t.Helper()
	if len(text) > 8*naming.MaxKey || strings.ContainsAny(text, "\n\r\x1b\x00") || !utf8.ValidString(text) {
		t.Fatalf("%q", text)
	}
}

func TestFoldersOfKeys(t *testing.T) {
	for key, want := range map[string]string{
		"t/a/split_stem/manifest.json":                        "t/a/split_stem/",
		"music/old/t/a/separate_vocal/s/vocals.mp3":           "music/old/t/a/separate_vocal/",
		"t/a/split_stem_advanced/lead_vocal/s/x.mp3":          "t/a/split_stem_advanced/lead_vocal/",
		"t/a/split_stem_advanced/lead_vocal/manifest.json":    "t/a/split_stem_advanced/lead_vocal/",
		"x/y/split_stem/t/a/split_stem/submission.json":       "x/y/split_stem/t/a/split_stem/",
		"x/y/split_stem_advanced/t/a/separate_vocal/s/a.mp3":  "x/y/split_stem_advanced/t/a/separate_vocal/",
		"t/a/split_stem/s/old/drums.mp3":                      "t/a/split_stem/",
		"_catalogs/split_stem/run/outcomes/000001.json":       "",
		"music/_catalogs/split_stem/run/outcomes/000001.json": "",
		"photos/2026/a.jpg":                                   "",
		"t/a/split_stem":                                      "",
		"a/split_stem/manifest.json":                          "",
		"t/a/split_stem_advanced/manifest.json":               "",
		"t/a/split_stem_advanced/Lead Vocal/s/lead_vocal.mp3": "",
	} {
		found, ok := findFolder("stems", key)
		got := ""
		if ok {
			got = found.location().Dir
		}
		if got != want {
			t.Errorf("%s is in %q", key, got)
		}
	}
}
