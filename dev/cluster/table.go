package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"stemflow"
	"stemflow/dev/internal/proving"
)

// column is what a proof has found, on one server.
type column struct {
	server     server
	evidence   evidence
	violations []string
}

// proofTable is the table of docs/scaling.md.
func proofTable(columns []column) string {
	rows := []struct {
		what string
		cell func(evidence) string
	}{
		{"tracks by themselves, in a catalogue", func(e evidence) string {
			catalogued := 0
			for _, t := range e.tracks {
				if t.catalogued {
					catalogued++
				}
			}
			return fmt.Sprintf("%d, %d", len(e.tracks)-catalogued, catalogued)
		}},
		{"processes killed, frozen", func(e evidence) string {
			kills := 0
			for _, f := range e.faults {
				if f.what == killed {
					kills++
				}
			}
			return fmt.Sprintf("%d, %d", kills, len(e.faults)-kills)
		}},
		{"processes that ended by themselves", func(e evidence) string {
			return proving.Listed(e.restarted)
		}},
		{"archived", func(e evidence) string {
			n := 0
			for _, t := range e.tracks {
				if t.archived {
					n++
				}
			}
			return fmt.Sprint(n)
		}},
		{"charges", func(e evidence) string { return fmt.Sprint(len(e.bill.Charges)) }},
		{"submits that the provider cut", func(e evidence) string {
			n := 0
			for _, t := range e.tracks {
				if t.remedy != "" {
					n++
				}
			}
			return fmt.Sprint(n)
		}},
		{"unknown submits, of them resumed, forced", func(e evidence) string {
			unknown := e.count(func(end string) bool { return typeOf(end) == stemflow.ErrorSubmissionUnknown })
			with := func(name string) int {
				return e.count(func(end string) bool { return strings.HasPrefix(end, name+": ") })
			}
			return fmt.Sprintf("%d, %d, %d", unknown, with(resumed), with(forced))
		}},
		{"other runs that failed, and were started again", func(e evidence) string {
			failures := map[string]int{}
			for _, t := range e.tracks {
				for _, end := range t.ends {
					if name := typeOf(end); name != "archived" && name != stemflow.ErrorSubmissionUnknown {
						failures[name]++
					}
				}
			}
			return proving.Listed(failures)
		}},
		{"objects read back", func(e evidence) string {
			return fmt.Sprintf("%d, %.0f MB", e.objects, float64(e.bytes)/1e6)
		}},
		{"time", func(e evidence) string { return e.took.Round(time.Second).String() }},
		{"accepted a minute, from first to last", func(e evidence) string {
			return fmt.Sprintf("%.0f", perMinute(e.bill.Charges))
		}},
		{"most accepted within 10 s", func(e evidence) string {
			return fmt.Sprint(mostWithin(e.bill.Charges, providerWindow))
		}},
		{"refused by the provider as too many", func(e evidence) string {
			return fmt.Sprint(e.tooMany())
		}},
		{"a track waits for its turn", func(e evidence) string { return spread(e.stages.turn) }},
		{"the paid call", func(e evidence) string { return spread(e.stages.call) }},
		{"the provider is done until the run knows", func(e evidence) string { return spread(e.stages.known) }},
		{"archiving twelve stems", func(e evidence) string { return spread(e.stages.archived) }},
		{"a workflow task waits for a worker", func(e evidence) string { return spread(e.stages.workflowTask) }},
		{"an activity waits for a worker", func(e evidence) string { return spread(e.stages.activity) }},
	}
	var b strings.Builder
	b.WriteString("| |")
	for _, c := range columns {
		fmt.Fprintf(&b, " Temporal %s |", c.evidence.version)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(columns)) + "\n")
	for _, row := range rows {
		fmt.Fprintf(&b, "| %s |", row.what)
		for _, c := range columns {
			fmt.Fprintf(&b, " %s |", row.cell(c.evidence))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// faultTable lists the faults of one proof.
func faultTable(c column) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Temporal %s:\n\n", c.evidence.version)
	b.WriteString("| process | what | paid for by then | back after |\n|---|---|---:|---:|\n")
	for _, f := range c.evidence.faults {
		fmt.Fprintf(&b, "| %s | %s | %d | %.1f s |\n", f.process, f.what, f.paid, f.took.Seconds())
	}
	return b.String()
}

// spread is the median of times, what 95 of 100 stay below, and the longest.
func spread(times []time.Duration) string {
	if len(times) == 0 {
		return "none"
	}
	sorted := slices.Sorted(slices.Values(times))
	at := func(share float64) string {
		return short(sorted[min(int(share*float64(len(sorted))), len(sorted)-1)])
	}
	return fmt.Sprintf("%s, %s, %s", at(0.5), at(0.95), short(sorted[len(sorted)-1]))
}

// short is a time in a table.
func short(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	default:
		return d.Round(time.Second).String()
	}
}
