package catalog

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"stemflow"
)

// maxLine bounds a line, and with it the memory, in bytes. A track takes some hundreds.
const maxLine = 64 << 10

// byteOrderMark is what some editors put before UTF-8.
const byteOrderMark = "\ufeff"

// read reads a list in either format. It distinguishes them by the first character, whatever the
// object is called.
func (c *check) read(r io.Reader, in stemflow.SeparateCatalogInput) error {
	input := bufio.NewReaderSize(r, maxLine)
	if mark, err := input.Peek(len(byteOrderMark)); err == nil && string(mark) == byteOrderMark {
		_, _ = input.Discard(len(mark)) // they are in the buffer
	}
	head, err := input.Peek(1)
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	case head[0] == 0xff || head[0] == 0xfe:
		return &unreadable{line: 1, problem: "is UTF-16, save the list as UTF-8"}
	case strings.ContainsRune("{[ \t\r\n", rune(head[0])):
		return c.readJSON(input, in)
	default:
		return c.readCSV(input, in)
	}
}

// readJSON reads a JSON object from each line. Empty lines do not matter.
func (c *check) readJSON(input *bufio.Reader, in stemflow.SeparateCatalogInput) error {
	for line := 1; ; line++ {
		text, err := input.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			c.reportLine(line, fmt.Sprintf("is longer than %d bytes, write one track in each line", maxLine))
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = input.ReadSlice('\n')
			}
			text = nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		indent := len(text) - len(bytes.TrimLeft(text, " \t"))
		if text = bytes.TrimSpace(text); len(text) > 0 {
			if c.tracks == 0 && text[0] == '[' {
				return &unreadable{line: line, problem: "begins a JSON list, write an object in each line, with " +
					"neither brackets around nor commas between them"}
			}
			columnOf := func(field string) int {
				if at := offsetOf(text, field); at >= 0 {
					return indent + at + 1
				}
				return 0
			}
			if err := c.track(line, in.Track(text), columnOf); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
	}
}

// offsetOf is where a member of a JSON object begins, or, without a name, where a text stops being
// one; -1 for nowhere.
func offsetOf(text []byte, name string) int {
	if name == "" {
		var whole map[string]json.RawMessage
		if syntax, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(text, &whole)); ok {
			return max(int(syntax.Offset)-1, 0)
		}
		return -1
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if _, err := decoder.Token(); err != nil {
		return -1
	}
	for decoder.More() {
		after := decoder.InputOffset()
		key, err := decoder.Token()
		if err != nil {
			return -1
		}
		if key == name {
			return int(after) + bytes.IndexByte(text[after:], '"')
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return -1
		}
	}
	return -1
}

// readCSV reads a track from each row, by the names in the first. Empty cells and rows do not
// matter.
func (c *check) readCSV(input io.Reader, in stemflow.SeparateCatalogInput) error {
	limited := &limiter{r: input}
	rows := csv.NewReader(limited)
	rows.FieldsPerRecord = -1 // each row is checked here, so that its error says what a person can do
	rows.TrimLeadingSpace = true
	rows.ReuseRecord = true
	var header []stemflow.InputField
	for {
		limited.left = maxLine
		row, err := rows.Read()
		var malformed *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errLongRow):
			line := 1
			if header != nil {
				line = limited.line + 1
			}
			return &unreadable{line: line, problem: fmt.Sprintf(
				"begins a row of more than %d bytes: a quotation mark may be left open", maxLine)}
		case errors.As(err, &malformed):
			c.reportAt(
				malformed.StartLine,
				columnIn(malformed),
				fmt.Sprintf(
					"is no row of a CSV file (%v), put quotation marks around a cell that contains some, and "+
						"double them",
					malformed.Err,
				),
			)
			if header == nil {
				return nil
			}
			continue
		case err != nil:
			return err
		}
		line, _ := rows.FieldPos(0)
		limited.line = line
		for i := range row {
			row[i] = textOf(row[i])
		}
		switch {
		case header == nil:
			if header, err = readHeader(row, line); err != nil {
				return err
			}
		case !slices.ContainsFunc(row, func(cell string) bool { return cell != "" }):
		case len(row) != len(header):
			c.tracks++
			c.reportLine(line, fmt.Sprintf("has %d cells, and the first row names %d", len(row), len(header)))
		default:
			columnOf := func(name string) int {
				return 1 + slices.IndexFunc(header, func(f stemflow.InputField) bool {
					return name != "" && f.Name == name
				})
			}
			if err := c.track(line, in.Track(object(header, row)), columnOf); err != nil {
				return err
			}
		}
	}
}

// columnIn is the column of an error in the line of which the error is reported, in bytes.
func columnIn(malformed *csv.ParseError) int {
	if malformed.Line != malformed.StartLine {
		return 0
	}
	return malformed.Column
}

// readHeader demands the names of fields, each once. The header of a report does too: what it says
// of the tracks is taken, and what became of them is left out.
func readHeader(row []string, line int) ([]stemflow.InputField, error) {
	for _, separator := range []string{";", "\t"} {
		if len(row) == 1 && strings.Contains(row[0], separator) {
			return nil, &unreadable{
				line: line, problem: fmt.Sprintf("separates the columns by %q, separate them by commas", separator),
			}
		}
	}
	header := make([]stemflow.InputField, len(row))
	if slices.Equal(row, ReportColumns()) {
		for i, name := range row {
			if slices.Contains(trackColumns, name) {
				header[i], _ = stemflow.LookupInputField(name) // they are fields
			}
		}
		return header, nil
	}
	for i, name := range row {
		if first := slices.Index(row[:i], name); first >= 0 {
			return nil, &unreadable{line, fmt.Sprintf("has the name of column %d again", first+1), i + 1}
		}
		field, err := stemflow.LookupInputField(name)
		if wrong, ok := errors.AsType[*stemflow.InputError](err); ok {
			return nil, &unreadable{line, "the first row names the columns: " + wrong.Problems[0].Message, i + 1}
		}
		header[i] = field
	}
	for _, required := range []string{"taskId", "audioId"} {
		if !slices.Contains(row, required) {
			return nil, &unreadable{line: line, problem: "the first row names the columns, and has no " + required}
		}
	}
	return header, nil
}

// object is a row as JSON.
func object(header []stemflow.InputField, row []string) []byte {
	values := map[string]any{}
	for i, cell := range row {
		yes, no := strings.EqualFold(cell, "true"), strings.EqualFold(cell, "false")
		switch field := header[i]; {
		case cell == "" || field.Name == "":
		case field.Bool && (yes || no):
			values[field.Name] = yes
		default:
			values[field.Name] = cell
		}
	}
	return encode(values)
}

// encode encodes what cannot fail to be.
func encode(v any) []byte {
	data, _ := json.Marshal(v)
	return data
}

// limiter bounds how much is read for one row.
type limiter struct {
	r    io.Reader
	left int
	// line is of the row before.
	line int
}

var errLongRow = errors.New("the row is too long")

func (l *limiter) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errLongRow
	}
	n, err := l.r.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}
