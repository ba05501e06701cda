package kie

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	limits "stemflow/internal/bounded"
	"stemflow/internal/midi"
)

const (
	// maxMIDILevels is how deep the instruments are looked for: the documents have them two levels
	// below the data, and proxies wrap records.
	maxMIDILevels = 6
	// maxInstrumentName bounds the name of an instrument, in bytes.
	maxInstrumentName = 128
)

// midiReader reads the record of a transcription from a stream, whatever its dialect: numbers as
// strings, wrapped in further objects, or in a string that is JSON in its turn. Beside the notes it
// keeps a bounded number of short texts.
type midiReader struct {
	// keep keeps the notes, and not only their number.
	keep bool

	json *json.Decoder
	// code and message are the envelope's.
	code, message json.RawMessage
	// hasData says that there is any data, oddData that it is no object.
	hasData, oddData bool
	// found are the record's members by their constants, each from the outermost object that has
	// it.
	found map[int]leveled
	// listed says that there is a list of instruments, if only an empty one.
	listed      bool
	instruments []midi.Instrument
	notes       int
	strings     int
}

// leveled is a member and how deep it was.
type leveled struct {
	value json.RawMessage
	level int
}

var errNoObject = errors.New("it is no JSON object")

// read reads a whole answer.
func (r *midiReader) read(from io.Reader) error {
	r.found = map[int]leveled{}
	r.json = json.NewDecoder(from)
	r.json.UseNumber()
	begin, err := r.json.Token()
	if err != nil {
		return err
	}
	if begin != json.Delim('{') {
		return errNoObject
	}
	return r.object(0)
}

// object reads an object whose brace is read. The envelope is level 0, its data level 1.
func (r *midiReader) object(level int) error {
	for r.json.More() {
		key, err := r.json.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		value, err := r.json.Token()
		if err != nil {
			return err
		}
		if err := r.member(name, value, level); err != nil {
			return err
		}
	}
	_, err := r.json.Token() // the brace
	return err
}

// member reads a value of which the first token is read.
func (r *midiReader) member(name string, value json.Token, level int) error {
	folded := ""
	if len(name) <= maxKey {
		folded = fold(name)
	}
	if level == 0 && folded == "data" && value != nil {
		r.hasData = true
		_, isText := value.(string)
		r.oddData = value != json.Delim('{') && !isText
	}
	switch v := value.(type) {
	case json.Delim:
		return r.nested(folded, v, level)
	case string:
		if inner := strings.TrimLeft(v, blanks); inner != "" && (inner[0] == '{' || inner[0] == '[') {
			return r.embedded(folded, inner, level)
		}
		r.scalar(folded, quotedText(v), level)
	case json.Number:
		r.scalar(folded, json.RawMessage(v), level)
	case bool:
		r.scalar(folded, fmt.Append(nil, v), level)
	}
	return nil
}

// nested reads an object or a list that has begun.
func (r *midiReader) nested(folded string, begin json.Delim, level int) error {
	switch {
	case begin == '{' && level < maxMIDILevels && !slices.Contains(inputKeys, folded):
		return r.object(level + 1)
	case begin == '[' && (folded == "instruments" || folded == "mididata") && !r.listed:
		return r.list()
	default:
		return r.skip()
	}
}

// embedded reads a string that is JSON in its turn, if it is.
func (r *midiReader) embedded(folded, inner string, level int) error {
	if r.strings == maxStrings || !json.Valid([]byte(inner)) {
		return nil
	}
	r.strings++
	outer := r.json
	defer func() { r.json = outer }()
	r.json = json.NewDecoder(strings.NewReader(inner))
	r.json.UseNumber()
	begin, err := r.json.Token()
	if err != nil {
		return err
	}
	return r.nested(folded, begin.(json.Delim), level)
}

// skip skips what is left of an object or a list that has begun.
func (r *midiReader) skip() error {
	for depth := 1; depth > 0; {
		token, err := r.json.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
	return nil
}

// scalar keeps a member that is read.
func (r *midiReader) scalar(folded string, value json.RawMessage, level int) {
	if level == 0 {
		switch folded {
		case "code":
			r.code = value
		case "msg":
			r.message = value
		}
		return
	}
	i := slices.IndexFunc(memberNames, func(name string) bool { return fold(name) == folded })
	if i < 0 || i == wrapped || i == param {
		return
	}
	if before, ok := r.found[i]; !ok || level <= before.level {
		r.found[i] = leveled{value, level}
	}
}

// quotedText is a text as JSON, cut where it is longer than any that is read.
func quotedText(s string) json.RawMessage {
	encoded, err := json.Marshal(limits.Text(s, 4*maxMessage))
	if err != nil {
		return nil
	}
	return encoded
}

func (r *midiReader) get(i int) json.RawMessage { return r.found[i].value }

func (r *midiReader) members() members {
	m := make(members, len(memberNames))
	for i := range m {
		m[i] = r.get(i)
	}
	return m
}

// list reads the list of instruments.
func (r *midiReader) list() error {
	r.listed = true
	for r.json.More() {
		begin, err := r.json.Token()
		if err != nil {
			return err
		}
		switch begin {
		case json.Delim('{'):
			err = r.instrument()
		case json.Delim('['):
			err = r.skip()
		}
		if err != nil {
			return err
		}
	}
	_, err := r.json.Token()
	return err
}

func (r *midiReader) instrument() error {
	if len(r.instruments) == maxInstruments {
		return ErrTooManyNotes
	}
	var i midi.Instrument
	for r.json.More() {
		key, err := r.json.Token()
		if err != nil {
			return err
		}
		value, err := r.json.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		switch v := value.(type) {
		case string:
			if strings.EqualFold(name, "name") {
				i.Name = limits.Text(printable(v), maxInstrumentName)
			}
		case json.Delim:
			if v == '[' && strings.EqualFold(name, "notes") {
				err = r.readNotes(&i)
			} else {
				err = r.skip()
			}
		}
		if err != nil {
			return err
		}
	}
	r.instruments = append(r.instruments, i)
	_, err := r.json.Token()
	return err
}

// midiNote is a note as it is written.
type midiNote struct {
	Pitch    midiNumber `json:"pitch"`
	Start    midiNumber `json:"start"`
	End      midiNumber `json:"end"`
	Velocity midiNumber `json:"velocity"`
}

// midiNumber is a number, or a string that holds one; NaN is neither.
type midiNumber float64

// UnmarshalJSON implements json.Unmarshaler. It never fails.
func (n *midiNumber) UnmarshalJSON(data []byte) error {
	v, ok := number(data)
	if !ok {
		v = math.NaN()
	}
	*n = midiNumber(v)
	return nil
}

func (r *midiReader) readNotes(i *midi.Instrument) error {
	none := midiNumber(math.NaN())
	for r.json.More() {
		if r.notes == maxNotes {
			return ErrTooManyNotes
		}
		r.notes++
		i.Listed++
		note := midiNote{none, none, none, none}
		var mismatch *json.UnmarshalTypeError
		if err := r.json.Decode(&note); err != nil && !errors.As(err, &mismatch) {
			return err
		}
		if r.keep && !math.IsNaN(float64(note.Pitch)) && !math.IsNaN(float64(note.Start)) {
			i.Notes = append(i.Notes, midi.Note{
				Pitch: float64(note.Pitch), Start: float64(note.Start), End: float64(note.End),
				Velocity: float64(note.Velocity),
			})
		}
	}
	_, err := r.json.Token()
	return err
}
