package view

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
)

const folder = "5c79/e231/separate_vocal/3e63/"

func someStems() []stemflow.Stem {
	return []stemflow.Stem{
		{
			Name:            "vocals",
			Key:             folder + "vocals.mp3",
			Size:            4_812_345,
			SHA256:          strings.Repeat("0f", 32),
			DurationSeconds: 245.6,
		},
		{Name: "instrumental", Key: folder + "instrumental.mp3", Size: 96_192, SHA256: strings.Repeat("a1", 32)},
	}
}

func TestTable(t *testing.T) {
	hash := map[string]string{"vocals": strings.Repeat("0f", 32), "instrumental": strings.Repeat("a1", 32)}
	for _, c := range []struct {
		name string
		room int
		want string
	}{
		{"wide", 160, `
  stem             size  duration  key                                             sha256
  vocals         4.8 MB      4:06  5c79/e231/separate_vocal/3e63/vocals.mp3        ` + hash["vocals"] + `
  instrumental  96.2 kB         -  5c79/e231/separate_vocal/3e63/instrumental.mp3  ` + hash["instrumental"] + `
  2 stems        4.9 MB
`},
		{"room for the hashes", 120, `
  stem             size  duration  key               sha256
  vocals         4.8 MB      4:06  vocals.mp3        ` + hash["vocals"] + `
  instrumental  96.2 kB         -  instrumental.mp3  ` + hash["instrumental"] + `
  2 stems        4.9 MB

  keys in       5c79/e231/separate_vocal/3e63/
`},
		{"narrow", 80, `
  stem             size  duration  key               sha256
  vocals         4.8 MB      4:06  vocals.mp3        0f0f0f0f0f0f…
  instrumental  96.2 kB         -  instrumental.mp3  a1a1a1a1a1a1…
  2 stems        4.9 MB

  keys in       5c79/e231/separate_vocal/3e63/
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			stemTable(&out, someStems(), c.room)
			require.Equal(t, strings.TrimPrefix(c.want, "\n"), out.String())
			for l := range strings.Lines(out.String()) {
				require.LessOrEqual(t, columns(l), c.room)
			}
		})
	}
}

func TestTableOfScatteredKeys(t *testing.T) {
	stems := someStems()
	stems[1].Key = "elsewhere/instrumental.mp3"
	var out bytes.Buffer
	stemTable(&out, stems, 120)
	require.NotContains(t, out.String(), "keys in")
	require.Contains(t, out.String(), folder+"vocals.mp3")
	require.Contains(t, out.String(), "elsewhere/instrumental.mp3")

	out.Reset()
	stemTable(&out, stems, 60)
	require.Equal(t, `  stem             size  duration
  vocals         4.8 MB      4:06
  instrumental  96.2 kB         -
  2 stems        4.9 MB

  key           5c79/e231/separate_vocal/3e63/vocals.mp3
  key           elsewhere/instrumental.mp3
`, out.String())
}

// A manifest may say what it likes: the table fits, and moves no cursor.
func FuzzTable(f *testing.F) {
	f.Add("vocals", "5c79/e231/split_stem/3e63/vocals.mp3", strings.Repeat("0f", 32), int64(4_812_345), 12.0, 80)
	f.Add("lead_vocal_removed", "a/lead_vocal_removed.flac", strings.Repeat("0f", 32), int64(1)<<62, 1e9, 80)
	f.Add(strings.Repeat("ドラム", 20), "x\x1b[2J/"+strings.Repeat("y", 300), "", int64(-1), -1.0, 43)
	f.Fuzz(func(t *testing.T, name, key, hash string, size int64, seconds float64, room int) {
		if room < 48 || room > 500 {
			t.Skip("no terminal that shows a table has this size")
		}
		stems := []stemflow.Stem{
			{Name: name, Key: key, SHA256: hash, Size: size, DurationSeconds: seconds},
			{Name: "bass", Key: folder + "bass.mp3", SHA256: hash, Size: size},
		}
		for _, stems := range [][]stemflow.Stem{stems, stems[:1], stems[1:], nil} {
			var out bytes.Buffer
			stemTable(&out, stems, room)
			table, _, _ := strings.Cut(out.String(), "\n\n")
			for l := range strings.Lines(table) {
				l = strings.TrimSuffix(l, "\n")
				require.Less(t, columns(l), room, "%q", l)
				require.Equal(t, Printable(l), l)
			}
		}
	})
}

// What the provider's longest names need fits in the room that is there without a terminal.
func TestTheTableOfRealStemsFitsIn80Columns(t *testing.T) {
	const folder = "5c79be8e5c79be8e5c79be8e5c79be8e/e2318cad-0000-4000-8000-000000000000/split_stem_advanced/lead_vocal/3e63/"
	for _, kind := range stemflow.SeparationTypes() {
		var stems []stemflow.Stem
		for _, name := range stemflow.ExpectedStems(kind, "Electric Guitar") {
			stems = append(stems, stemflow.Stem{
				Name: name, Key: folder + name + ".mp3", Size: 4_812_345, SHA256: strings.Repeat("0f", 32), DurationSeconds: 245.6,
			})
		}
		var out bytes.Buffer
		stemTable(&out, stems, DefaultRoom)
		table, below, _ := strings.Cut(out.String(), "\n\n")
		for l := range strings.Lines(table) {
			require.LessOrEqual(t, columns(l), 80, l)
		}
		require.Equal(t, "  keys in       "+folder+"\n", below)
	}
}

func TestResult(t *testing.T) {
	var out bytes.Buffer
	Result(&out, stemflow.SeparateStemsInput{TaskID: "5c79", AudioID: "e231"}, &stemflow.SeparateStemsResult{
		SeparationTaskID: "3e63", Type: stemflow.SeparateVocal, SettledBy: stemflow.SettledByArchive,
		Stems: someStems()[:1], Empty: []string{"instrumental"},
		Failed:   []stemflow.FailedStem{{Name: "fx", Type: stemflow.ErrorSourceNotAudio, Message: "an HTML\npage"}},
		Manifest: stemflow.ObjectRef{Bucket: "stems", Key: "5c79/e231/separate_vocal/manifest.json"},
	}, 4*time.Second, 80)
	require.Equal(t, `Archived separate_vocal of e231 in 0:04: it was archived before and nothing was paid

  stem      size  duration  key         sha256
  vocals  4.8 MB      4:06  vocals.mp3  0f0f0f0f0f0f…
  1 stem  4.8 MB

  keys in       5c79/e231/separate_vocal/3e63/

  not archived  fx: SourceNotAudio: an HTML page
  not served    instrumental
  separation    3e63
  bucket        stems
  manifest      5c79/e231/separate_vocal/manifest.json
`, out.String())
}
