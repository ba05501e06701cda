// Package midi keeps the notes that the provider has heard, and writes them as JSON and as a
// Standard MIDI File.
package midi

import (
	"bufio"
	"encoding/json"
	"io"
	"math"
	"strconv"
)

// Score is what the provider has heard, by instrument.
type Score struct {
	Instruments []Instrument
}

// Instrument is one part of a score.
type Instrument struct {
	Name  string
	Notes []Note
	// Listed is how many notes the provider lists. Those of them that say neither pitch nor start
	// are not in Notes.
	Listed int
}

// Note is a note as the provider gives it. A value that it does not give is NaN.
type Note struct {
	// Pitch is a MIDI note number, Start and End are seconds from the beginning.
	Pitch, Start, End float64
	// Velocity is from 0 to 1. Values above 1 are from 0 to 127.
	Velocity float64
}

// Head is what the JSON says of where the notes are from.
type Head struct {
	SeparationTaskID string `json:"separationTaskId"`
	MIDITaskID       string `json:"midiTaskId"`
	// Stem is the stem that was transcribed; empty: all of the separation.
	Stem string `json:"stem,omitempty"`
}

// documentVersion is the version of the JSON that this release writes.
const documentVersion = 1

// WriteJSON writes the notes as the provider gives them: all that it lists and that say pitch and
// start, with numbers for numbers, whatever their form was. It holds one note at a time.
func (s Score) WriteJSON(w io.Writer, head Head) error {
	out := bufio.NewWriter(w)
	encoded, err := json.Marshal(struct {
		Version int `json:"version"`
		Head
	}{documentVersion, head})
	if err != nil {
		return err
	}
	// A bufio.Writer keeps its first error for Flush.
	_, _ = out.Write(encoded[:len(encoded)-1])
	_, _ = out.WriteString(`,"instruments":[`)
	var buffer []byte
	for i, instrument := range s.Instruments {
		name, err := json.Marshal(instrument.Name)
		if err != nil {
			return err
		}
		buffer = separated(buffer[:0], i, "\n")
		buffer = append(buffer, `{"name":`...)
		buffer = append(buffer, name...)
		buffer = append(buffer, `,"notes":[`...)
		_, _ = out.Write(buffer)
		for k, note := range instrument.Notes {
			buffer = separated(buffer[:0], k, "\n")
			_, _ = out.Write(note.appendJSON(buffer))
		}
		_, _ = out.WriteString("]}")
	}
	_, _ = out.WriteString("]}\n")
	return out.Flush()
}

func separated(buffer []byte, i int, by string) []byte {
	if i > 0 {
		buffer = append(buffer, ',')
	}
	return append(buffer, by...)
}

func (n Note) appendJSON(buffer []byte) []byte {
	buffer = appendNumber(append(buffer, `{"pitch":`...), n.Pitch)
	buffer = appendNumber(append(buffer, `,"start":`...), n.Start)
	buffer = appendNumber(append(buffer, `,"end":`...), n.End)
	buffer = appendNumber(append(buffer, `,"velocity":`...), n.Velocity)
	return append(buffer, '}')
}

// appendNumber writes the shortest text that reads back as the same number.
func appendNumber(buffer []byte, n float64) []byte {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return append(buffer, "null"...)
	}
	form := byte('f')
	if abs := math.Abs(n); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		form = 'e'
	}
	return strconv.AppendFloat(buffer, n, form, -1, 64)
}
