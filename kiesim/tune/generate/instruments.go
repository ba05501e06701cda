package main

import "math"

// The instruments: each plays one note, or one stroke.

func kick() sound {
	return render(0.35, func(t float64) float64 {
		return math.Sin(2*math.Pi*(48*t+3.2*(1-math.Exp(-t*32)))) * math.Exp(-t*9)
	}).shape(0.001, 0, 0.05)
}

func snare() sound {
	body := render(0.25, func(t float64) float64 {
		return 0.6 * math.Sin(2*math.Pi*(185*t+0.4*(1-math.Exp(-t*40)))) * math.Exp(-t*22)
	})
	body.add(0, 0.8, noise(0.22, 2).filter(highPass, 0.8, constant(1400)).shape(0.001, 0.07, 0.02))
	return body.shape(0.001, 0, 0.02)
}

func hat(ring float64) sound {
	return noise(4*ring, 3).filter(highPass, 1, constant(7200)).shape(0.001, ring, 0.01)
}

func shaker(accent bool) sound {
	attack := 0.035
	if accent {
		attack = 0.008
	}
	return noise(0.13, 4).filter(bandPass, 1.5, constant(5600)).shape(attack, 0.04, 0.02)
}

func tambourine() sound {
	jingles := noise(0.4, 5).filter(highPass, 1.2, constant(6500))
	for _, hz := range []float64{4210, 5330, 6120, 7040} {
		jingles.add(0, 0.12, render(0.4, sine(hz)))
	}
	return jingles.shape(0.002, 0.09, 0.05)
}

func bassNote(note int, length float64) sound {
	hz := hertz(note)
	tone := render(length, saw(hz)).filter(lowPass, 1.1, func(t float64) float64 { return 260 + 900*math.Exp(-t*9) })
	tone.add(0, 0.5, render(length, sine(hz)))
	return tone.shape(0.006, 0.9, 0.03)
}

// pluck is a guitar string after Karplus and Strong: a burst of noise in a delay line that loses its edge as it goes round. The
// burst is centred first, for the line would never lose a constant.
func pluck(note int, length float64) sound {
	period := rate / hertz(note)
	burst := noise(period/rate+0.0001, uint64(note)).filter(lowPass, 0.7, constant(3800))
	line := burst[:int(period)]
	mean := 0.0
	for _, v := range line {
		mean += v / float64(len(line))
	}
	for i := range line {
		line[i] -= mean
	}
	s := seconds(length)
	for i := range s {
		at := i % len(line)
		s[i] = line[at]
		line[at] = 0.996 * (0.5*line[at] + 0.5*line[(at+1)%len(line)])
	}
	return s.shape(0.001, 0, 0.05)
}

// electricPiano is two pairs of modulated sines: the body and the tine.
func electricPiano(note int, length float64) sound {
	hz := 2 * math.Pi * hertz(note)
	return render(length, func(t float64) float64 {
		body := math.Sin(hz*t + 1.3*math.Exp(-t*3)*math.Sin(hz*t))
		tine := math.Sin(hz*t + 0.9*math.Exp(-t*14)*math.Sin(14*hz*t))
		return 0.7*body + 0.3*tine
	}).shape(0.003, 0.8, 0.08)
}

// bowed is a section of strings: five saws, slightly apart.
func bowed(note int, length float64) sound {
	s := seconds(length)
	for i, detune := range []float64{-0.11, -0.05, 0.02, 0.07, 0.12} {
		hz := hertz(note) * math.Exp2(detune/12)
		offset := float64(i) * 0.0137
		tone := saw(hz)
		s.add(0, 0.2, render(length, func(t float64) float64 { return tone(t + offset) }))
	}
	return s.filter(lowPass, 0.8, constant(2100)).shape(0.45, 0, 0.6)
}

// arpeggio is one short note of the synthesiser; brightness opens its filter.
func arpeggio(note int, brightness float64) sound {
	hz := hertz(note)
	tone := saw(hz)
	return render(0.3, func(t float64) float64 { return tone(t) - tone(t+0.5/hz) }).
		filter(lowPass, 3, func(t float64) float64 { return 350 + brightness*math.Exp(-t*12) }).
		shape(0.003, 0.12, 0.05)
}

// riser is noise swept upwards with a tone below it; fall is the way down.
func riser(length float64) sound {
	s := noise(length, 6).filter(bandPass, 4, func(t float64) float64 { return 250 * math.Pow(24, t/length) })
	s.add(0, 0.25, render(length, func(t float64) float64 {
		return math.Sin(2 * math.Pi * 110 * length / math.Log(8) * math.Pow(8, t/length))
	}))
	for i := range s {
		s[i] *= math.Pow(float64(i)/float64(len(s)), 1.5)
	}
	return s.shape(0.01, 0, 0.02)
}

func fall(length float64) sound {
	return noise(length, 7).filter(lowPass, 1.5, func(t float64) float64 { return 5000 * math.Exp(-t*2.2) }).shape(0.002, 0.7, 0.3)
}

func horn(note int, length float64) sound {
	s := seconds(length)
	for _, detune := range []float64{-0.06, 0.05} {
		s.add(0, 0.5, render(length, saw(hertz(note)*math.Exp2(detune/12))))
	}
	return s.filter(lowPass, 1, func(t float64) float64 { return 500 + 2600*(1-math.Exp(-t*18))*math.Exp(-t*1.5) }).shape(0.03, 0, 0.08)
}

func flute(note int, length float64) sound {
	hz := hertz(note)
	tone := render(length, func(t float64) float64 {
		phase := 2 * math.Pi * (hz*t + 0.012*hz/5.2*vibrato(t))
		return math.Sin(phase) + 0.22*math.Sin(2*phase) + 0.08*math.Sin(3*phase)
	})
	tone.add(0, 0.16, noise(length, 8).filter(bandPass, 3, constant(2*hz)))
	return tone.shape(0.07, 0, 0.1)
}

// vibrato swings five times a second, once the note stands.
func vibrato(t float64) float64 { return min(1, t/0.4) * math.Sin(2*math.Pi*5.2*t) / (2 * math.Pi) }

// vowel is the frequencies and loudnesses of the resonances that make one.
type vowel [3]struct{ hz, gain float64 }

var (
	ah = vowel{{750, 1}, {1150, 0.55}, {2600, 0.25}}
	oh = vowel{{480, 1}, {850, 0.5}, {2500, 0.16}}
	ee = vowel{{310, 1}, {2050, 0.35}, {2850, 0.25}}
	oo = vowel{{340, 1}, {750, 0.3}, {2300, 0.08}}
)

// voice sings a note on one vowel: a buzz as of vocal cords through the resonances of the throat.
func voice(note int, length float64, v vowel) sound {
	cords := saw(hertz(note))
	depth := 0.018
	buzz := render(length, func(t float64) float64 { return cords(t + depth/5.2*vibrato(t)) })
	buzz.add(0, 0.03, noise(length, uint64(100+note)))
	sung := seconds(length)
	for _, formant := range v {
		sung.add(0, formant.gain, append(sound(nil), buzz...).filter(bandPass, 7, constant(formant.hz)))
	}
	sung.add(0, 0.12, render(length, sine(hertz(note))))
	return sung.shape(0.05, 0, 0.09)
}
