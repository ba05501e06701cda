package view

import (
	"fmt"

	"stemflow"
	"stemflow/starter/internal/observe"
)

// Changes implements [Picture]. The phase is also said when a trouble is over: it is what goes on.
func (Separation) Changes(before, now observe.Observation) []string {
	var lines []string
	over := before.Trouble != "" && now.Trouble == ""
	if text := phaseText(now); now.Progress != nil && (before.Progress == nil || over || text != phaseText(before)) {
		lines = append(lines, text)
	}
	if now.Trouble != "" && now.Trouble != before.Trouble {
		lines = append(lines, now.Trouble)
	}
	lines = append(lines, newFailures(before.Activities.Failures(), now.Activities.Failures())...)
	if now.Progress == nil {
		return lines
	}
	states := map[string]stemflow.StemState{}
	if before.Progress != nil {
		for _, stem := range before.Progress.Stems {
			states[stem.Name] = stem.State
		}
	}
	for _, stem := range now.Progress.Stems {
		switch stem.State {
		case states[stem.Name]:
		case stemflow.StemArchived:
			lines = append(lines, fmt.Sprintf("archived %s, %s", stem.Name, byteText(stem.Size)))
		case stemflow.StemFailed:
			lines = append(lines, "could not archive "+stem.Name)
		}
	}
	return lines
}

// newFailures are those activities that fail now and did not before, or not for this.
func newFailures(before, now []observe.Failing) []string {
	var lines []string
	said := map[string]string{}
	for _, f := range before {
		said[f.What] = f.Message
	}
	for _, f := range now {
		if said[f.What] != f.Message {
			lines = append(lines, failureText(f))
		}
	}
	return lines
}

// failureText says what an activity does, and why its last attempt failed.
func failureText(f observe.Failing) string { return f.What + ", " + attemptText(f) }

func attemptText(f observe.Failing) string {
	return fmt.Sprintf("attempt %d: %s", f.Attempt, f.Message)
}
