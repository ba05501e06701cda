package session

import (
	"archive/zip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"stemflow"
	"stemflow/internal/midi"
	"stemflow/internal/tune"
)

// Twelve stems of 5 MB, with MIDI of 5,000 notes, as files of a disk: a session beside a plain zip
// of the same files.
func BenchmarkTwelveStemsOf5MB(b *testing.B) {
	const stems, size = 12, 5_000_000
	dir := b.TempDir()
	a, m := archive{}, newManifest()
	for _, name := range stemflow.ExpectedStems(stemflow.SplitStem, "") {
		clip, _ := tune.Stem(name)
		content, err := io.ReadAll(io.NewSectionReader(clip.Resize(size), 0, size))
		if err != nil {
			b.Fatal(err)
		}
		a.addStem(&m, name, "mp3", content)
	}
	random := rand.New(rand.NewPCG(1, 1))
	score := midi.Score{Instruments: []midi.Instrument{{Name: "Bass"}}}
	for i := range 5000 {
		at := float64(i) / 20
		n := midi.Note{Pitch: float64(random.IntN(128)), Start: at, End: at + 0.3, Velocity: 0.7}
		score.Instruments[0].Notes = append(score.Instruments[0].Notes, n)
	}
	a.addMIDI(b, &m, "", score)
	fileOf := func(key string) string { return filepath.Join(dir, filepath.Base(key)) }
	for key, content := range a {
		if err := os.WriteFile(fileOf(key), content, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	open := func(key string) (io.ReadCloser, error) { return os.Open(fileOf(key)) }
	bench := func(name string, write func(io.Writer) error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(stems * size)
			b.ReportAllocs()
			for b.Loop() {
				out, err := os.Create(filepath.Join(dir, "out"))
				if err == nil {
					err = write(out)
				}
				if err == nil {
					err = out.Close()
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, format := range []Format{Zip, DAWproject} {
		s := Session{Format: format, Manifest: m, Text: []byte("{}"), Stems: m.Stems}
		bench(string(format), func(w io.Writer) error { return s.Write(b.Context(), w, open) })
	}
	bench("plain", func(w io.Writer) error {
		out := zip.NewWriter(w)
		for i, stem := range m.Stems {
			in, err := open(stem.Key)
			if err != nil {
				return err
			}
			entry, err := out.CreateHeader(&zip.FileHeader{Name: fmt.Sprint(i), Method: zip.Store})
			if err == nil {
				_, err = io.Copy(entry, in)
			}
			in.Close()
			if err != nil {
				return err
			}
		}
		return out.Close()
	})
}
