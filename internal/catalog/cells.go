package catalog

import "strings"

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
// one has an apostrophe before it, which spreadsheets hide. Lists are read without it.
func Cell(text string) string {
	if needsApostrophe(text) {
		return "'" + text
	}
	return text
}

// textOf is the text of a cell as it is read: without white space around it, unless [Cell] has made
// it so.
func textOf(cell string) string {
	if text, ok := strings.CutPrefix(cell, "'"); ok && needsApostrophe(text) {
		return text
	}
	cell = strings.TrimSpace(cell)
	if text, ok := strings.CutPrefix(cell, "'"); ok && needsApostrophe(text) {
		return text
	}
	return cell
}

// needsApostrophe reports whether a text begins like a formula, or has white space around it, which
// would be lost. One more apostrophe goes before those that a text has itself, so that each cell is
// read as what it was.
func needsApostrophe(text string) bool {
	text = strings.TrimLeft(text, "'")
	return text != strings.TrimSpace(text) || text != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(text)[0])
}
