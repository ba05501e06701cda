package doctor

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"stemflow/starter/internal/view"
)

// Printer prints results for a person.
type Printer struct {
	W io.Writer
	// Room is how many columns a line may take.
	Room    int
	Colored bool
	// Quiet leaves out what is well, or has nothing to look at.
	Quiet bool
}

const (
	statusWidth = 9
	nameWidth   = 20
	indent      = statusWidth + nameWidth
	// narrow is how much room a text has at least, on a terminal that is narrower.
	narrow = 30
)

var colors = map[Status]string{OK: "\x1b[32m", Warning: "\x1b[33m", Failed: "\x1b[31m", Skipped: "\x1b[2m"}

// Print prints a result: a line that says how the check ended, what is wrong, and what to do about
// each.
func (p Printer) Print(r Result) {
	if p.Quiet && r.Status < Warning {
		return
	}
	status := fmt.Sprintf("%-*s", statusWidth, r.Status)
	if p.Colored {
		status = colors[r.Status] + status + "\x1b[0m"
	}
	head := status + fmt.Sprintf("%-*s", nameWidth, r.Name)
	line := func(text, first string) {
		for i, part := range wrap(view.OneLine(text), max(p.Room-indent-len(first), narrow)) {
			if i > 0 {
				first = strings.Repeat(" ", len(first))
			}
			fmt.Fprintf(p.W, "%s%s%s\n", head, first, part)
			head = strings.Repeat(" ", indent)
		}
	}
	if r.Summary != "" {
		line(r.Summary, "")
	}
	for _, f := range r.Findings {
		line(f.Problem, "")
		line(f.Remedy, "-> ")
	}
	if p.Quiet {
		return
	}
	for _, fact := range r.Facts {
		line(fact, "  ")
	}
}

// Totals prints how many checks ended how.
func (p Printer) Totals(results []Result) {
	count := map[Status]int{}
	for _, r := range results {
		count[r.Status]++
	}
	fmt.Fprintf(p.W, "%d ok, %d failed, %s, %d skipped\n", count[OK], count[Failed],
		view.Plural(count[Warning], "warning"), count[Skipped])
}

// wrap breaks a text between words into lines of so many columns, where that can be done.
func wrap(text string, columns int) []string {
	var lines []string
	line, width := "", 0
	for word := range strings.FieldsSeq(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case line == "":
			line, width = word, n
		case width+1+n > columns:
			lines = append(lines, line)
			line, width = word, n
		default:
			line, width = line+" "+word, width+1+n
		}
	}
	return append(lines, line)
}
