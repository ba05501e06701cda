package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"stemflow"
	"stemflow/internal/activityapi"
)

// separators are those of CSV files, the most likely first. Spreadsheets write semicolons where the
// comma is in numbers.
const separators = ",;\t"

// header is the first row of a CSV file: what each column is.
type header []headerColumn

// headerColumn is a field of a track, or a column that is kept for the report, by its name. Without
// either the column must be empty.
type headerColumn struct {
	field stemflow.InputField
	kept  string
	// ignored says that it is about what became of the track before.
	ignored bool
}

// separatorOf is the separator of a CSV file that begins with head: the one that makes the required
// columns of its first row. skip is how many bytes a first line takes that only names it, as some
// spreadsheets write.
func separatorOf(head string) (separator rune, skip int) {
	first, _, _ := strings.Cut(head, "\n")
	if name := strings.TrimSuffix(strings.ToLower(first), "\r"); len(name) == len("sep=;") &&
		strings.HasPrefix(name, "sep=") && strings.Contains(separators, name[4:]) {
		return rune(name[4]), len(first) + 1
	}
	first, _, _ = strings.Cut(strings.TrimLeft(head, "\r\n"), "\n")
	best, most := ',', -1
	for _, candidate := range separators {
		count := 0
		for name := range strings.SplitSeq(first, string(candidate)) {
			if field, ok := fieldOf(strings.Trim(strings.TrimSpace(name), `"`)); ok && isRequired(field.Name) {
				count++
			}
		}
		if count > most {
			best, most = candidate, count
		}
	}
	return best, 0
}

func isRequired(name string) bool { return name == "taskId" || name == "audioId" }

// plainName is a column's name without what people spell differently: "Task ID" and "task_id" are
// taskid.
func plainName(name string) string { return strings.ToLower(spelling.Replace(name)) }

var spelling = strings.NewReplacer(" ", "", "_", "", "-", "", ".", "")

// fields are those of a track by their plain names.
var fields = func() map[string]stemflow.InputField {
	fields := map[string]stemflow.InputField{}
	for _, field := range stemflow.InputFields() {
		fields[plainName(field.Name)] = field
	}
	return fields
}()

// fieldOf finds the field that a column is, however its name is spelt.
func fieldOf(name string) (field stemflow.InputField, ok bool) {
	field, ok = fields[plainName(name)]
	return field, ok
}

// columnOf is the column that has a field, 0 for none.
func (h header) columnOf(field string) int {
	return 1 + slices.IndexFunc(h, func(c headerColumn) bool { return field != "" && c.field.Name == field })
}

// readHeader demands the columns that name a track, and each column once. A column that no field
// has is kept for the report, unless its name looks like a misspelt field: that would change what
// is paid for. Of a report, what it says of the tracks is taken, and what became of them is left
// out.
func readHeader(row []string, line int) (header, error) {
	columns := make(header, len(row))
	ended := 0 // how many columns are a report's own
	for _, own := range [][]string{ReportColumns(), ReportColumns()[:releasedColumns]} {
		if len(row) >= len(own) && slices.Equal(row[:len(own)], own) {
			ended = len(own)
			break
		}
	}
	first := map[string]int{} // of each plain name
	for i, name := range row {
		switch {
		case i < ended && !slices.Contains(trackColumns, name):
			columns[i].ignored = true
			continue
		case name == "":
			continue
		}
		plain := plainName(name)
		if before, again := first[plain]; again {
			problem := fmt.Sprintf("has the name of column %d again, rename one of them", before+1)
			return nil, &unreadable{line, problem, i + 1}
		}
		first[plain] = i
		if field, ok := fields[plain]; ok {
			columns[i].field = field
			continue
		}
		if meant := misspelt(name); meant != "" {
			return nil, &unreadable{line, fmt.Sprintf(
				"the name is like %s and is not: write %s, or another name to keep the column for the report",
				meant, meant), i + 1}
		}
		columns[i].kept = name
	}
	for _, required := range []string{"taskId", "audioId"} {
		if columns.columnOf(required) == 0 && columns.columnOf("audioUrl") == 0 {
			return nil, &unreadable{line: line, problem: "the first row names the columns, and has no " + required +
				": begin the list with a row like taskId,audioId,type, or audioUrl,type for songs of your own"}
		}
	}
	return columns, nil
}

// misspelt is the field that a name which is none is a letter away from. A title changes nothing.
func misspelt(name string) string {
	for _, spelled := range []string{name, plainName(name)} {
		wrong, ok := errors.AsType[*stemflow.InputError](lookupError(spelled))
		if !ok {
			continue
		}
		_, meant, found := strings.Cut(wrong.Problems[0].Message, "did you mean ")
		if meant = strings.TrimSuffix(meant, "?"); found && meant != "title" && len(name)+1 >= len(meant) {
			return meant
		}
	}
	return ""
}

func lookupError(name string) error {
	_, err := stemflow.LookupInputField(name)
	return err
}

// maxTrackColumns bounds what is kept of a row for the report, in bytes.
const maxTrackColumns = 8 << 10

// keptOf are the columns of a row that are for the report alone; or what is wrong, and in which
// column.
func (h header) keptOf(row []string) (columns []activityapi.CatalogColumn, column int, problem string) {
	size := 0
	for i, c := range h {
		switch {
		case c.ignored:
		case c.kept != "":
			columns = append(columns, activityapi.CatalogColumn{Name: c.kept, Value: row[i]})
			size += len(c.kept) + len(row[i])
		case c.field.Name == "" && row[i] != "":
			return nil, i + 1, "is a cell in a column that the first row does not name"
		}
	}
	if size > maxTrackColumns {
		return nil, 0, fmt.Sprintf("has columns of more than %d bytes that are only for the report, leave some out",
			maxTrackColumns)
	}
	return columns, 0, ""
}
