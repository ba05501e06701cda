package view

import (
	"cmp"
	"fmt"
	"io"

	"github.com/dustin/go-humanize"

	"stemflow"
)

// Columns of the table of outcomes.
const (
	lineColumns   = 7
	statusColumns = 9
	creditColumns = 7
	sizeColumns   = 9
	// mostTrack and leastTrack bound the column with the tracks.
	mostTrack  = 36
	leastTrack = 12
	// roomForSizes is from how many columns on a table has sizes.
	roomForSizes = 110
)

// OutcomeTable prints outcomes as a table whose rows fit in so many columns, one after the other.
type OutcomeTable struct {
	w           io.Writer
	room, track int
	sizes       bool
}

// NewOutcomeTable prints the heading.
func NewOutcomeTable(w io.Writer, room int) *OutcomeTable {
	t := &OutcomeTable{w: w, room: room}
	t.sizes = room >= roomForSizes
	fixed := lineColumns + statusColumns + creditColumns + 5*columnGap
	if t.sizes {
		fixed += sizeColumns + columnGap
	}
	t.track = max(leastTrack, min(mostTrack, (room-1-fixed)/3))
	t.row("line", "track", "status", "credits", "size", "reason")
	return t
}

func (t *OutcomeTable) row(line, track, status, credits, size, why string) {
	text := "  " + padLeft(line, lineColumns) + "  " + pad(clip(track, t.track), t.track) +
		"  " + pad(status, statusColumns) + "  " + padLeft(credits, creditColumns)
	if t.sizes {
		text += "  " + padLeft(size, sizeColumns)
	}
	if why != "" {
		text += "  " + why
	}
	fmt.Fprintln(t.w, clip(text, max(t.room-1, 1)))
}

// Row prints an outcome.
func (t *OutcomeTable) Row(o stemflow.TrackOutcome) {
	why := o.Reason
	if o.Message != "" {
		if why != "" {
			why += ": "
		}
		why += o.Message
	}
	size := ""
	if o.Bytes > 0 {
		size = byteText(o.Bytes)
	}
	t.row(humanize.Comma(int64(o.Line)), Printable(trackText(o)), string(o.Status),
		humanize.Comma(int64(o.Credits)), size, OneLine(why))
}

// FailureGroup are failures that have the same reason, and what to do about them.
type FailureGroup struct {
	Reason, Remedy string
	Outcomes       []stemflow.TrackOutcome
}

// GroupFailures groups failures by their reasons, in the order in which those come first.
func GroupFailures(failures []stemflow.TrackOutcome, remedy func(reason string) string) []FailureGroup {
	var groups []FailureGroup
	at := map[string]int{}
	for _, o := range failures {
		i, known := at[o.Reason]
		if !known {
			i = len(groups)
			at[o.Reason] = i
			groups = append(groups, FailureGroup{Reason: o.Reason, Remedy: remedy(o.Reason)})
		}
		groups[i].Outcomes = append(groups[i].Outcomes, o)
	}
	return groups
}

// Failures prints groups of failures, each with what to do about it.
func Failures(w io.Writer, groups []FailureGroup, room int) {
	for _, g := range groups {
		fmt.Fprintf(w, "\n  %s\n", Printable(cmp.Or(g.Reason, "no reason is known")))
		for _, o := range g.Outcomes {
			text := fmt.Sprintf("    line %s, %s: %s",
				humanize.Comma(int64(o.Line)), Printable(trackText(o)), OneLine(o.Message))
			fmt.Fprintln(w, clip(text, max(room-1, 1)))
		}
		if g.Remedy != "" {
			fmt.Fprintf(w, "    → %s\n", OneLine(g.Remedy))
		}
	}
}
