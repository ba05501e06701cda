package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/program"
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
		{"no limit", 0, `
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
				require.True(t, c.room == 0 || columns(l) <= c.room)
			}
		})
	}
}

func TestTableOfScatteredKeys(t *testing.T) {
	stems := someStems()
	stems[1].Key = "elsewhere/instrumental.mp3"
	var out bytes.Buffer
	stemTable(&out, stems, 80)
	require.Contains(t, out.String(), folder+"vocals.mp3")
	require.Contains(t, out.String(), "elsewhere/instrumental.mp3")
	require.NotContains(t, out.String(), "keys in")
}

func TestResult(t *testing.T) {
	var out bytes.Buffer
	p := &cli{
		stdout: &out,
		size:   func() (program.TerminalSize, bool) { return program.TerminalSize{Columns: 80, Rows: 24}, true },
	}
	p.printResult(stemflow.SeparateStemsInput{TaskID: "5c79", AudioID: "e231"}, &stemflow.SeparateStemsResult{
		SeparationTaskID: "3e63", Type: stemflow.SeparateVocal, SettledBy: stemflow.SettledByArchive,
		Stems: someStems()[:1], Empty: []string{"instrumental"},
		Failed:   []stemflow.FailedStem{{Name: "fx", Type: stemflow.ErrorSourceNotAudio, Message: "an HTML\npage"}},
		Manifest: stemflow.ObjectRef{Bucket: "stems", Key: "5c79/e231/separate_vocal/manifest.json"},
	}, 4*time.Second)
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
