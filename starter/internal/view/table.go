package view

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"stemflow"
)

// The room of a table in columns where no terminal says it.
const (
	// DefaultRoom is for a table that a person reads.
	DefaultRoom = 80
	// Whole clips nothing: it is for a table that a program may read.
	Whole = 0
)

const (
	columnGap = 2
	// shortHash is enough of a SHA-256 to compare by eye.
	shortHash = 12
	// narrowName is how much of a stem's name is left where nothing else makes a table fit.
	narrowName = 8
)

// stemTable prints a row for each stem and the totals, in lines that fit in so many columns. What
// is least missed goes first: the keys' common folder, which stands below once, most of the hashes,
// all of them, and at last the keys.
func stemTable(w io.Writer, stems []stemflow.Stem, room int) {
	folder := commonFolder(stems)
	columns := []column{nameColumn, sizeColumn, durationColumn, keyColumn, hashColumn}
	rows := stemRows(stems, columns)
	fits := func() bool { return tableWidth(rows) < room }
	if fits() {
		printRows(w, columns, rows)
		return
	}
	short := slices.Clone(columns)
	short[3].cell = func(s stemflow.Stem) string { return strings.TrimPrefix(s.Key, folder) }
	shorter := slices.Clone(short)
	shorter[4].cell = func(s stemflow.Stem) string { return clip(s.SHA256, shortHash+1) }
	withoutKeys := slices.Clone(shorter[:3])
	for _, columns = range [][]column{short, shorter, shorter[:4], withoutKeys} {
		if rows = stemRows(stems, columns); fits() {
			break
		}
	}
	if names := room - 1 - (tableWidth(rows) - columnWidths(rows)[0]); !fits() {
		for _, row := range rows {
			row[0] = clip(row[0], max(names, narrowName))
		}
	}
	printRows(w, columns, rows)
	switch {
	case folder != "":
		fmt.Fprintf(w, "\n  keys in       %s\n", Printable(folder))
	case len(columns) == len(withoutKeys) && len(stems) > 0:
		fmt.Fprintln(w)
		for _, stem := range stems {
			fmt.Fprintf(w, "  key           %s\n", Printable(stem.Key))
		}
	}
}

// column is a column of the table of stems.
type column struct {
	heading string
	// isFigure says that it is aligned on the right.
	isFigure bool
	cell     func(stemflow.Stem) string
}

var (
	nameColumn     = column{"stem", false, func(s stemflow.Stem) string { return s.Name }}
	sizeColumn     = column{"size", true, func(s stemflow.Stem) string { return byteText(s.Size) }}
	durationColumn = column{"duration", true, func(s stemflow.Stem) string { return playingTime(s.DurationSeconds) }}
	keyColumn      = column{"key", false, func(s stemflow.Stem) string { return s.Key }}
	hashColumn     = column{"sha256", false, func(s stemflow.Stem) string { return s.SHA256 }}
)

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

// stemRows are the cells of the table: the headings, the stems, the totals. What they hold comes
// from a manifest, which others may have written.
func stemRows(stems []stemflow.Stem, columns []column) [][]string {
	heading := make([]string, len(columns))
	for i, c := range columns {
		heading[i] = c.heading
	}
	rows := [][]string{heading}
	var bytes int64
	for _, stem := range stems {
		bytes += stem.Size
		row := make([]string, len(columns))
		for i, c := range columns {
			row[i] = Printable(c.cell(stem))
		}
		rows = append(rows, row)
	}
	noun := "stems"
	if len(stems) == 1 {
		noun = "stem"
	}
	totals := make([]string, len(columns))
	totals[0], totals[1] = fmt.Sprintf("%d %s", len(stems), noun), byteText(bytes)
	return append(rows, totals)
}

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

func printRows(w io.Writer, columns []column, rows [][]string) {
	widths := columnWidths(rows)
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(strings.Repeat(" ", columnGap))
			if columns[i].isFigure {
				b.WriteString(padLeft(cell, widths[i]))
			} else {
				b.WriteString(pad(cell, widths[i]))
			}
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}
