package midi

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	gomidi "gitlab.com/gomidi/midi/v2"
	"gitlab.com/gomidi/midi/v2/smf"
)

const (
	// ticksPerSecond follows from ticksPerQuarter and tempo. The provider's times are multiples of
	// 1/192 s, which are whole ticks.
	ticksPerSecond  = ticksPerQuarter * tempo / 60
	ticksPerQuarter = 480
	// tempo is nominal, in quarters a minute: the provider says none.
	tempo = 120
	// maxSeconds is longer than any song, and what a file can hold without a rest between.
	maxSeconds = 24 * 60 * 60
	// maxTracks is the number that a file can say, less the track with the tempo.
	maxTracks = math.MaxUint16 - 1
)

// File says what a Standard MIDI File has of a score.
type File struct {
	// Notes are how many notes each instrument has in the file, in the order of the score.
	Notes []int
}

// WriteSMF writes a Standard MIDI File: type 1, 480 ticks per quarter at a nominal tempo of 120,
// and after the track with the tempo a named track for each instrument. Percussion is on channel
// 10, the others take turns on the other 15.
//
// A note whose pitch is none of the 128 is left out, and so is one of which nobody can say when it
// begins. One that ends before it begins is one tick long.
func (s Score) WriteSMF(w io.Writer) (File, error) {
	if len(s.Instruments) > maxTracks {
		return File{}, fmt.Errorf("%d instruments are more than a MIDI file has tracks", len(s.Instruments))
	}
	out := smf.NewSMF1()
	out.TimeFormat = smf.MetricTicks(ticksPerQuarter)
	var first smf.Track
	first.Add(0, smf.MetaTempo(tempo))
	first.Close(0)
	if err := out.Add(first); err != nil {
		return File{}, err
	}
	file := File{Notes: make([]int, len(s.Instruments))}
	turn := 0
	for i, instrument := range s.Instruments {
		channel := uint8(percussionChannel)
		if !IsPercussion(instrument.Name) {
			channel = melodicChannel(turn)
			turn++
		}
		track, notes := instrument.track(channel)
		file.Notes[i] = notes
		if err := out.Add(track); err != nil {
			return File{}, err
		}
	}
	checked := &errorKeeper{to: w}
	_, err := out.WriteTo(checked)
	if checked.err != nil {
		err = checked.err
	}
	return file, err
}

// errorKeeper keeps the first error of a writer, which the encoder drops.
type errorKeeper struct {
	to  io.Writer
	err error
}

// Write implements io.Writer.
func (k *errorKeeper) Write(p []byte) (int, error) {
	if k.err != nil {
		return 0, k.err
	}
	n, err := k.to.Write(p)
	k.err = err
	return n, err
}

// percussionChannel is channel 10, as channels are counted in files.
const percussionChannel = 9

// melodicChannel is the channel of the n-th instrument that is no percussion.
func melodicChannel(n int) uint8 {
	channel := uint8(n % 15)
	if channel >= percussionChannel {
		channel++
	}
	return channel
}

var percussion = []string{"drum", "kick", "snare", "hat", "perc", "cymbal", "clap", "tom"}

// notPercussion are words that only look as if they named percussion, and instruments of General
// MIDI that play tunes in spite of their names.
var notPercussion = []string{
	"that", "what", "chat", "custom", "bottom", "phantom", "atom", "percussive organ", "steel drum",
}

// IsPercussion reports whether the name of an instrument is that of percussion.
func IsPercussion(name string) bool {
	name = strings.ToLower(name)
	for _, word := range notPercussion {
		name = strings.ReplaceAll(name, word, "")
	}
	return slices.ContainsFunc(percussion, func(word string) bool { return strings.Contains(name, word) })
}

// event is the beginning or the end of a note.
type event struct {
	tick       uint32
	pitch      uint8
	velocity   uint8 // 0 ends a note
	isNoteOpen bool
}

// track is the instrument's, and how many notes it has.
func (i Instrument) track(channel uint8) (track smf.Track, notes int) {
	events := make([]event, 0, 2*len(i.Notes))
	for _, note := range i.Notes {
		begin, end, ok := note.ticks()
		if !ok {
			continue
		}
		pitch := uint8(note.Pitch)
		events = append(events,
			event{tick: begin, pitch: pitch, velocity: velocityOf(note.Velocity), isNoteOpen: true},
			event{tick: end, pitch: pitch})
		notes++
	}
	// What ends at a tick ends before anything begins there. Otherwise a repeated note would end as
	// it begins.
	slices.SortStableFunc(events, func(a, b event) int {
		return cmp.Or(cmp.Compare(a.tick, b.tick), compareBool(a.isNoteOpen, b.isNoteOpen))
	})
	track = make(smf.Track, 0, len(events)+2)
	track.Add(0, smf.MetaTrackSequenceName(i.Name))
	at := uint32(0)
	for _, e := range events {
		message := gomidi.NoteOff(channel, e.pitch)
		if e.isNoteOpen {
			message = gomidi.NoteOn(channel, e.pitch, e.velocity)
		}
		// Not by Add, which compares the last event with the track's end each time.
		track = append(track, smf.Event{Delta: e.tick - at, Message: smf.Message(message)})
		at = e.tick
	}
	track.Close(0)
	return track, notes
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// ticks are when the note begins and ends. It reports false for a note that no file can hold.
func (n Note) ticks() (begin, end uint32, ok bool) {
	if n.Pitch != math.Trunc(n.Pitch) || !(n.Pitch >= 0 && n.Pitch <= 127) ||
		!(n.Start >= 0 && n.Start <= maxSeconds) || n.End > maxSeconds {
		return 0, 0, false
	}
	begin = uint32(math.Round(n.Start * ticksPerSecond))
	end = begin + 1
	if n.End > n.Start {
		end = max(end, uint32(math.Round(n.End*ticksPerSecond)))
	}
	return begin, end, true
}

// velocityOf is what a file says, from 1 to 127. A note without a velocity is as loud as the
// provider's examples.
func velocityOf(v float64) uint8 {
	if math.IsNaN(v) {
		v = 1
	}
	if v <= 1 {
		v *= 127
	}
	return uint8(min(max(math.Round(v), 1), 127))
}
