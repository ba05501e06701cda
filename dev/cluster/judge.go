package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"stemflow"
	"stemflow/kiesim"
)

const (
	// providerTakes new tasks within providerWindow; it refuses what is more.
	providerTakes  = 20
	providerWindow = 10 * time.Second
)

// evidence is all that a proof has seen.
type evidence struct {
	// version is the Temporal server's.
	version string
	tracks  []accounted
	bill    kiesim.Bill
	// faults are those that were made, of wanted ones.
	faults []fault
	wanted int
	took   time.Duration
	// objects and bytes were read back, and broken says what of it was not as it should be.
	objects int
	bytes   int64
	broken  []string
	// restarted counts the processes that ended although nobody had killed them, by name.
	restarted map[string]int
	stages    stages
}

// accounted is a track that has come to its end.
type accounted struct {
	audioID    string
	catalogued bool
	// remedy is what had to be done about it because its submit was cut on purpose, if it was.
	remedy   string
	ends     []string
	archived bool
}

// judge returns every promise that was not kept.
func judge(e evidence) []string {
	var violations []string
	report := func(format string, args ...any) { violations = append(violations, fmt.Sprintf(format, args...)) }
	charges := map[string]int{}
	for _, charge := range e.bill.Charges {
		charges[charge.AudioID]++
	}
	for _, t := range e.tracks {
		if !t.archived {
			report("the track %s is not archived: %s", t.audioID, strings.Join(t.ends, ", then "))
		}
		if n := charges[t.audioID]; n != 1 {
			report("the track %s was paid for %d times, and needed paying once: %s",
				t.audioID, n, strings.Join(t.ends, ", then "))
		}
		delete(charges, t.audioID)
		if t.remedy != "" && !slices.ContainsFunc(t.ends, func(end string) bool {
			return strings.HasPrefix(end, t.remedy+": ")
		}) {
			report("the submit of the track %s was cut, so it had to be %s, and it was not: %s",
				t.audioID, t.remedy, strings.Join(t.ends, ", then "))
		}
	}
	for _, charge := range e.bill.Charges {
		if charges[charge.AudioID] > 0 {
			report("something was paid for that nobody asked for: the track %s", charge.AudioID)
			delete(charges, charge.AudioID)
		}
	}
	paid := 0.0
	for _, charge := range e.bill.Charges {
		paid += charge.Credits
	}
	if spent := credits - e.bill.Balance; spent != paid {
		report("the account is %v credits poorer, and the charges are %v", spent, paid)
	}
	if needed := float64(len(e.tracks) * stemflow.Price(kind)); paid != needed {
		report("the bill is %v credits, and the tracks needed %v", paid, needed)
	}
	if len(e.bill.Refunds) > 0 {
		report("the provider gave %d tracks back, none of which had failed", len(e.bill.Refunds))
	}
	if n := mostWithin(e.bill.Charges, providerWindow); n > providerTakes {
		report("%d submits were accepted within %v: the provider takes %d", n, providerWindow, providerTakes)
	}
	for _, broken := range e.broken {
		report("%s", broken)
	}
	if len(e.faults) < e.wanted {
		report("%d of %d faults were made before all tracks were done: give more -tracks", len(e.faults), e.wanted)
	}
	return violations
}

// mostWithin is the most charges in any window of a length.
func mostWithin(charges []kiesim.Charge, window time.Duration) int {
	at := make([]time.Time, len(charges))
	for i, charge := range charges {
		at[i] = charge.At
	}
	slices.SortFunc(at, time.Time.Compare)
	most, first := 0, 0
	for i := range at {
		for at[i].Sub(at[first]) >= window {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// perMinute is how fast charges came, from the first to the last.
func perMinute(charges []kiesim.Charge) float64 {
	if len(charges) < 2 {
		return 0
	}
	first, last := charges[0].At, charges[0].At
	for _, charge := range charges {
		if charge.At.Before(first) {
			first = charge.At
		}
		if charge.At.After(last) {
			last = charge.At
		}
	}
	return float64(len(charges)-1) / last.Sub(first).Minutes()
}

// tooMany is how many submits the provider refused because there were too many: those that it took
// no notice of were not refused.
func (e evidence) tooMany() int {
	refused := e.bill.Requests["generate"] - len(e.bill.Charges)
	for _, t := range e.tracks {
		if t.remedy == forced {
			refused--
		}
	}
	return refused
}

// count is how many tracks have an end that fits.
func (e evidence) count(fits func(end string) bool) int {
	n := 0
	for _, t := range e.tracks {
		if slices.ContainsFunc(t.ends, fits) {
			n++
		}
	}
	return n
}
