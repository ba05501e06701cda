package main

import (
	"fmt"

	"stemflow"
)

// changes tells what is new since the observation before, in lines for where no terminal is.
func changes(before, now observation) []string {
	var lines []string
	if text := phaseText(now); now.Progress != nil && (before.Progress == nil || text != phaseText(before)) {
		lines = append(lines, text)
	}
	if now.Trouble != "" && now.Trouble != before.Trouble {
		lines = append(lines, now.Trouble)
	}
	said := map[string]string{}
	for _, f := range before.Activities.failures() {
		said[f.What] = f.Message
	}
	for _, f := range now.Activities.failures() {
		if said[f.What] != f.Message {
			lines = append(lines, f.What+", "+f.text())
		}
	}
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
		switch {
		case stem.State == states[stem.Name]:
		case stem.State == stemflow.StemArchived:
			lines = append(lines, fmt.Sprintf("archived %s, %s", stem.Name, byteText(stem.Size)))
		case stem.State == stemflow.StemFailed:
			lines = append(lines, "could not archive "+stem.Name)
		}
	}
	return lines
}
