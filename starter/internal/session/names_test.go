package session

import (
	"bytes"
	"encoding/xml"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"stemflow"
)

// Whatever a track, its stems and what is heard in them are called: each file has a name of its own
// that is safe everywhere, and the project refers to it.
func FuzzNames(f *testing.F) {
	f.Add("Ёлка", "drums", "Drums", "Piano", ".mp3")
	f.Add("../../etc/passwd", "CON", "con", "a\x00b", "/../x.mp3")
	f.Add(strings.Repeat("長い", 200), strings.Repeat("x", 300), "ＤＲＵＭＳ", "", ".")
	f.Add("", "", "", "\u202egpj", ".tar.gz")
	f.Add("a\nb\t\"<&>'", "session", "Session", "é", ".json")
	f.Add("...", "..", ".", " .", ".mp3")
	f.Add("manifest", "straße", "STRASSE", "e\u0301", "")
	f.Fuzz(func(t *testing.T, title, first, second, asked, ext string) {
		m := newManifest()
		m.Source.Music = &stemflow.Music{Title: title, Artist: second, Tags: asked}
		m.Source.StemName = asked
		a := archive{}
		for i, name := range []string{first, second, first} {
			a.addStem(&m, name, strings.Repeat("x", i)+ext, []byte{'R', byte(i)})
			m.Stems[i].DurationSeconds = 1
		}
		for _, format := range []Format{Zip, DAWproject} {
			s := Session{Format: format, Manifest: m, Stems: m.Stems}
			requireSafe(t, s.FileName())
			require.True(t, strings.HasSuffix(s.FileName(), "."+string(format)), s.FileName())
			seen := map[string]bool{}
			for _, file := range s.Files() {
				_, name := filepath.Split(file.Name)
				requireSafe(t, name)
				require.True(t, filepath.IsLocal(file.Name), file.Name)
				require.False(t, seen[strings.ToLower(file.Name)], file.Name)
				seen[strings.ToLower(file.Name)] = true
			}
			var out bytes.Buffer
			require.NoError(t, s.Write(t.Context(), &out, a.open))
		}
		s := Session{Format: DAWproject, Manifest: m, Stems: m.Stems}
		_, r := written(t, s, a)
		p := readProject(t, r)
		require.Len(t, p.Structure.Tracks, 4)
		for i, lane := range p.Arrangement.Lanes.Tracks {
			require.Equal(t, a[m.Stems[i].Key], entry(t, r, lane.Clips.Clip.Audio.File.Path))
			require.NotEmpty(t, strings.TrimSpace(p.Structure.Tracks[i].Name))
		}
		decoder := xml.NewDecoder(bytes.NewReader(entry(t, r, metaDataFile)))
		for {
			_, err := decoder.Token()
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
		}
	})
}

func requireSafe(t *testing.T, name string) {
	t.Helper()
	require.NotEmpty(t, name)
	require.True(t, utf8.ValidString(name))
	require.LessOrEqual(t, len(name), 255)
	require.False(t, strings.ContainsAny(name, "/\\<>:\"|?*\x00\n\u202e"), name)
	require.NotContains(t, []string{".", " "}, name[len(name)-1:])
	require.NotContains(t, []string{".", " "}, name[:1])
	base, _, _ := strings.Cut(strings.ToUpper(name), ".")
	require.NotContains(t, []string{"CON", "NUL", "PRN", "AUX", "COM1", "LPT9"}, strings.TrimSpace(base))
}

func TestDisplayNames(t *testing.T) {
	m := newManifest()
	for stem, want := range map[string]string{
		"vocals": "Vocals", "backing_vocals": "Backing Vocals", "fx": "FX", "synth_fx": "Synth FX", "808": "808", "_": "Stem",
	} {
		require.Equal(t, want, displayName(stem, m))
	}
	m.Source.StemName = " Solo Cello (tenor) "
	require.Equal(t, "Solo Cello (tenor)", displayName("solo_cello_tenor", m))
	require.Equal(t, "Without Solo Cello (tenor)", displayName("solo_cello_tenor_removed", m))
}

func TestAllKnownStemsHaveColorsOfTheirOwn(t *testing.T) {
	seen := map[string]string{}
	for _, stem := range append(stemflow.ExpectedStems(stemflow.SplitStem, ""), "instrumental", "piano") {
		color := colorOf(stem)
		require.Regexp(t, `^#[0-9A-F]{6}$`, color)
		require.Empty(t, seen[color], stem)
		seen[color] = stem
	}
	require.Equal(t, colorOf("theremin"), colorOf("theremin"))
}
