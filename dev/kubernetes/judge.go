//go:build linux

package main

import (
	"fmt"
	"strings"
	"time"

	"stemflow"
	"stemflow/dev/internal/proving"
	"stemflow/kiesim"
)

// archived is how a track ends.
const archived = "archived"

// evidence is all that a proof has seen.
type evidence struct {
	versions string
	claims   []claim
	tracks   []accounted
	bill     kiesim.Bill
	// restarts are those of containers, by pod, and bridges the callbacks that each has brought.
	restarts, bridges map[string]int
	took              time.Duration
}

// claim is something that was done while so many tracks were under way, and what was seen of it.
type claim struct {
	did      string
	underWay int
	saw      string
	// broken says what was not as promised.
	broken string
	took   time.Duration
}

// accounted is a track that has come to its end, with so many of its stems in the store.
type accounted struct {
	audioID, ended string
	stems          int
}

// judge returns every promise that was not kept.
func judge(e evidence) []string {
	var violations []string
	report := func(format string, args ...any) { violations = append(violations, fmt.Sprintf(format, args...)) }
	for _, c := range e.claims {
		if c.broken != "" {
			report("%s: %s", c.did, c.broken)
		}
	}
	charges := map[string]int{}
	for _, charge := range e.bill.Charges {
		charges[charge.AudioID]++
	}
	for _, t := range e.tracks {
		if t.ended != archived {
			report("the track %s is not archived: %s", t.audioID, t.ended)
		} else if want := len(stemflow.ExpectedStems(kind, "")); t.stems != want {
			report("the track %s has %d stems in the store, and should have %d", t.audioID, t.stems, want)
		}
		if n := charges[t.audioID]; n != 1 {
			report("the track %s was paid for %d times", t.audioID, n)
		}
	}
	if len(e.bill.Charges) != len(e.tracks) {
		report("there are %d charges for %d tracks", len(e.bill.Charges), len(e.tracks))
	}
	if len(e.tracks) < leastTracks {
		report("there were %d tracks, and at least %d are needed", len(e.tracks), leastTracks)
	}
	if len(e.restarts) > 0 {
		report("containers were restarted: %s", proving.Listed(e.restarts))
	}
	// Each of two must have had some; the rest took the places of those that went.
	if len(e.bridges) < 2 {
		report("callbacks reached %d bridges: %s", len(e.bridges), proving.Listed(e.bridges))
	}
	return violations
}

// lost are the tracks that are not archived.
func (e evidence) lost() int {
	n := 0
	for _, t := range e.tracks {
		if t.ended != archived {
			n++
		}
	}
	return n
}

// twice are the tracks that were paid for more than once.
func (e evidence) twice() int {
	charges, n := map[string]int{}, 0
	for _, charge := range e.bill.Charges {
		if charges[charge.AudioID]++; charges[charge.AudioID] == 2 {
			n++
		}
	}
	return n
}

// table is the one of the documentation.
func table(e evidence) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:\n\n", e.versions)
	b.WriteString("| what was done | runs under way | what was seen | after |\n|---|---:|---|---:|\n")
	for _, c := range e.claims {
		saw := c.saw
		if c.broken != "" {
			saw = "NOT AS PROMISED: " + c.broken
		}
		fmt.Fprintf(
			&b,
			"| %s | %d | %s | %.0f s |\n",
			c.did,
			c.underWay,
			strings.ReplaceAll(saw, "\n", " "),
			c.took.Seconds(),
		)
	}
	b.WriteString("\n| | |\n|---|---|\n")
	callbacks := 0
	for _, n := range e.bridges {
		callbacks += n
	}
	for _, row := range [][2]string{
		{"runs", fmt.Sprint(len(e.tracks))},
		{"runs lost", fmt.Sprint(e.lost())},
		{"charges", fmt.Sprint(len(e.bill.Charges))},
		{"charged twice", fmt.Sprint(e.twice())},
		{"containers restarted", proving.Listed(e.restarts)},
		{"callbacks signalled, by so many bridges", fmt.Sprintf("%d, %d", callbacks, len(e.bridges))},
		{"time", e.took.Round(time.Second).String()},
	} {
		fmt.Fprintf(&b, "| %s | %s |\n", row[0], row[1])
	}
	return b.String()
}
