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

// read reads a list in either format. It distinguishes them by the first character, whatever the object is called.
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
		return &unreadable{1, "is UTF-16, save the list as UTF-8"}
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
			c.report(line, fmt.Sprintf("is longer than %d bytes, write one track in each line", maxLine))
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = input.ReadSlice('\n')
			}
			text = nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if text = bytes.TrimSpace(text); len(text) > 0 {
			if c.tracks == 0 && text[0] == '[' {
				return &unreadable{line, "begins a JSON list, write an object in each line, with neither brackets around nor commas between them"}
			}
			if err := c.track(line, in.Track(text)); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
	}
}

// readCSV reads a track from each row, by the names in the first. Empty cells and rows do not matter.
func (c *check) readCSV(input io.Reader, in stemflow.SeparateCatalogInput) error {
	limited := &limiter{r: input}
	rows := csv.NewReader(limited)
	rows.FieldsPerRecord = -1 // each row is checked here, so that its error says what a person can do
	rows.TrimLeadingSpace = true
	rows.ReuseRecord = true
	var header []string
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
			return &unreadable{line, fmt.Sprintf("begins a row of more than %d bytes: a quotation mark may be left open", maxLine)}
		case errors.As(err, &malformed):
			c.report(malformed.StartLine, fmt.Sprintf("is no row of a CSV file (%v), put quotation marks around a cell that contains some, and double them", malformed.Err))
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
			row[i] = strings.TrimSpace(row[i])
		}
		switch {
		case header == nil:
			header = slices.Clone(row)
			if err := checkHeader(header, line); err != nil {
				return err
			}
		case !slices.ContainsFunc(row, func(cell string) bool { return cell != "" }):
		case len(row) != len(header):
			c.tracks++
			c.report(line, fmt.Sprintf("has %d cells, and the first row names %d", len(row), len(header)))
		default:
			if err := c.track(line, in.Track(object(header, row))); err != nil {
				return err
			}
		}
	}
}

// checkHeader demands the names of fields, each once.
func checkHeader(header []string, line int) error {
	joined := strings.Join(header, ",")
	for _, separator := range []string{";", "\t"} {
		if len(header) == 1 && strings.Contains(joined, separator) {
			return &unreadable{line, fmt.Sprintf("separates the columns by %q, separate them by commas", separator)}
		}
	}
	for i, name := range header {
		if slices.Contains(header[:i], name) {
			return &unreadable{line, fmt.Sprintf("names the column %q twice", name)}
		}
		var probe stemflow.SeparateStemsInput
		_ = json.Unmarshal(encode(map[string]any{name: nil}), &probe) // never fails
		if invalid, ok := errors.AsType[*stemflow.InputError](probe.Validate()); ok && strings.HasPrefix(invalid.Problems[0], name+": no such field") {
			return &unreadable{line, "the first row names the columns: " + invalid.Problems[0]}
		}
	}
	for _, required := range []string{"taskId", "audioId"} {
		if !slices.Contains(header, required) {
			return &unreadable{line, "the first row names the columns, and has no " + required}
		}
	}
	return nil
}

// object is a row as JSON.
func object(header, row []string) []byte {
	fields := map[string]any{}
	for i, cell := range row {
		switch name := header[i]; {
		case cell == "":
		case (name == "force" || name == "allowPartial") && (strings.EqualFold(cell, "true") || strings.EqualFold(cell, "false")):
			fields[name] = strings.EqualFold(cell, "true")
		default:
			fields[name] = cell
		}
	}
	return encode(fields)
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
