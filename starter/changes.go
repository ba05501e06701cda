package main

import (
	"fmt"

	"stemflow"
)

// changes says what is new since the observation before, in lines for where no terminal is.
func changes(before, now observation) []string {
	var lines []string
	if text := phaseText(now); now.Progress != nil && (before.Progress == nil || text != phaseText(before)) {
		lines = append(lines, text)
	}
	if now.Trouble != "" && now.Trouble != before.Trouble {
		lines = append(lines, now.Trouble)
	}
	lines = append(lines, newFailures(before.Activities.failures(), now.Activities.failures())...)
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
func newFailures(before, now []failing) []string {
	var lines []string
	said := map[string]string{}
	for _, f := range before {
		said[f.What] = f.Message
	}
	for _, f := range now {
		if said[f.What] != f.Message {
			lines = append(lines, f.What+", "+f.text())
		}
	}
	return lines
}
