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
	head, err := input.Peek(maxLine)
	begins := bytes.TrimLeft(head, " \t\r\n")
	switch {
	case len(head) == 0 && errors.Is(err, io.EOF):
		return nil
	case len(head) == 0:
		return err
	case head[0] == 0xff || head[0] == 0xfe:
		return &unreadable{line: 1, problem: "is UTF-16, save the list as UTF-8"}
	case len(begins) == 0 || begins[0] == '{' || begins[0] == '[':
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
			if err := c.track(line, in.Track(text), nil, columnOf); err != nil {
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
func (c *check) readCSV(input *bufio.Reader, in stemflow.SeparateCatalogInput) error {
	head, _ := input.Peek(maxLine) // what cannot be read is told by the reading
	separator, skip := separatorOf(string(head))
	_, _ = input.Discard(skip)
	above := min(skip, 1) // lines that are skipped
	limited := &limiter{r: input}
	rows := csv.NewReader(limited)
	rows.FieldsPerRecord = -1 // each row is checked here, so that its error says what a person can do
	rows.Comma = separator
	rows.TrimLeadingSpace = separator != '\t'
	rows.ReuseRecord = true
	var columns header
	for {
		limited.left = maxLine
		row, err := rows.Read()
		var malformed *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errLongRow):
			line := 1 + above
			if columns != nil {
				line = limited.line + 1
			}
			return &unreadable{line: line, problem: fmt.Sprintf(
				"begins a row of more than %d bytes: a quotation mark may be left open", maxLine)}
		case errors.As(err, &malformed):
			c.reportAt(
				malformed.StartLine+above,
				columnIn(malformed),
				fmt.Sprintf(
					"is no row of a CSV file (%v), put quotation marks around a cell that contains some, and "+
						"double them",
					malformed.Err,
				),
			)
			if columns == nil {
				return nil
			}
			continue
		case err != nil:
			return err
		}
		line, _ := rows.FieldPos(0)
		line += above
		limited.line = line
		for i := range row {
			row[i] = textOf(row[i])
		}
		for len(row) > len(columns) && columns != nil && row[len(row)-1] == "" {
			row = row[:len(row)-1] // spreadsheets write cells that nobody has filled
		}
		switch {
		case columns == nil:
			if columns, err = readHeader(row, line); err != nil {
				return err
			}
		case !slices.ContainsFunc(row, func(cell string) bool { return cell != "" }):
		case len(row) != len(columns):
			c.reportLine(line, fmt.Sprintf("has %d cells, and the first row names %d", len(row), len(columns)))
		default:
			kept, column, problem := columns.keptOf(row)
			if problem != "" {
				c.reportAt(line, column, problem)
			}
			if err := c.track(line, in.Track(object(columns, row)), kept, columns.columnOf); err != nil {
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

// object is a row as JSON.
func object(columns header, row []string) []byte {
	values := map[string]any{}
	for i, cell := range row {
		yes, no := strings.EqualFold(cell, "true"), strings.EqualFold(cell, "false")
		switch field := columns[i].field; {
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
