package midi

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// document is the JSON as a reader takes it.
type document struct {
	Version          int    `json:"version"`
	SeparationTaskID string `json:"separationTaskId"`
	MIDITaskID       string `json:"midiTaskId"`
	Stem             string `json:"stem"`
	Instruments      []struct {
		Name  string `json:"name"`
		Notes []struct {
			Pitch, Start, End, Velocity *float64
		} `json:"notes"`
	} `json:"instruments"`
}

func TestTheJSONHasTheNotesAsTheyWere(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	s := Score{Instruments: []Instrument{{Name: "Grand \"Piano\"\n<ピアノ>"}, {Name: "Drums"}}}
	value := func() float64 {
		return []float64{random.Float64() * 1000, 0.036458333333333336, 1e-9, -3, 1e30, 0, math.NaN()}[random.IntN(7)]
	}
	for range 500 {
		s.Instruments[0].Notes = append(s.Instruments[0].Notes, note(value(), value(), value(), value()))
	}
	var buffer bytes.Buffer
	require.NoError(t, s.WriteJSON(&buffer, Head{SeparationTaskID: "sep", MIDITaskID: "midi", Stem: "bass"}))
	var read document
	require.NoError(t, json.Unmarshal(buffer.Bytes(), &read), buffer.String())
	require.Equal(t, 1, read.Version)
	require.Equal(t, []string{"sep", "midi", "bass"}, []string{read.SeparationTaskID, read.MIDITaskID, read.Stem})
	require.Len(t, read.Instruments, 2)
	require.Equal(t, s.Instruments[0].Name, read.Instruments[0].Name)
	require.NotNil(t, read.Instruments[1].Notes)
	require.Len(t, read.Instruments[0].Notes, 500)
	same := func(want float64, got *float64) {
		if math.IsNaN(want) {
			require.Nil(t, got)
			return
		}
		require.Equal(t, want, *got)
	}
	for i, n := range read.Instruments[0].Notes {
		want := s.Instruments[0].Notes[i]
		same(want.Pitch, n.Pitch)
		same(want.Start, n.Start)
		same(want.End, n.End)
		same(want.Velocity, n.Velocity)
	}
}

func TestNoNotesAreAnEmptyList(t *testing.T) {
	var buffer bytes.Buffer
	require.NoError(t, Score{}.WriteJSON(&buffer, Head{}))
	var read map[string]any
	require.NoError(t, json.Unmarshal(buffer.Bytes(), &read))
	require.Equal(t, []any{}, read["instruments"])
}

func manyNotes(n int) Score {
	i := Instrument{Name: "Piano", Notes: make([]Note, n)}
	for k := range i.Notes {
		i.Notes[k] = note(float64(k%128), float64(k)/192, float64(k+9)/192, 0.5)
	}
	return Score{Instruments: []Instrument{i}}
}

// The memory that 50,000 notes take to be written is some megabytes.
func BenchmarkWrite50000Notes(b *testing.B) {
	s := manyNotes(50_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.WriteSMF(io.Discard); err != nil {
			b.Fatal(err)
		}
		if err := s.WriteJSON(io.Discard, Head{}); err != nil {
			b.Fatal(err)
		}
	}
}
