package download_test

import (
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/starter/internal/download"
)

func manifestOf(names ...string) stemflow.Manifest {
	m := stemflow.Manifest{Source: stemflow.ManifestSource{TaskID: "task", AudioID: "audio"}}
	m.Type = stemflow.SplitStem
	for _, name := range names {
		m.Stems = append(m.Stems, stemflow.Stem{Name: name, Key: "p/" + name + ".mp3"})
	}
	return m
}

func TestNamesFollowTheTemplate(t *testing.T) {
	m := manifestOf("vocals", "drums")
	for template, want := range map[string][]string{
		download.DefaultTemplate:           {"vocals.mp3", "drums.mp3"},
		"{index}-{name}.{ext}":             {"01-vocals.mp3", "02-drums.mp3"},
		"{taskId}/{audioId}/{type}-{name}": {"task/audio/split_stem-vocals", "task/audio/split_stem-drums"},
		"Ärger 歌 {name}{name}":             {"Ärger 歌 vocalsvocals", "Ärger 歌 drumsdrums"},
		"{name}/con":                       {"vocals/_con", "drums/_con"},
		"song{index}":                      {"song01", "song02"},
		".hidden {name}. ":                 {"_hidden vocals", "_hidden drums"},
	} {
		parsed, err := download.ParseTemplate(template)
		require.NoError(t, err, template)
		files, err := parsed.Names(m, m.Stems)
		require.NoError(t, err, template)
		for i, file := range files {
			require.Equal(t, want[i], file.Name, template)
		}
		files, err = parsed.Names(m, m.Stems[1:])
		require.NoError(t, err)
		require.Equal(t, want[1], files[0].Name, "the index is the place in the manifest")
	}
	for template, problem := range map[string]string{
		"{stem}": "there is no field {stem}", "{Name}": "there is no field {Name}", "{}": "there is no field {}",
		"{name": "a brace", "name}": "a brace", "{{name}}": "a brace", "{na{me}": "a brace",
		"": "no name below", "/{name}": "no name below", "a/../{name}": "no name below", "{name}/": "no name below", "./{name}": "no name below",
	} {
		_, err := download.ParseTemplate(template)
		require.ErrorContains(t, err, problem, template)
	}
}

// Dots alone would hide the file, and what is dropped of them would take the extension along.
func TestATitleOfDotsIsNone(t *testing.T) {
	m := manifestOf("vocals")
	m.Source.Music = &stemflow.Music{Title: ". .."}
	template, err := download.ParseTemplate("{title}.{ext}")
	require.NoError(t, err)
	files, err := template.Names(m, m.Stems)
	require.NoError(t, err)
	require.Equal(t, "audio.mp3", files[0].Name)
}

func TestMIDIIsNamedByThePlaceOfItsStem(t *testing.T) {
	m := manifestOf("vocals", "drums")
	for _, stem := range []string{"drums", "vocals", ""} {
		name := "p/midi"
		if stem != "" {
			name += "." + stem
		}
		m.MIDI = append(m.MIDI, stemflow.MIDI{
			Stem: stem, JSON: &stemflow.MIDIObject{Key: name + ".json"}, File: &stemflow.MIDIObject{Key: name + ".mid"},
		})
	}
	template, err := download.ParseTemplate("{index}.{ext}")
	require.NoError(t, err)
	files, err := template.Names(m, append(m.Stems, download.SelectMIDI(m, nil)...))
	require.NoError(t, err)
	var names []string
	for _, file := range files {
		names = append(names, file.Name)
	}
	require.Equal(t, []string{
		"01.mp3", "02.mp3", "02.json", "02.mid", "01.json", "01.mid", "00.json", "00.mid",
	}, names)
}

// On some file systems these are one file, and one stem would take the place of the other.
func TestStemsThatWouldShareAFileAreRefused(t *testing.T) {
	name, err := download.ParseTemplate("{name}.{ext}")
	require.NoError(t, err)
	for _, names := range [][]string{
		{"a/b", `a\b`}, {"Drums", "drums"}, {"é", "e\u0301"}, {"STRASSE", "straße"}, {"drums", "drums"}, {"a?", "a*"},
	} {
		_, err := name.Names(manifestOf(names...), manifestOf(names...).Stems)
		require.ErrorContains(t, err, "add {name} or {index}", "%q", names)
	}
	fixed, err := download.ParseTemplate("song.{ext}")
	require.NoError(t, err)
	_, err = fixed.Names(manifestOf("vocals", "drums"), manifestOf("vocals", "drums").Stems)
	require.ErrorContains(t, err, `"vocals" and "drums" would both be "song.mp3"`)
}

// A long title leaves room for what tells the stems apart.
func TestALongTitleIsShortened(t *testing.T) {
	m := manifestOf("vocals", "drums")
	m.Source.Music = &stemflow.Music{Title: strings.Repeat("歌", 200)}
	parsed, err := download.ParseTemplate("{index} {title} - {name}.{ext}")
	require.NoError(t, err)
	files, err := parsed.Names(m, m.Stems)
	require.NoError(t, err)
	require.Equal(t, "01 "+strings.Repeat("歌", 30)+" - vocals.mp3", files[0].Name)
	require.Equal(t, "02 "+strings.Repeat("歌", 30)+" - drums.mp3", files[1].Name)
}

func TestSafeNames(t *testing.T) {
	for text, want := range map[string]string{
		"drums.mp3": "drums.mp3", "Müller & Söhne": "Müller & Söhne", "日本語.flac": "日本語.flac", "👍🏽": "👍🏽",
		"..": "_", ".": "_", "": "_", "...": "_", " ": "_", "a/../b": "a_.._b", `..\..\x`: "__.._x", "/etc/passwd": "_etc_passwd",
		"C:\\x": "C__x", "a\x00b": "a_b", "a\nb": "a_b", "\u202egpj.exe": "_gpj.exe", "a\xff": "a_", "x. . ": "x", ".bashrc": "_bashrc",
		"con": "_con", "CON.mp3": "_CON.mp3", "nul.tar.gz": "_nul.tar.gz", "com1": "_com1", "LPT9.x": "_LPT9.x", "com¹": "_com¹", "CON .x": "_CON .x",
		"conin$": "_conin$", "console": "console", "com10": "com10", "com": "com", "aux ": "_aux",
		"-rf": "_-rf", "--checkpoint-action=exec=sh x.zip": "_--checkpoint-action=exec=sh x.zip",
		".-x": "_-x", "a-b": "a-b",
	} {
		require.Equal(t, want, download.SafeName(text), "%q", text)
	}
	long := download.SafeName(strings.Repeat("歌", 200) + ".mp3")
	require.LessOrEqual(t, len(long), 200)
	require.True(t, strings.HasSuffix(long, "歌.mp3") && utf8.ValidString(long), long)
}

// Whatever a manifest says, a file stays in its folder, under a name that every system takes.
func FuzzNamesAreSafe(f *testing.F) {
	for _, name := range []string{"drums", "../../etc/passwd", "con", "..", "a\x00", "\u202e", "x. ", "C:\\", "~", "-rf", strings.Repeat("ü", 300)} {
		f.Add(name, name, "{name}.{ext}")
		f.Add("drums", name, "{audioId}/{type}/{name}")
	}
	f.Fuzz(func(t *testing.T, name, audio, template string) {
		parsed, err := download.ParseTemplate(template)
		if err != nil {
			return
		}
		m := manifestOf(name)
		m.Source.AudioID = audio
		files, err := parsed.Names(m, m.Stems)
		require.NoError(t, err)
		got := files[0].Name
		require.Equal(t, path.Clean(got), got)
		require.Equal(t, strings.Count(template, "/"), strings.Count(got, "/"))
		for part := range strings.SplitSeq(got, "/") {
			require.NotContains(t, []string{"", ".", ".."}, part)
			require.LessOrEqual(t, len(part), 200)
			require.True(t, utf8.ValidString(part))
			require.False(t, strings.ContainsAny(part, "\\:*?\"<>|\x00\n\r\x1b"))
			require.NotContains(t, "./ -", part[:1])
			require.NotContains(t, ". ", part[len(part)-1:])
			require.Equal(t, part, download.SafeName(part), "what is safe stays")
		}
	})
}

func TestSelect(t *testing.T) {
	m := manifestOf("vocals", "lead_vocal", "drums")
	m.Empty = []string{"brass"}
	m.Missing = []stemflow.MissingStem{{Name: "bass", Reason: "no link came"}}
	m.Failed = []stemflow.FailedStem{{Name: "synth", Message: "no audio"}}
	all, err := download.Select(m, nil)
	require.NoError(t, err)
	require.Len(t, all, 3)
	some, err := download.Select(m, []string{"drums", "Lead Vocal", "drums"})
	require.NoError(t, err)
	require.Len(t, some, 2)
	require.Equal(t, "drums", some[0].Name)
	require.Equal(t, "lead_vocal", some[1].Name)
	for name, problem := range map[string]string{
		"brass": "does not play", "bass": "no link came", "Synth": "no audio", "tuba": "the archive has vocals, lead_vocal, drums",
	} {
		_, err := download.Select(m, []string{name})
		require.ErrorContains(t, err, problem)
	}
}
