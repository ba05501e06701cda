package view

import (
	"io"

	"github.com/dustin/go-humanize"
)

// leastColumn is how narrow a clipped column may get.
const leastColumn = 6

// Heading heads a column of a [Table].
type Heading struct {
	Text string
	// IsFigure says that the column is aligned on the right, and never clipped.
	IsFigure bool
}

// Table prints rows below headings. In so many columns, the widest texts are clipped until the
// lines fit; [Whole] clips nothing.
func Table(w io.Writer, headings []Heading, rows [][]string, room int) {
	columns := make([]column, len(headings))
	top := make([]string, len(headings))
	for i, h := range headings {
		columns[i], top[i] = column{heading: h.Text, isFigure: h.IsFigure}, h.Text
	}
	all := [][]string{top}
	for _, row := range rows {
		printable := make([]string, len(row))
		for i, cell := range row {
			printable[i] = Printable(cell)
		}
		all = append(all, printable)
	}
	if room > 0 {
		clipToFit(all, columns, room-1)
	}
	printRows(w, columns, all)
}

// clipToFit clips the widest texts, column by column, until the table takes no more than room.
func clipToFit(rows [][]string, columns []column, room int) {
	widths := columnWidths(rows)
	total := tableWidth(rows)
	for total > room {
		widest := -1
		for i, width := range widths {
			if !columns[i].isFigure && width > leastColumn && (widest < 0 || width > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
		total--
	}
	for _, row := range rows {
		for i, cell := range row {
			row[i] = clip(cell, widths[i])
		}
	}
}

// Bytes is a number of bytes for a person.
func Bytes(n int64) string { return byteText(n) }

// PlayingTime is a duration of audio for a person.
func PlayingTime(seconds float64) string { return playingTime(seconds) }

// Plural is a number with its noun: "1 stem", "12 stems".
func Plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return humanize.Comma(int64(n)) + " " + noun
}
