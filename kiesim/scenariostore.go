package kiesim

import "cmp"

// scenarioStore keeps the scenarios of tracks until they are submitted.
type scenarioStore struct {
	defaults Scenario
	tracks   map[string]*trackScenarios
}

// trackScenarios are the scenarios of one track: those in once serve one call each, then lasting
// serves all others.
type trackScenarios struct {
	once    []Scenario
	lasting *Scenario
	// calls counts the calls that lasting, or the defaults, have served.
	calls int
}

func (s *scenarioStore) track(audioID string) *trackScenarios {
	t := s.tracks[audioID]
	if t == nil {
		t = &trackScenarios{}
		s.tracks[audioID] = t
	}
	return t
}

// lasting is the scenario that was set for a track; nil: none.
func (s *scenarioStore) lasting(audioID string) *Scenario {
	if t := s.tracks[audioID]; t != nil {
		return t.lasting
	}
	return nil
}

func (s *scenarioStore) set(audioID string, scenario Scenario) {
	t := s.track(audioID)
	t.lasting, t.calls = &scenario, 0
}

func (s *scenarioStore) queue(audioID string, scenarios ...Scenario) {
	t := s.track(audioID)
	t.once = append(t.once, scenarios...)
}

// take returns the scenario for a call of generate, with the submit's fault only while it applies.
func (s *scenarioStore) take(audioID string) Scenario {
	t := s.track(audioID)
	var scenario Scenario
	switch {
	case len(t.once) > 0:
		scenario, t.once = t.once[0], t.once[1:]
	case t.lasting != nil:
		t.calls++
		scenario = *t.lasting
		scenario.Submit = scenario.Submit.due(t.calls)
	default:
		t.calls++
		scenario = s.defaults
		scenario.Submit = scenario.Submit.due(t.calls)
	}
	scenario.Dialect = cmp.Or(scenario.Dialect, s.defaults.Dialect, DialectAuto)
	scenario.Delay = cmp.Or(scenario.Delay, s.defaults.Delay)
	return scenario
}

// late reports whether the answer is late, or never comes.
func (f Fault) late() bool { return f.Delay > 0 || f.Answer == AnswerHang }

// due is the fault as it applies to the nth call, counted from 1.
func (f Fault) due(n int) Fault {
	if f.Times > 0 && n > f.Times {
		return Fault{}
	}
	return f
}
