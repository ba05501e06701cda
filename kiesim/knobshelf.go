package kiesim

import "cmp"

// knobShelf keeps the knobs of tracks until they are submitted.
type knobShelf struct {
	defaults Knobs
	tracks   map[string]*trackKnobs
}

// trackKnobs are the knobs of one track: those in once serve one call each, then those in lasting serve all.
type trackKnobs struct {
	once    []Knobs
	lasting *Knobs
	// calls counts those that lasting, or the defaults, have served.
	calls int
}

func (s *knobShelf) track(audioID string) *trackKnobs {
	t := s.tracks[audioID]
	if t == nil {
		t = &trackKnobs{}
		s.tracks[audioID] = t
	}
	return t
}

func (s *knobShelf) set(audioID string, k Knobs) {
	t := s.track(audioID)
	t.lasting, t.calls = &k, 0
}

func (s *knobShelf) queue(audioID string, k ...Knobs) {
	t := s.track(audioID)
	t.once = append(t.once, k...)
}

// take returns the knobs for a call of generate, with the submit's fault only if it is still due.
func (s *knobShelf) take(audioID string) Knobs {
	t := s.track(audioID)
	var k Knobs
	switch {
	case len(t.once) > 0:
		k, t.once = t.once[0], t.once[1:]
	case t.lasting != nil:
		t.calls++
		k = *t.lasting
		k.Submit = k.Submit.due(t.calls)
	default:
		t.calls++
		k = s.defaults
		k.Submit = k.Submit.due(t.calls)
	}
	k.Dialect = cmp.Or(k.Dialect, s.defaults.Dialect, DialectAuto)
	k.Delay = cmp.Or(k.Delay, s.defaults.Delay)
	return k
}

// due is the fault as it applies to the nth call, counted from 1.
func (f Fault) due(n int) Fault {
	if f.Times > 0 && n > f.Times {
		return Fault{}
	}
	return f
}
