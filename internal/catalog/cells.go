package catalog

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// trackColumns are the columns of a report that say which track a row is about.
var trackColumns = []string{"taskId", "audioId", "type", "stemName", "title"}

// releasedColumns is how many columns reports had before they had titles.
const releasedColumns = 16

// ReportColumns are the columns of report.csv, before those of the list that say nothing to
// stemflow. A list of tracks may be such a report.
func ReportColumns() []string {
	return []string{
		"line", "taskId", "audioId", "type", "stemName", "status", "reason", "message", "separationTaskId", "settledBy",
		"credits", "joined", "stems", "bytes", "bucket", "manifest", "title",
	}
}

// Cell is a text as a cell of a CSV file that no spreadsheet takes for a formula: what begins like
// one has an apostrophe before it, which spreadsheets hide. So has what stands behind a semicolon,
// a tab or an end of a line in it: many take these for separators, too. Lists are read without it.
func Cell(text string) string {
	var b strings.Builder
	if needsApostrophe(text) {
		b.WriteByte('\'')
	}
	for i := range len(text) {
		if mayBeginCell(text, i) && isFormula(text[i:]) {
			b.WriteByte('\'')
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// textOf is the text of a cell as it is read: without white space around it, unless [Cell] has made
// it so.
func textOf(cell string) string {
	text, ok := strings.CutPrefix(cell, "'")
	if !ok || !needsApostrophe(text) {
		cell = strings.TrimSpace(cell)
		if text, ok = strings.CutPrefix(cell, "'"); !ok || !needsApostrophe(text) {
			text = cell
		}
	}
	var b strings.Builder
	for i := range len(text) {
		if mayBeginCell(text, i) && text[i] == '\'' && isFormula(text[i+1:]) {
			continue
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// needsApostrophe reports whether a text begins like a formula, or has white space around it, which
// would be lost. One more apostrophe goes before those that a text has itself, so that each cell is
// read as what it was.
func needsApostrophe(text string) bool {
	text = strings.TrimLeft(text, "'")
	return text != strings.TrimSpace(text) || beginsWithOperator(text)
}

// mayBeginCell reports whether some spreadsheet begins a cell with a byte within a text.
func mayBeginCell(text string, i int) bool { return i > 0 && isSeparator(rune(text[i-1])) }

func isSeparator(r rune) bool { return r == ';' || r == '\t' || r == '\r' || r == '\n' }

// isFormula reports whether a cell of this text is a formula where what spreadsheets may leave out
// is left out. Cell's own apostrophes do not count, as above.
func isFormula(text string) bool {
	return beginsWithOperator(strings.TrimLeftFunc(text, func(r rune) bool {
		return r == '\'' || r == '"' || unicode.IsSpace(r) && !isSeparator(r)
	}))
}

func beginsWithOperator(text string) bool {
	first, _ := utf8.DecodeRuneInString(text)
	return text != "" && strings.ContainsRune("=+-@＝＋－＠", first)
}
