package view

import (
	"fmt"
	"strings"
	"time"

	"stemflow"
	"stemflow/internal/program"
	"stemflow/starter/internal/observe"
)

// color is an ANSI colour; the zero value is the terminal's own.
type color string

const (
	green  color = "\x1b[32m"
	red    color = "\x1b[31m"
	yellow color = "\x1b[33m"
	cyan   color = "\x1b[36m"
	dim    color = "\x1b[2m"
	reset        = "\x1b[0m"
)

// span is a piece of a line in one colour.
type span struct {
	text  string
	color color
}

// line is one line of a display.
type line []span

// text is the line in at most so many columns, free of control characters except for its own
// colours.
func (l line) text(room int, colored bool) string {
	var b strings.Builder
	for _, s := range l {
		text := clip(Printable(s.text), room)
		room -= columns(text)
		if text == "" {
			continue
		}
		if colored && s.color != "" {
			b.WriteString(string(s.color) + text + reset)
		} else {
			b.WriteString(text)
		}
	}
	return strings.TrimRight(b.String(), " ")
}

var spinner = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

const (
	mostBar  = 30
	leastBar = 8
)

// Separation is the picture of a separation.
type Separation struct{}

// Frame implements [Picture].
func (Separation) Frame(o observe.Observation, started, now time.Time, canvas Canvas) []string {
	size := canvas.Size
	tick := tickAt(now)
	head := line{{tick, cyan}, {" " + clockTime(now.Sub(started)) + "  ", dim}, {phaseText(o), ""}}
	if count := phaseCount(o); count != "" {
		head = append(head, span{"  " + count, dim})
	}
	lines := []line{head}
	if o.Trouble != "" {
		lines = append(lines, line{{"  ! ", yellow}, {o.Trouble, ""}})
	}
	for _, f := range o.Activities.Failing {
		lines = append(lines, line{{"  ! ", yellow}, {failureText(f), ""}})
	}
	stems := stemLines(o, tick, size.Columns, false)
	if len(lines)+len(stems) > mostLines(size) { // what is done makes room first
		stems = stemLines(o, tick, size.Columns, true)
	}
	return fit(append(lines, stems...), canvas)
}

// tickAt is what turns to show that the display lives.
func tickAt(now time.Time) string {
	return string(spinner[now.UnixMilli()/SpinnerStep.Milliseconds()%int64(len(spinner))])
}

// mostLines is how many lines a display may have: one that is taller than the terminal could not be
// drawn over.
func mostLines(size program.TerminalSize) int { return max(size.Rows-2, 1) }

// fit makes the lines fit on the canvas.
func fit(lines []line, canvas Canvas) []string {
	if most := mostLines(canvas.Size); len(lines) > most {
		more := len(lines) - most + 1
		lines = append(lines[:most-1], line{{fmt.Sprintf("  … and %d more", more), dim}})
	}
	texts := make([]string, len(lines))
	for i, l := range lines {
		// The last column stays free: some terminals wrap as soon as it is written.
		texts[i] = l.text(canvas.Size.Columns-1, canvas.Colored)
	}
	return texts
}

// stemLines is a line for each stem; short leaves out those that are archived.
func stemLines(o observe.Observation, tick string, width int, short bool) []line {
	if o.Progress == nil || o.Progress.Phase == stemflow.PhaseDone || o.Progress.Phase == stemflow.PhaseCancelled {
		return nil
	}
	names := 0
	for _, stem := range o.Progress.Stems {
		names = max(names, columns(stem.Name))
	}
	names = min(names, 24)
	var lines []line
	for _, stem := range o.Progress.Stems {
		name := pad(clip(stem.Name, names), names) + "  "
		transfer, moving := o.Activities.Transfers[stem.Name]
		retry, failed := o.Activities.Retries[stem.Name]
		switch {
		case stem.State == stemflow.StemArchived && short:
		case stem.State == stemflow.StemArchived:
			lines = append(lines, line{{"  ✓ ", green}, {name, ""}, {fmt.Sprintf("%9s", byteText(stem.Size)), ""}})
		case stem.State == stemflow.StemFailed:
			lines = append(lines, line{{"  ✗ ", red}, {name, ""}, {"could not be archived", red}})
		case moving:
			l := line{{"  " + tick + " ", cyan}, {name, ""}}
			lines = append(lines, append(l, transferSpans(transfer, width-1-4-names-2)...))
		case failed:
			lines = append(lines, line{{"  ! ", yellow}, {name, ""}, {attemptText(retry), ""}})
		default:
			lines = append(lines, line{{"  · ", dim}, {name, dim}, {"waiting", dim}})
		}
	}
	return lines
}

// transferSpans shows a transfer in so many columns: the bytes, the rate, and a bar if there is
// room for one.
func transferSpans(t observe.Transfer, room int) []span {
	figures := fmt.Sprintf("%9s", byteText(t.Bytes))
	if t.Total > 0 {
		figures += " of " + byteText(t.Total)
	}
	if t.Rate > 0 {
		figures = pad(figures, 23) + fmt.Sprintf("%9s/s", byteText(int64(t.Rate)))
	}
	bar := min(room-36, mostBar)
	if t.Total <= 0 || bar < leastBar {
		return []span{{figures, ""}}
	}
	full := int(float64(bar) * max(0, min(float64(t.Bytes)/float64(t.Total), 1)))
	return []span{{strings.Repeat("█", full), cyan}, {strings.Repeat("░", bar-full), dim}, {" " + figures, ""}}
}
