package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/midi"
	"stemflow/internal/tune"
	"stemflow/starter/internal/download"
	"stemflow/starter/internal/failure"
)

// newAudible is an archived track whose stems are audio, with MIDI, and a name.
func newAudible(t *testing.T) gettable {
	g := newGettable(t)
	folder := strings.TrimSuffix(g.manifest.Manifest.Key, archive.ManifestFile)
	put := func(key string, content []byte) archive.Written {
		written, err := g.store.Put(
			t.Context(),
			g.bucket,
			key,
			"audio/mpeg",
			bytes.NewReader(content),
			int64(len(content)),
		)
		require.NoError(t, err)
		return written
	}
	for i := range g.manifest.Stems {
		stem := &g.manifest.Stems[i]
		clip, ok := tune.Stem(stem.Name)
		require.True(t, ok)
		content, err := io.ReadAll(io.NewSectionReader(clip.Once(), 0, clip.Once().Size))
		require.NoError(t, err)
		written := put(stem.Key, content)
		stem.Size, stem.SHA256 = written.Size, written.SHA256
		g.contents[stem.Name] = content
	}
	score := midi.Score{Instruments: []midi.Instrument{
		{Name: "Vocals", Notes: []midi.Note{{Pitch: 60, Start: 1, End: 2, Velocity: 0.5}}},
	}}
	var document, file bytes.Buffer
	require.NoError(t, score.WriteJSON(&document, midi.Head{}))
	_, err := score.WriteSMF(&file)
	require.NoError(t, err)
	object := func(ext string, content []byte) *stemflow.MIDIObject {
		key := folder + "3e63/midi." + ext
		written := put(key, content)
		return &stemflow.MIDIObject{Bucket: g.bucket, Key: key, Size: written.Size, SHA256: written.SHA256}
	}
	g.manifest.MIDI = []stemflow.MIDI{{JSON: object("json", document.Bytes()), File: object("mid", file.Bytes())}}
	g.manifest.Source.Music = &stemflow.Music{Title: "Ёлка?"}
	g.putManifest(t)
	return g
}

func (g gettable) putManifest(t *testing.T) {
	t.Helper()
	require.NoError(t, g.store.PutJSON(t.Context(), g.bucket, g.manifest.Manifest.Key, g.manifest))
}

func (g gettable) sessionKey(format string) string {
	return strings.TrimSuffix(g.manifest.Manifest.Key, archive.ManifestFile) + "session-3e63." + format
}

func TestGetMakesASession(t *testing.T) {
	for _, format := range []string{"zip", "dawproject"} {
		g := newAudible(t)
		got := g.get(t, "--format", format)
		require.Equal(t, "Ёлка_."+format, got.Session)
		require.Nil(t, got.Object)
		g.requireFiles(t, got.Session)
		first, err := os.ReadFile(filepath.Join(g.dir, got.Session))
		require.NoError(t, err)
		r, err := zip.NewReader(bytes.NewReader(first), int64(len(first)))
		require.NoError(t, err)
		for _, file := range got.Files {
			in, err := r.Open(file.File)
			require.NoError(t, err)
			content, err := io.ReadAll(in)
			require.NoError(t, err)
			if strings.HasPrefix(file.Stem, "midi") {
				require.Equal(t, "MThd", string(content[:4]))
				continue
			}
			require.True(t, bytes.Equal(g.contents[file.Stem], content), file.File)
		}

		fault, ranges := stemRequests()
		g.faulty.SetFaults(fault)
		again := g.get(t, "--format", format)
		require.Equal(t, download.Kept, again.Files[0].Status)
		require.Empty(t, ranges(), "what is there is right")

		// What somebody has made of it, or is another track's, stays.
		g.manifest.Source.Music.Artist = "B"
		g.putManifest(t)
		for _, other := range [][]byte{first, first[:len(first)/2], []byte("mine")} {
			require.NoError(t, os.WriteFile(filepath.Join(g.dir, got.Session), other, 0o600))
			stderr := g.fails(t, failure.ExitFailed, "--format", format)
			require.Contains(t, stderr, "is there already, and is not this session")
			have, err := os.ReadFile(filepath.Join(g.dir, got.Session))
			require.NoError(t, err)
			require.True(t, bytes.Equal(other, have))
		}
		out := filepath.Join(t.TempDir(), "more", "mine."+strings.ToUpper(format))
		require.Contains(
			t,
			g.run(t, g.with("get", "--quiet", "--format", format, "--stems", "vocals", "--out", out)...),
			out,
		)
		require.FileExists(t, out)
	}
}

func TestASessionThatBreaksOffLeavesNoHalfOne(t *testing.T) {
	g := newAudible(t)
	g.manifest.Stems[1].SHA256 = strings.Repeat("0", 64)
	g.putManifest(t)
	stderr := g.fails(t, failure.ExitFailed, "--format", "dawproject")
	require.Contains(t, stderr, "error: ArchiveDamaged: the stem instrumental")
	require.NoFileExists(t, filepath.Join(g.dir, "Ёлка_.dawproject"))
	require.NoFileExists(t, filepath.Join(g.dir, "Ёлка_.dawproject.part"))

	require.NoError(t, g.store.Remove(t.Context(), g.bucket, g.manifest.Manifest.Key))
	require.Contains(t, g.fails(t, failure.ExitFailed, "--format", "zip"), "error: NotArchived: ")
}

func TestASessionOfAPartialArchiveSaysWhatIsMissing(t *testing.T) {
	g := newAudible(t)
	g.manifest.Missing = []stemflow.MissingStem{{Name: "drums", Reason: "not served"}}
	g.manifest.MIDI = nil
	g.putManifest(t)
	text := g.run(t, g.with("get", "--quiet", "--format", "zip", "--out", g.dir)...)
	require.Contains(t, text, "missing       drums: not served")
	require.Contains(
		t,
		g.fails(t, failure.ExitFailed, "--format", "zip", "--midi"),
		"there is no MIDI of it in the archive",
	)
}

func TestASessionIsArchivedBesideTheManifest(t *testing.T) {
	g := newAudible(t)
	t.Chdir(t.TempDir())
	var got gotFiles
	require.NoError(
		t,
		json.Unmarshal([]byte(g.run(t, g.with("get", "--json", "--format", "dawproject", "--archive")...)), &got),
	)
	require.Equal(t, &stemflow.ObjectRef{Bucket: g.bucket, Key: g.sessionKey("dawproject")}, got.Object)
	require.Empty(t, got.Session)
	left, err := os.ReadDir(".")
	require.NoError(t, err)
	require.Empty(t, left, "it is in the bucket alone")

	local := g.get(t, "--format", "dawproject", "--archive")
	file, err := os.ReadFile(filepath.Join(g.dir, local.Session))
	require.NoError(t, err)
	object, info, err := g.store.Open(t.Context(), g.bucket, got.Object.Key)
	require.NoError(t, err)
	archived, err := io.ReadAll(object)
	require.NoError(t, err)
	require.True(t, bytes.Equal(file, archived))
	first := info.Modified

	// The same is not put there again; another one takes its place.
	_, info, err = g.store.Open(t.Context(), g.bucket, got.Object.Key)
	require.NoError(t, err)
	require.Equal(t, first, info.Modified)
	g.manifest.Source.Music.Title = "Another"
	g.putManifest(t)
	g.run(t, g.with("get", "--json", "--format", "dawproject", "--archive")...)
	object, _, err = g.store.Open(t.Context(), g.bucket, got.Object.Key)
	require.NoError(t, err)
	archived, err = io.ReadAll(object)
	require.NoError(t, err)
	r, err := zip.NewReader(bytes.NewReader(archived), int64(len(archived)))
	require.NoError(t, err)
	in, err := r.Open("metadata.xml")
	require.NoError(t, err)
	var described struct{ Title string }
	require.NoError(t, xml.NewDecoder(in).Decode(&described))
	require.Equal(t, "Another", described.Title)
}

func TestFlagsOfSessions(t *testing.T) {
	for args, want := range map[string]string{
		"--format wav":                             `"wav" is no value for --format: use zip or dawproject`,
		"--format zip --zip":                       "leave out --zip and --page",
		"--format zip --page":                      "leave out --zip and --page",
		"--format zip --name {name}":               "leave out --name",
		"--archive":                                "name its --format",
		"--format zip --archive --stems vocals":    "leave out --stems",
		"--format zip --out song.dawproject":       "give it the ending .zip",
		"--format dawproject --out music/song.zip": "give it the ending .dawproject",
	} {
		code, _, stderr := starter(t, "", nil, append([]string{"get", "5c79", "e231"}, strings.Fields(args)...)...)
		require.Equal(t, failure.ExitUsage, code, args)
		require.Contains(t, stderr, want)
	}
}

// Twelve stems of 5 MB from the store become a session, beside a download of them as files.
func BenchmarkGetTwelveStemsOf5MB(b *testing.B) {
	const size = 5_000_000
	a := newArchivedTrack(b)
	folder := strings.TrimSuffix(a.manifest.Manifest.Key, archive.ManifestFile)
	a.manifest.Stems = nil
	for _, name := range stemflow.ExpectedStems(stemflow.SplitStem, "") {
		clip, _ := tune.Stem(name)
		key := folder + "3e63/" + name + ".mp3"
		written, err := a.store.Put(
			b.Context(),
			a.bucket,
			key,
			"audio/mpeg",
			io.NewSectionReader(clip.Resize(size), 0, size),
			size,
		)
		require.NoError(b, err)
		a.manifest.Stems = append(a.manifest.Stems, stemflow.Stem{
			Name: name, Bucket: a.bucket, Key: key, Size: size, SHA256: written.SHA256,
		})
	}
	require.NoError(b, a.store.PutJSON(b.Context(), a.bucket, a.manifest.Manifest.Key, a.manifest))
	for name, args := range map[string][]string{
		"files": {}, "zip": {"--format", "zip"}, "dawproject": {"--format", "dawproject"},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(12 * size)
			for b.Loop() {
				b.StopTimer()
				dir := b.TempDir()
				b.StartTimer()
				code, _, stderr := starter(
					b,
					"",
					a.variables,
					append(a.with("get", "--quiet", "--out", dir), args...)...)
				require.Zero(b, code, stderr)
			}
		})
	}
}
