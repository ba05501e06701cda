package kiesim

// Knobs is the former name of [Scenario]. It stays because tests of programs that embed stemflow
// use it.
//
// Deprecated: use [Scenario].
type Knobs = Scenario

// SetKnobs is the former name of [Simulator.SetScenario].
//
// Deprecated: use [Simulator.SetScenario].
func (s *Simulator) SetKnobs(audioID string, scenario Scenario) { s.SetScenario(audioID, scenario) }

// QueueKnobs is the former name of [Simulator.QueueScenarios].
//
// Deprecated: use [Simulator.QueueScenarios].
func (s *Simulator) QueueKnobs(audioID string, scenarios ...Scenario) {
	s.QueueScenarios(audioID, scenarios...)
}
