package main

import (
	"math"
	"math/rand/v2"
)

// rate is the number of samples a second.
const rate = 48000

// sound is a mono signal. Its samples are nominally between -1 and 1.
type sound []float64

// wave gives the value of a tone at time t, in seconds from the start of its note.
type wave func(t float64) float64

// seconds makes a silent sound.
func seconds(t float64) sound { return make(sound, int(t*rate)) }

// render evaluates w for the given time.
func render(length float64, w wave) sound {
	s := seconds(length)
	for i := range s {
		s[i] = w(float64(i) / rate)
	}
	return s
}

// add mixes a note in. What rings on past the end comes round at the start, so that the tune loops without a seam.
func (s sound) add(at, gain float64, note sound) {
	start := int(at * rate)
	for i, v := range note {
		s[(start+i)%len(s)] += gain * v
	}
}

// peak scales the sound so that its largest sample is p.
func (s sound) peak(p float64) sound {
	largest := 0.0
	for _, v := range s {
		largest = max(largest, math.Abs(v))
	}
	if largest > 0 {
		for i := range s {
			s[i] *= p / largest
		}
	}
	return s
}

// shape multiplies the sound with an envelope: a linear attack, then an exponential decay (0 keeps it up), then a linear release
// at the end of the sound. Times are in seconds.
func (s sound) shape(attack, decay, release float64) sound {
	end := float64(len(s)) / rate
	for i := range s {
		t := float64(i) / rate
		level := min(1, t/attack) * min(1, (end-t)/release)
		if decay > 0 {
			level *= math.Exp(-t / decay)
		}
		s[i] *= level
	}
	return s
}

// filter runs a resonant state-variable filter over the sound. cutoff gives its frequency in Hz at a time, q its resonance.
func (s sound) filter(kind filterKind, q float64, cutoff wave) sound {
	var low, band float64
	for i, v := range s {
		f := 2 * math.Sin(math.Pi*min(cutoff(float64(i)/rate), rate/6.5)/rate)
		high := v - low - band/q
		band += f * high
		low += f * band
		s[i] = [...]float64{low, band, high}[kind]
	}
	return s
}

type filterKind int

const (
	lowPass filterKind = iota
	bandPass
	highPass
)

// constant is a frequency that does not move.
func constant(hz float64) wave { return func(float64) float64 { return hz } }

// room adds the reverberation of a small hall: four combs and two allpasses, as Schroeder had them. The sound goes through twice
// and the second pass is kept, so that its tail, too, comes round at the start.
func (s sound) room(amount float64) sound {
	wet := make(sound, len(s))
	for _, length := range []int{1687, 1601, 2053, 2251} {
		delay, at := make(sound, length), 0
		for range 2 {
			for i, v := range s {
				echo := delay[at]
				delay[at] = v + 0.78*echo
				at = (at + 1) % length
				wet[i] += echo / 8
			}
		}
	}
	for _, length := range []int{347, 113} {
		delay, at := make(sound, length), 0
		for i, v := range wet {
			echo := delay[at]
			delay[at] = v + 0.7*echo
			wet[i] = echo - 0.7*delay[at]
			at = (at + 1) % length
		}
	}
	for i := range s {
		s[i] += amount * wet[i]
	}
	return s
}

// noise is white noise, the same for the same seed.
func noise(length float64, seed uint64) sound {
	random := rand.New(rand.NewPCG(seed, 1))
	return render(length, func(float64) float64 { return 2*random.Float64() - 1 })
}

// hertz is the frequency of a MIDI note number.
func hertz(note int) float64 { return 440 * math.Exp2(float64(note-69)/12) }

func sine(hz float64) wave { return func(t float64) float64 { return math.Sin(2 * math.Pi * hz * t) } }

// saw is a sawtooth built from its harmonics, so that it does not alias.
func saw(hz float64) wave {
	harmonics := min(40, int(12000/hz))
	return func(t float64) float64 {
		sum := 0.0
		for n := 1; n <= harmonics; n++ {
			sum += math.Sin(2*math.Pi*hz*float64(n)*t) / float64(n)
		}
		return sum * 2 / math.Pi
	}
}
