package midi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

// maxDocument bounds what ReadJSON reads: 200,000 notes take less.
const maxDocument = 32 << 20

// ReadJSON reads the notes that WriteJSON has written.
func ReadJSON(r io.Reader) (Score, error) {
	var document struct {
		Version     int `json:"version"`
		Instruments []struct {
			Name  string `json:"name"`
			Notes []struct {
				Pitch    *float64 `json:"pitch"`
				Start    *float64 `json:"start"`
				End      *float64 `json:"end"`
				Velocity *float64 `json:"velocity"`
			} `json:"notes"`
		} `json:"instruments"`
	}
	bounded := &io.LimitedReader{R: r, N: maxDocument + 1}
	if err := json.NewDecoder(bounded).Decode(&document); err != nil {
		if bounded.N <= 0 {
			err = errors.New("they are too many")
		}
		return Score{}, fmt.Errorf("read the notes: %w", err)
	}
	if document.Version != documentVersion {
		return Score{}, fmt.Errorf("the notes are of version %d, and this release reads version %d",
			document.Version, documentVersion)
	}
	var s Score
	for _, instrument := range document.Instruments {
		read := Instrument{
			Name:   instrument.Name,
			Notes:  make([]Note, len(instrument.Notes)),
			Listed: len(instrument.Notes),
		}
		for i, n := range instrument.Notes {
			read.Notes[i] = Note{
				Pitch: number(n.Pitch), Start: number(n.Start), End: number(n.End), Velocity: number(n.Velocity),
			}
		}
		s.Instruments = append(s.Instruments, read)
	}
	return s, nil
}

func number(n *float64) float64 {
	if n == nil {
		return math.NaN()
	}
	return *n
}

// Played is a note as an instrument plays it: as a Standard MIDI File has it, and not on a grid.
type Played struct {
	Pitch uint8
	// Start and Duration are in seconds.
	Start, Duration float64
	// Velocity is from 1 to 127.
	Velocity uint8
}

// Played is the note as an instrument plays it. It reports false for a note that WriteSMF leaves
// out.
func (n Note) Played() (Played, bool) {
	if _, _, ok := n.ticks(); !ok {
		return Played{}, false
	}
	duration := 1.0 / ticksPerSecond
	if n.End-n.Start > duration {
		duration = n.End - n.Start
	}
	return Played{
		Pitch: uint8(n.Pitch), Start: n.Start, Duration: duration, Velocity: velocityOf(n.Velocity),
	}, true
}
