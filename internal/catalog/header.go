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
func plainName(name string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", "_", "", "-", "", ".", "").Replace(name))
}

// fieldOf finds the field that a column is, however its name is spelt.
func fieldOf(name string) (stemflow.InputField, bool) {
	plain := plainName(name)
	for _, field := range stemflow.InputFields() {
		if plainName(field.Name) == plain {
			return field, true
		}
	}
	return stemflow.InputField{}, false
}

// readHeader demands the columns of a track's ids, and each column once. A column that no field has
// is kept for the report, unless its name looks like a misspelt field: that would change what is
// paid for.
func readHeader(row []string, line int) (header, error) {
	columns := make(header, len(row))
	for i, name := range row {
		if name == "" {
			continue
		}
		field, ok := fieldOf(name)
		if first := slices.IndexFunc(columns[:i], func(c headerColumn) bool {
			return ok && c.field.Name == field.Name || !ok && c.kept != "" && plainName(c.kept) == plainName(name)
		}); first >= 0 {
			return nil, &unreadable{line, fmt.Sprintf(
				"column %d has the name of column %d again, rename one of them", i+1, first+1)}
		}
		if ok {
			columns[i].field = field
			continue
		}
		if meant := misspelt(name); meant != "" {
			return nil, &unreadable{line, fmt.Sprintf(
				"the name of column %d is like %s and is not: write %s, or rename it to keep it for the report",
				i+1, meant, meant)}
		}
		columns[i].kept = name
	}
	for _, required := range []string{"taskId", "audioId"} {
		if !slices.ContainsFunc(columns, func(c headerColumn) bool { return c.field.Name == required }) {
			return nil, &unreadable{line, "the first row names the columns, and has no " + required}
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

// keptOf are the columns of a row that are for the report alone. The error says what is wrong.
func (h header) keptOf(row []string) (columns []activityapi.CatalogColumn, problem string) {
	size := 0
	for i, c := range h {
		switch {
		case c.kept != "":
			columns = append(columns, activityapi.CatalogColumn{Name: c.kept, Value: row[i]})
			size += len(c.kept) + len(row[i])
		case c.field.Name == "" && row[i] != "":
			return nil, fmt.Sprintf("has a cell in column %d, which the first row does not name", i+1)
		}
	}
	if size > maxTrackColumns {
		return nil, fmt.Sprintf("has columns of more than %d bytes that are only for the report, leave some out",
			maxTrackColumns)
	}
	return columns, ""
}
