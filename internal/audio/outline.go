package audio

import "math"

// Outline is how loud a stream is from moment to moment, as one draws a waveform: a byte for each
// part of a second. A byte is 0 where it is silent; 255 is full scale, and OutlineSteps are a
// decibel.
type Outline struct {
	// PerSecond is how many values there are for a second.
	PerSecond float64
	Values    []byte
}

const (
	// OutlineSteps are the steps of a decibel.
	OutlineSteps = 3
	// MaxOutline bounds the values of an outline. A longer stream has fewer for a second.
	MaxOutline = 1 << 14
	// outlinePerSecond is how many values a stream of less than half an hour has.
	outlinePerSecond = 10
)

// outliner makes an outline of levels that come one after another.
type outliner struct {
	// ticks are those of a value.
	ticks  int64
	values []byte
	// at is where the next level begins, in ticks from the beginning of what is played.
	at int64
}

// add takes in the level, in decibels below full scale, of what plays for some ticks.
func (o *outliner) add(level float64, ticks int64) {
	if o.ticks == 0 {
		o.ticks = ticksPerSecond / outlinePerSecond
	}
	o.at += ticks
	if o.at <= 0 {
		return
	}
	first, last := max(o.at-ticks, 0)/o.ticks, (o.at-1)/o.ticks
	for last >= MaxOutline {
		o.halve()
		first, last = first/2, last/2
	}
	for int64(len(o.values)) <= last {
		o.values = append(o.values, 0)
	}
	value := byte(min(max(math.Round(255+OutlineSteps*level), 0), 255))
	for i := first; i <= last; i++ {
		o.values[i] = max(o.values[i], value)
	}
}

// halve makes one value of two.
func (o *outliner) halve() {
	o.ticks *= 2
	for i := 0; i < len(o.values); i += 2 {
		o.values[i/2] = o.values[i]
		if i+1 < len(o.values) {
			o.values[i/2] = max(o.values[i], o.values[i+1])
		}
	}
	o.values = o.values[:(len(o.values)+1)/2]
}

func (o *outliner) outline() Outline {
	if len(o.values) == 0 {
		return Outline{}
	}
	return Outline{PerSecond: ticksPerSecond / float64(o.ticks), Values: o.values}
}
