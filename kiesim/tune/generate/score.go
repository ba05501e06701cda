package main

import (
	"maps"
	"slices"
)

// The score: four bars in A minor (Am F C G) at 80 beats a minute, twelve seconds, sixteen steps to the bar.
const (
	beat   = 0.75
	step   = beat / 4
	bar    = 4 * beat
	length = 4 * bar
)

// chords are the voicings of the four bars, roots their bass notes, as MIDI numbers.
var (
	chords = [4][3]int{{57, 60, 64}, {57, 60, 65}, {55, 60, 64}, {55, 59, 62}}
	roots  = [4]int{33, 29, 36, 31}
)

// note is one note of a melody: its step in the tune, its length in steps and its pitch.
type note struct {
	at, steps, pitch int
	vowel            vowel
}

var lead = []note{
	{0, 3, 69, ah}, {3, 3, 71, oh}, {6, 4, 72, ee}, {11, 2, 71, oh}, {13, 3, 69, ah},
	{16, 6, 72, ah}, {22, 2, 71, oh}, {24, 5, 69, oh},
	{32, 3, 67, ee}, {35, 3, 69, ah}, {38, 4, 72, ah}, {43, 2, 74, ee}, {45, 3, 72, oh},
	{48, 6, 71, ah}, {54, 2, 69, oh}, {56, 6, 67, oo},
}

var counterMelody = []note{
	{at: 8, steps: 2, pitch: 76}, {at: 10, steps: 2, pitch: 79}, {at: 12, steps: 4, pitch: 81},
	{at: 26, steps: 2, pitch: 77}, {at: 28, steps: 4, pitch: 76},
	{at: 40, steps: 2, pitch: 79}, {at: 42, steps: 2, pitch: 76}, {at: 44, steps: 4, pitch: 74},
	{at: 58, steps: 2, pitch: 74}, {at: 60, steps: 4, pitch: 71},
}

// play performs the score: one sound for each stem, by the provider's names for them in snake case, with the mix of all that is
// not sung.
func play() map[string]sound {
	stems := map[string]sound{
		"vocals":         vocals().room(0.35).peak(0.70),
		"backing_vocals": backingVocals().room(0.5).peak(0.35),
		"drums":          drums().peak(0.60),
		"bass":           bass().peak(0.42),
		"guitar":         guitar().room(0.2).peak(0.28),
		"keyboard":       keyboard().room(0.25).peak(0.26),
		"percussion":     percussion().peak(0.14),
		"strings":        strings().room(0.4).peak(0.22),
		"synth":          synth().room(0.3).peak(0.16),
		"fx":             effects().room(0.3).peak(0.22),
		"brass":          brass().room(0.3).peak(0.24),
		"woodwinds":      woodwinds().room(0.45).peak(0.20),
	}
	instrumental := seconds(length)
	// The order of a sum shows in its last bits, and the tune must come out the same every time.
	for _, name := range slices.Sorted(maps.Keys(stems)) {
		if name != "vocals" && name != "backing_vocals" {
			instrumental.add(0, 1, stems[name])
		}
	}
	stems["instrumental"] = instrumental.peak(0.85)
	return stems
}

func vocals() sound {
	s := seconds(length)
	for _, n := range lead {
		s.add(float64(n.at)*step, 1, voice(n.pitch, float64(n.steps)*step+0.04, n.vowel))
	}
	return s
}

func backingVocals() sound {
	s := seconds(length)
	for i, chord := range chords {
		for _, pitch := range chord {
			s.add(float64(i)*bar+2*step, 1, voice(pitch, bar-3*step, oo))
		}
	}
	return s
}

func drums() sound {
	s := seconds(length)
	for at := range 64 {
		t := float64(at) * step
		switch at % 16 {
		case 0, 7, 10:
			s.add(t, 1, kick())
		case 4, 12:
			s.add(t, 0.75, snare())
		}
		switch {
		case at%16 == 14:
			s.add(t, 0.28, hat(0.11))
		case at%2 == 0:
			s.add(t, 0.25, hat(0.03))
		case at%8 == 7:
			s.add(t, 0.12, hat(0.02))
		}
	}
	for i, at := range []float64{61, 62, 62.5, 63, 63.5} {
		s.add(at*step, 0.3+0.1*float64(i), snare())
	}
	return s
}

func bass() sound {
	s := seconds(length)
	for i, root := range roots {
		for _, n := range []note{{at: 0, steps: 3}, {at: 3, steps: 2}, {at: 7, steps: 2, pitch: 12}, {at: 10, steps: 3}, {at: 14, steps: 2, pitch: 7}} {
			s.add(float64(16*i+n.at)*step, 1, bassNote(root+n.pitch, float64(n.steps)*step))
		}
	}
	return s
}

func guitar() sound {
	s := seconds(length)
	for i, chord := range chords {
		for n, voice := range []int{0, 1, 2, 1, 0, 2, 1, 2} {
			s.add(float64(16*i+2*n)*step, 1, pluck(chord[voice], 1.4))
		}
	}
	return s
}

func keyboard() sound {
	s := seconds(length)
	for i, chord := range chords {
		for _, at := range []int{0, 6, 11} {
			for _, pitch := range chord {
				s.add(float64(16*i+at)*step, 1, electricPiano(pitch, 4.5*step))
			}
		}
	}
	return s
}

func percussion() sound {
	s := seconds(length)
	for at := range 64 {
		t := float64(at) * step
		s.add(t, 0.5+0.3*float64(at%2), shaker(at%4 == 2))
		if at%16 == 4 || at%16 == 12 {
			s.add(t, 0.9, tambourine())
		}
	}
	return s
}

func strings() sound {
	s := seconds(length)
	for i, chord := range chords {
		for _, pitch := range chord {
			s.add(float64(i)*bar, 1, bowed(pitch+12, bar+0.5))
		}
	}
	return s
}

func synth() sound {
	s := seconds(length)
	for at := range 64 {
		chord := chords[at/16]
		pitch := chord[at%3] + 12*(1+at/3%2)
		s.add(float64(at)*step, 1, arpeggio(pitch, 800+40*float64(at)))
	}
	return s
}

func effects() sound {
	s := seconds(length)
	s.add(0, 0.8, fall(2*beat))
	s.add(2*bar+2*beat, 1, riser(bar+2*beat))
	return s
}

func brass() sound {
	s := seconds(length)
	for _, n := range []note{{at: 14, steps: 1}, {at: 15, steps: 1}, {at: 16, steps: 4}, {at: 46, steps: 1}, {at: 47, steps: 1}, {at: 48, steps: 4}, {at: 54, steps: 3}} {
		for _, pitch := range chords[n.at/16] {
			s.add(float64(n.at)*step, 1, horn(pitch, float64(n.steps)*step))
		}
	}
	return s
}

func woodwinds() sound {
	s := seconds(length)
	for _, n := range counterMelody {
		s.add(float64(n.at)*step, 1, flute(n.pitch, float64(n.steps)*step+0.02))
	}
	return s
}
