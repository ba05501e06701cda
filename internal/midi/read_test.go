package midi

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzNotesReadBack(f *testing.F) {
	f.Add("Piano", 60.0, 0.5, 1.0, 0.8)
	f.Add("ピアノ\x00\"", -1.0, math.NaN(), math.Inf(1), 300.0)
	f.Fuzz(func(t *testing.T, name string, pitch, start, end, velocity float64) {
		s := Score{Instruments: []Instrument{
			{
				Name:   strings.ToValidUTF8(name, "?"),
				Notes:  []Note{note(pitch, start, end, velocity)},
				Listed: 1,
			}, {Name: "Drums"},
		}}
		var first, again bytes.Buffer
		require.NoError(t, s.WriteJSON(&first, Head{}))
		read, err := ReadJSON(bytes.NewReader(first.Bytes()))
		require.NoError(t, err)
		require.NoError(t, read.WriteJSON(&again, Head{}))
		require.Equal(t, first.String(), again.String())
		file, err := s.WriteSMF(&first)
		require.NoError(t, err)
		played, ok := read.Instruments[0].Notes[0].Played()
		require.Equal(t, file.Notes[0] == 1, ok, "it plays what the file has")
		if ok {
			require.Positive(t, played.Duration)
			require.Positive(t, played.Velocity)
		}
	})
}

func TestOtherDocumentsAreNoNotes(t *testing.T) {
	for text, want := range map[string]string{
		`{"version": 2, "instruments": []}`: "the notes are of version 2",
		`{}`:                                "the notes are of version 0",
		`[]`:                                "read the notes",
		`{"version": 1, "instruments": [{`:  "read the notes",
		`{"version": 1, "x": "` + strings.Repeat("x", maxDocument): "they are too many",
	} {
		_, err := ReadJSON(strings.NewReader(text))
		require.ErrorContains(t, err, want)
	}
}
