package session

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/midi"
	"stemflow/internal/tune"
	"stemflow/starter/internal/download"
)

// archive holds objects by their keys.
type archive map[string][]byte

func (a archive) open(key string) (io.ReadCloser, error) {
	content, ok := a[key]
	if !ok {
		return nil, fmt.Errorf("there is no %s", key)
	}
	return io.NopCloser(bytes.NewReader(content)), nil
}

func (a archive) add(key string, content []byte) stemflow.Stem {
	a[key] = content
	sum := sha256.Sum256(content)
	return stemflow.Stem{Key: key, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
}

func (a archive) addStem(m *stemflow.Manifest, name, ext string, content []byte) {
	stem := a.add("song/track/split_stem/3e63/"+name+"."+ext, content)
	stem.Name = name
	m.Stems = append(m.Stems, stem)
}

func (a archive) addMIDI(t testing.TB, m *stemflow.Manifest, stem string, score midi.Score) {
	var file, document bytes.Buffer
	_, err := score.WriteSMF(&file)
	require.NoError(t, err)
	require.NoError(t, score.WriteJSON(&document, midi.Head{Stem: stem}))
	object := func(ext string, content []byte) *stemflow.MIDIObject {
		of := a.add("song/track/split_stem/3e63/midi."+stem+ext, content)
		return &stemflow.MIDIObject{Key: of.Key, Size: of.Size, SHA256: of.SHA256}
	}
	m.MIDI = append(m.MIDI, stemflow.MIDI{
		Stem: stem, JSON: object(".json", document.Bytes()), File: object(".mid", file.Bytes()),
	})
}

func newManifest() stemflow.Manifest {
	m := stemflow.Manifest{Version: 1, Source: stemflow.ManifestSource{TaskID: "song", AudioID: "track"}}
	m.SeparationTaskID, m.Type = "3e63", stemflow.SplitStem
	m.ArchivedAt = time.Date(2026, 11, 25, 9, 1, 19, 5000, time.UTC)
	return m
}

func recording(t *testing.T, name string) []byte {
	clip, ok := tune.Stem(name)
	require.True(t, ok)
	content, err := io.ReadAll(io.NewSectionReader(clip.Once(), 0, clip.Once().Size))
	require.NoError(t, err)
	return content
}

// tuneSession is a session of the tune's twelve stems, with MIDI of all and of the bass.
func tuneSession(t *testing.T, format Format) (Session, archive) {
	a, m := archive{}, newManifest()
	for _, name := range stemflow.ExpectedStems(stemflow.SplitStem, "") {
		a.addStem(&m, name, "mp3", recording(t, name))
	}
	at := func(start float64) []midi.Note {
		return []midi.Note{{Pitch: 40, Start: start, End: start + 0.5, Velocity: 1}}
	}
	a.addMIDI(t, &m, "", midi.Score{Instruments: []midi.Instrument{
		{Name: "Drums", Notes: at(1)}, {Name: "Backing_Vocals", Notes: at(2)}, {Name: "Bass", Notes: at(3)},
		{Name: "Violin & <Ж>", Notes: at(30)}, {Name: "Brass"},
	}})
	a.addMIDI(t, &m, "bass", midi.Score{Instruments: []midi.Instrument{
		{Name: "Electric Bass (finger)", Notes: append(at(7.6875), midi.Note{Pitch: 200, Start: 1, End: 2})},
	}})
	m.Source.Music = &stemflow.Music{Title: "Ёлка / \"Tree\" & <b>\x01", Artist: "A & B", Tags: "house, 124.5 BPM"}
	text, err := json.Marshal(m)
	require.NoError(t, err)
	return Session{Format: format, Manifest: m, Text: text, Stems: m.Stems, Release: "v0.1.0"}, a
}

func written(t testing.TB, s Session, a archive) (content []byte, files *zip.Reader) {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, s.Write(t.Context(), &out, a.open))
	r, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	require.NoError(t, err)
	return out.Bytes(), r
}

func entry(t testing.TB, r *zip.Reader, name string) []byte {
	t.Helper()
	f, err := r.Open(name)
	require.NoError(t, err)
	defer f.Close()
	content, err := io.ReadAll(f)
	require.NoError(t, err)
	return content
}

func names(r *zip.Reader) (all []string) {
	for _, f := range r.File {
		all = append(all, f.Name)
	}
	return all
}

// requireValid demands that a document follows the published schema.
func requireValid(t *testing.T, schema string, document []byte) {
	t.Helper()
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("xmllint is not on the PATH: install libxml2-utils")
	}
	cmd := exec.Command(xmllint, "--noout", "--schema", filepath.Join("testdata", "dawproject", schema), "-")
	cmd.Stdin = bytes.NewReader(document)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", out, document)
}

func readProject(t testing.TB, r *zip.Reader) (p project) {
	t.Helper()
	require.NoError(t, xml.Unmarshal(entry(t, r, projectFile), &p))
	return p
}

// UnmarshalXMLAttr implements xml.UnmarshalerAttr.
func (n *number) UnmarshalXMLAttr(attr xml.Attr) error {
	_, err := fmt.Sscanf(attr.Value, "%g", (*float64)(n))
	return err
}

func TestADAWprojectFollowsTheSchema(t *testing.T) {
	s, a := tuneSession(t, DAWproject)
	_, r := written(t, s, a)
	requireValid(t, "Project.xsd", entry(t, r, "project.xml"))
	requireValid(t, "MetaData.xsd", entry(t, r, "metadata.xml"))
	s.Manifest.Source.Music, s.Manifest.MIDI, s.Stems = nil, nil, s.Stems[:1]
	_, r = written(t, s, a)
	requireValid(t, "Project.xsd", entry(t, r, "project.xml"))
	requireValid(t, "MetaData.xsd", entry(t, r, "metadata.xml"))
}

// The check of the schema can fail.
func TestTheSchemaRefusesOtherProjects(t *testing.T) {
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("xmllint is not on the PATH: install libxml2-utils")
	}
	s, a := tuneSession(t, DAWproject)
	_, r := written(t, s, a)
	sound := string(entry(t, r, "project.xml"))
	for _, c := range [][2]string{
		{`time="0"`, `time="now"`}, {`timeUnit="seconds"`, `timeUnit="ticks"`}, {`unit="bpm"`, `unit="bmp"`},
	} {
		require.Contains(t, sound, c[0])
		cmd := exec.Command(xmllint, "--noout", "--schema", "testdata/dawproject/Project.xsd", "-")
		cmd.Stdin = strings.NewReader(strings.Replace(sound, c[0], c[1], 1))
		require.Error(t, cmd.Run(), c[1])
	}
}

func TestADAWprojectHasAllStemsAtZeroAndTheNotesBesideThem(t *testing.T) {
	s, a := tuneSession(t, DAWproject)
	_, r := written(t, s, a)
	p := readProject(t, r)
	require.Equal(t, application{"stemflow", "v0.1.0"}, p.Application)
	require.Equal(t, number(124.5), p.Transport.Tempo.Value)
	var tracks []string
	for _, track := range p.Structure.Tracks {
		tracks = append(tracks, track.Name)
		require.Equal(t, track.Name != "Master", track.Color != "")
	}
	require.Equal(t, []string{
		"Vocals", "Backing Vocals", "Backing Vocals MIDI", "Drums", "Drums MIDI", "Bass",
		"Bass MIDI: Electric Bass (finger)", "Guitar", "Keyboard", "Percussion", "Strings", "Synth", "FX", "Brass",
		"Woodwinds", "Violin & <Ж> MIDI", "Master",
	}, tracks)
	require.Equal(t, p.Structure.Tracks[3].Color, p.Structure.Tracks[4].Color)
	require.Len(t, p.Arrangement.Lanes.Tracks, len(tracks)-1)
	stems := 0
	for i, lane := range p.Arrangement.Lanes.Tracks {
		require.Equal(t, p.Structure.Tracks[i].ID, lane.Track)
		c := lane.Clips.Clip
		require.Zero(t, c.Time)
		require.Zero(t, c.PlayStart)
		if c.Audio == nil {
			require.Equal(t, "notes", p.Structure.Tracks[i].ContentType)
			require.Equal(t, number(30.5), c.Duration)
			continue
		}
		require.Equal(t, number(12.024), c.Duration)
		require.Equal(t, [2]int{48000, 1}, [2]int{c.Audio.SampleRate, c.Audio.Channels})
		require.Equal(t, a[s.Stems[stems].Key], entry(t, r, c.Audio.File.Path))
		stems++
	}
	require.Equal(t, 12, stems)
	requireReferences(t, entry(t, r, "project.xml"))
	notesOf := func(track int) []note { return p.Arrangement.Lanes.Tracks[track].Clips.Clip.Notes.Notes }
	require.Equal(t, []note{{Time: 1, Duration: 0.5, Channel: 9, Key: 40, Velocity: 1}}, notesOf(4), "drums")
	require.Equal(t, []note{{Time: 7.6875, Duration: 0.5, Key: 40, Velocity: 1}}, notesOf(6), "bass")
	require.Contains(t, string(entry(t, r, "metadata.xml")), "<Title>Ёлка / &#34;Tree&#34; &amp; &lt;b&gt;</Title>")
	require.Equal(t, "audio/Ёлка _ _Tree_ & _b_ - Backing Vocals.mp3", r.File[3].Name)
}

// requireReferences demands that each id is there once, and that what is referred to is there.
func requireReferences(t *testing.T, document []byte) {
	t.Helper()
	ids := map[string]bool{}
	for _, match := range regexp.MustCompile(` id="([^"]*)"`).FindAllSubmatch(document, -1) {
		require.False(t, ids[string(match[1])], "%s is there twice", match[1])
		ids[string(match[1])] = true
	}
	for _, match := range regexp.MustCompile(` (?:track|destination)="([^"]*)"`).FindAllSubmatch(document, -1) {
		require.True(t, ids[string(match[1])], "%s is not there", match[1])
	}
}

func TestATempoThatNobodyKnowsIsNotInIt(t *testing.T) {
	s, a := tuneSession(t, DAWproject)
	s.Manifest.Source.Music = nil
	_, r := written(t, s, a)
	require.Nil(t, readProject(t, r).Transport)
}

func TestTempos(t *testing.T) {
	for tags, want := range map[string]float64{
		"house, 124 BPM": 124, "90.5bpm": 90.5, "120 bpm, 120BPM": 120, "808, 95 bpm": 95, "": 0, "rock": 0, "90-100 bpm": 0,
		"90 – 100 bpm": 0, "100 bpm 120 bpm": 0, "7 bpm": 0, "999 bpm": 0, "12345 bpm": 0, "120 bpms": 0, "124.50 bpm": 124.5,
	} {
		tempo, ok := tempoOf(stemflow.Manifest{Source: stemflow.ManifestSource{Music: &stemflow.Music{Tags: tags}}})
		require.Equal(t, want, tempo, tags)
		require.Equal(t, want != 0, ok, tags)
	}
}

func TestTheTempoOfTheSongsTagsGoesFirst(t *testing.T) {
	tempo, ok := tempoOf(stemflow.Manifest{Source: stemflow.ManifestSource{
		Music: &stemflow.Music{Tempo: 93.5, Tags: "120 bpm"},
	}})
	require.True(t, ok)
	require.InDelta(t, 93.5, tempo, 0)
}

func TestAZipHasTheFilesAndSaysWhatTheyAre(t *testing.T) {
	s, a := tuneSession(t, Zip)
	s.Manifest.Missing = []stemflow.MissingStem{{Name: "piano", Reason: "not served"}}
	_, r := written(t, s, a)
	require.Equal(t, "session.json", r.File[0].Name)
	require.Equal(t, s.Text, entry(t, r, "manifest.json"))
	var in index
	require.NoError(t, json.Unmarshal(entry(t, r, "session.json"), &in))
	require.Len(t, in.Stems, 12)
	const title = `Ёлка _ _Tree_ & _b_ - `
	require.Equal(t, indexStem{
		Stem: "backing_vocals", Name: "Backing Vocals", Color: "#F2789F", File: title + "Backing Vocals.mp3",
		DurationSeconds: 12.024, SampleRate: 48000, Channels: 1, SHA256: s.Stems[1].SHA256,
	}, in.Stems[1])
	require.Equal(t, []indexMIDI{{"", title + "All stems.mid"}, {"bass", title + "Bass.mid"}}, in.MIDI)
	require.Equal(t, []indexLacks{{"piano", "not served"}}, in.Lacks)
	require.InDelta(t, 124.5, in.Tempo, 0)
	for i, stem := range in.Stems {
		require.Equal(t, a[s.Stems[i].Key], entry(t, r, stem.File))
	}
	require.Equal(t, a[s.Manifest.MIDI[1].File.Key], entry(t, r, in.MIDI[1].File))
	require.Equal(t, "Ёлка _ _Tree_ & _b_.zip", s.FileName())
}

// A part of the stems is without the MIDI that others are in.
func TestASessionOfSomeStems(t *testing.T) {
	s, a := tuneSession(t, DAWproject)
	s.Stems = []stemflow.Stem{s.Manifest.Stems[3]}
	_, r := written(t, s, a)
	require.Len(t, readProject(t, r).Structure.Tracks, 3, "bass, its notes and the master")
}

func TestTheSameSessionIsTheSameFile(t *testing.T) {
	for _, format := range []Format{Zip, DAWproject} {
		s, a := tuneSession(t, format)
		first, r := written(t, s, a)
		again, _ := written(t, s, a)
		require.True(t, bytes.Equal(first, again))
		for _, f := range r.File {
			text := strings.HasSuffix(f.Name, ".xml") || strings.HasSuffix(f.Name, ".json")
			require.Equal(t, !text, f.Method == zip.Store, f.Name)
			const sizesFollow = 8
			require.True(t, text || f.Flags&sizesFollow == 0, "readers of streams want the size before what is stored")
			require.WithinDuration(t, s.Manifest.ArchivedAt, f.Modified, 2*time.Second, f.Name)
		}
	}
}

// Another reader of zip files takes them, and their names.
func TestUnzipReadsASession(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not on the PATH")
	}
	s, a := tuneSession(t, DAWproject)
	content, r := written(t, s, a)
	file := filepath.Join(t.TempDir(), "x.dawproject")
	require.NoError(t, os.WriteFile(file, content, 0o600))
	out, err := exec.Command(python, "-c", `import sys, zipfile
z = zipfile.ZipFile(sys.argv[1])
assert z.testzip() is None
sys.stdout.buffer.write("\n".join(z.namelist()).encode())`, file).Output()
	require.NoError(t, err)
	require.Equal(t, strings.Join(names(r), "\n"), string(out))
}

func TestWhatIsNotAsArchivedMakesNoSession(t *testing.T) {
	for _, format := range []Format{Zip, DAWproject} {
		s, a := tuneSession(t, format)
		for _, f := range s.Files() {
			sound := a[f.Key]
			longer, changed := append(bytes.Clone(sound), 0), bytes.Clone(sound)
			changed[len(changed)-1]++
			for _, wrong := range [][]byte{nil, sound[1:], longer, changed} {
				a[f.Key] = wrong
				_, isDamage := errorOf[*download.DamageError](s.Write(t.Context(), io.Discard, a.open))
				require.True(t, isDamage, f.Key)
			}
			a[f.Key] = sound
		}
	}
}

func errorOf[E error](err error) (E, bool) {
	found, ok := err.(E)
	return found, ok
}

// An object that changes between the two times that it is read makes no session.
func TestWhatChangesMeanwhileMakesNoSession(t *testing.T) {
	s, a := tuneSession(t, Zip)
	opened := 0
	err := s.Write(t.Context(), io.Discard, func(key string) (io.ReadCloser, error) {
		if opened++; opened > len(s.Files()) {
			return io.NopCloser(bytes.NewReader(bytes.Repeat([]byte{1}, len(a[key])))), nil
		}
		return a.open(key)
	})
	require.ErrorContains(t, err, "changed while it was read")
}

func TestAnInterruptionEndsWriting(t *testing.T) {
	s, a := tuneSession(t, Zip)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Write(ctx, io.Discard, a.open), context.Canceled)
}

// What is written for notes that cannot be read is damage of the archive, too.
func TestNotesThatCannotBeReadAreDamage(t *testing.T) {
	s, a := tuneSession(t, DAWproject)
	of := a.add(s.Manifest.MIDI[0].JSON.Key, []byte("no notes"))
	s.Manifest.MIDI[0].JSON.Size, s.Manifest.MIDI[0].JSON.SHA256 = of.Size, of.SHA256
	require.ErrorContains(t, s.Write(t.Context(), io.Discard, a.open), "has no notes that can be read")
}

// Audio of which nothing is known is as long as the others.
func TestAStemThatIsNotMeasured(t *testing.T) {
	a, m := archive{}, newManifest()
	a.addStem(&m, "vocals", "bin", []byte("no audio"))
	s := Session{Format: DAWproject, Manifest: m, Stems: m.Stems}
	require.ErrorContains(t, s.Write(t.Context(), io.Discard, a.open), "nobody knows how long the stem vocals plays")
	a.addStem(&m, "drums", "mp3", recording(t, "drums"))
	s.Manifest, s.Stems = m, m.Stems
	_, r := written(t, s, a)
	require.Equal(t, number(12.024), readProject(t, r).Arrangement.Lanes.Tracks[0].Clips.Clip.Duration)
}
