package main

import (
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"stemflow"
	"stemflow/internal/program"
)

// settled says how a run learned that its separation was done, for a person.
var settled = map[stemflow.SettledBy]string{
	stemflow.SettledByCallback: "the callback told that it was done",
	stemflow.SettledByPoll:     "polling found that it was done",
	stemflow.SettledByResume:   "it was paid for before",
	stemflow.SettledByArchive:  "it was archived before and nothing was paid",
}

func (p *cli) printResult(in stemflow.SeparateStemsInput, result *stemflow.SeparateStemsResult, took time.Duration) {
	fmt.Fprintf(p.stdout, "Archived %s in %s: %s\n", title(in), clockTime(took), settled[result.SettledBy])
	p.printArchive(result)
}

// printArchive prints the table of stems, and where they are.
func (p *cli) printArchive(result *stemflow.SeparateStemsResult) {
	size, isTerminal := p.size()
	if !isTerminal {
		size = program.TerminalSize{}
	}
	fmt.Fprintln(p.stdout)
	stemTable(p.stdout, result.Stems, size.Columns)
	fmt.Fprintln(p.stdout)
	for _, stem := range result.Failed {
		fmt.Fprintf(p.stdout, "  not archived  %s: %s: %s\n", stem.Name, stem.Type, printable(stem.Message))
	}
	for _, stem := range result.Missing {
		fmt.Fprintf(p.stdout, "  missing       %s: %s\n", stem.Name, printable(stem.Reason))
	}
	if len(result.Empty) > 0 {
		fmt.Fprintf(p.stdout, "  not served    %s\n", strings.Join(result.Empty, ", "))
	}
	fmt.Fprintf(p.stdout, "  separation    %s\n", result.SeparationTaskID)
	fmt.Fprintf(p.stdout, "  bucket        %s\n", result.Manifest.Bucket)
	fmt.Fprintf(p.stdout, "  manifest      %s\n", result.Manifest.Key)
}

// shortHash is enough of a SHA-256 to compare by eye.
const shortHash = 12

// stemTable prints a row for each stem and the totals. Where the room, in columns, is too little
// for full keys, their folder stands once below; hashes are cut only where that is still too wide.
// No room means no limit.
func stemTable(w io.Writer, stems []stemflow.Stem, room int) {
	folder := commonFolder(stems)
	keepKey, keepHash := func(key string) string { return key }, func(hash string) string { return hash }
	cutKey := func(key string) string { return strings.TrimPrefix(key, folder) }
	cutHash := func(hash string) string { return clip(hash, shortHash+1) }

	rows := stemRows(stems, keepKey, keepHash)
	fits := func() bool { return room == 0 || tableWidth(rows) < room }
	if fits() {
		printRows(w, rows)
		return
	}
	if rows = stemRows(stems, cutKey, keepHash); !fits() {
		rows = stemRows(stems, cutKey, cutHash)
	}
	printRows(w, rows)
	if folder != "" {
		fmt.Fprintf(w, "\n  keys in       %s\n", folder)
	}
}

// commonFolder is the folder that all stems are in, with its slash; empty if there is none.
func commonFolder(stems []stemflow.Stem) string {
	if len(stems) == 0 {
		return ""
	}
	folder := path.Dir(stems[0].Key) + "/"
	for _, stem := range stems {
		if path.Dir(stem.Key)+"/" != folder {
			return ""
		}
	}
	return folder
}

// stemRows are the cells of the table: a heading, the stems, the totals.
func stemRows(stems []stemflow.Stem, key, hash func(string) string) [][]string {
	rows := [][]string{{"stem", "size", "duration", "key", "sha256"}}
	var bytes int64
	for _, stem := range stems {
		bytes += stem.Size
		rows = append(
			rows,
			[]string{
				stem.Name,
				byteText(stem.Size),
				playingTime(stem.DurationSeconds),
				key(stem.Key),
				hash(stem.SHA256),
			},
		)
	}
	noun := "stems"
	if len(stems) == 1 {
		noun = "stem"
	}
	return append(rows, []string{fmt.Sprintf("%d %s", len(stems), noun), byteText(bytes), "", "", ""})
}

const columnGap = 2

func columnWidths(rows [][]string) []int {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], columns(cell))
		}
	}
	return widths
}

func tableWidth(rows [][]string) int {
	total := 0
	for _, width := range columnWidths(rows) {
		total += columnGap + width
	}
	return total
}

func printRows(w io.Writer, rows [][]string) {
	widths := columnWidths(rows)
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			gap := strings.Repeat(" ", widths[i]-columns(cell))
			if isFigure := i == 1 || i == 2; isFigure {
				cell = gap + cell
			} else {
				cell += gap
			}
			b.WriteString(strings.Repeat(" ", columnGap) + cell)
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}
