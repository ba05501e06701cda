package kie

import (
	"bytes"
	"encoding/json"
	"iter"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// object is the text of a JSON object, from the brace on. It is a part of a body that was checked
// as a whole, so it is read without further checks, as often as needed and without a copy: what it
// costs grows with its length alone.
type object []byte

// parseBody takes a whole body for an object. Only here the input is checked, and the depth of its
// nesting bounded by encoding/json.
func parseBody(body []byte) (object, bool) {
	if !json.Valid(body) {
		return nil, false
	}
	return parseObject(body)
}

// parseObject is false for anything but an object, null and absent included.
func parseObject(raw json.RawMessage) (object, bool) {
	raw = bytes.TrimLeft(raw, blanks)
	if len(raw) == 0 || raw[0] != '{' {
		return nil, false
	}
	return object(raw), true
}

// unwrap is the value itself, or what a string holds that is JSON in its turn.
func unwrap(raw json.RawMessage) json.RawMessage {
	inner := text(raw)
	if inner == "" || inner[0] != '{' && inner[0] != '[' || !json.Valid([]byte(inner)) {
		return raw
	}
	return json.RawMessage(inner)
}

const blanks = " \t\r\n"

// members are the object's, in document order, duplicates included. Keys longer than maxKey are
// left out: nothing that is read here has one.
func (o object) members() iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		for at := skipBlanks(o, 1); at < len(o) && o[at] == '"'; {
			end := skipString(o, at)
			key := o[at:end]
			at = skipBlanks(o, skipBlanks(o, end)+1) // the colon
			end = skipValue(o, at)
			if len(key) <= maxKey+2 && !yield(keyText(key), json.RawMessage(o[at:end])) {
				return
			}
			if at = skipBlanks(o, end); at < len(o) && o[at] == ',' {
				at = skipBlanks(o, at+1)
			}
		}
	}
}

const maxKey = 128

func keyText(quoted []byte) string {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	var key string
	_ = json.Unmarshal(quoted, &key) // the whole body is valid
	return key
}

// items are those of an array; there are none of anything else.
func items(raw json.RawMessage) iter.Seq[json.RawMessage] {
	return func(yield func(json.RawMessage) bool) {
		at := skipBlanks(raw, 0)
		if at >= len(raw) || raw[at] != '[' {
			return
		}
		for at = skipBlanks(raw, at+1); at < len(raw) && raw[at] != ']'; {
			end := skipValue(raw, at)
			if !yield(raw[at:end]) {
				return
			}
			if at = skipBlanks(raw, end); at < len(raw) && raw[at] == ',' {
				at = skipBlanks(raw, at+1)
			}
		}
	}
}

func skipBlanks(b []byte, at int) int {
	for at < len(b) && (b[at] == ' ' || b[at] == '\n' || b[at] == '\t' || b[at] == '\r') {
		at++
	}
	return at
}

func skipString(b []byte, at int) int {
	for at++; at < len(b) && b[at] != '"'; at++ {
		if b[at] == '\\' {
			at++
		}
	}
	return at + 1
}

// skipValue is where the value ends that begins at at.
func skipValue(b []byte, at int) int {
	switch b[at] {
	case '"':
		return skipString(b, at)
	case '{', '[':
		for depth := 0; at < len(b); at++ {
			switch b[at] {
			case '"':
				at = skipString(b, at) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return at + 1
				}
			}
		}
		return at
	}
	for at < len(b) && b[at] != ',' && b[at] != '}' && b[at] != ']' && strings.IndexByte(blanks, b[at]) < 0 {
		at++
	}
	return at
}

// pick returns the members of the given names: each the one spelt exactly so or else one that
// differs only in case and separators, and of several the last; nil where there is none, and where
// it is null.
func (o object) pick(names ...string) []json.RawMessage {
	exact, alike := make([]json.RawMessage, len(names)), make([]json.RawMessage, len(names))
	folded := make([]string, len(names))
	for i, name := range names {
		folded[i] = fold(name)
	}
	for key, value := range o.members() {
		if string(value) == "null" {
			continue
		}
		foldedKey := fold(key)
		for i, name := range names {
			if key == name {
				exact[i] = value
			} else if foldedKey == folded[i] {
				alike[i] = value
			}
		}
	}
	for i := range exact {
		if exact[i] == nil {
			exact[i] = alike[i]
		}
	}
	return exact
}

// get is pick for one name.
func (o object) get(name string) json.RawMessage { return o.pick(name)[0] }

// fold drops what the provider's dialects differ in: task_id, taskId and TaskID become one.
func fold(key string) string {
	var buffer [maxKey]byte
	folded, changed := buffer[:0], false
	for i := range len(key) {
		c := key[i]
		switch {
		case c >= utf8.RuneSelf:
			return strings.ToLower(separators.Replace(key))
		case c == '_' || c == '-' || c == ' ':
			changed = true
			continue
		case 'A' <= c && c <= 'Z':
			c, changed = c+'a'-'A', true
		}
		folded = append(folded, c)
	}
	if !changed {
		return key
	}
	return string(folded)
}

var separators = strings.NewReplacer("_", "", "-", "", " ", "")

// text is the string, trimmed, and "" for anything that is no string.
func text(raw json.RawMessage) string {
	if len(raw) == 0 || raw[0] != '"' {
		return ""
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return strings.TrimSpace(s)
}

// number reads a number or a string that holds one.
func number(raw json.RawMessage) (float64, bool) {
	s := text(raw)
	if s == "" {
		s = string(raw)
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil && !math.IsNaN(n) && !math.IsInf(n, 0)
}

// integer reads a whole number of a size that codes have, or a string that holds one.
func integer(raw json.RawMessage) (int, bool) {
	n, ok := number(raw)
	if !ok || n != math.Trunc(n) || math.Abs(n) > math.MaxInt32 {
		return 0, false
	}
	return int(n), true
}

// zoned is a time that was read, or the zero time where what was read says no zone.
func zoned(raw json.RawMessage, t time.Time) time.Time {
	if _, err := time.Parse(time.DateTime, text(raw)); err == nil {
		return time.Time{}
	}
	return t
}

// instant reads a time: milliseconds since 1970 as the provider's examples have it, or a date as
// its schema has it. Anything else, and a year that JSON could not carry on, is the zero time.
func instant(raw json.RawMessage) time.Time {
	var t time.Time
	if ms, ok := number(raw); ok {
		if ms <= 0 || ms >= 1<<53 {
			return time.Time{}
		}
		t = time.UnixMilli(int64(ms)).UTC()
	} else {
		for _, layout := range []string{time.RFC3339, time.DateTime} {
			if parsed, err := time.Parse(layout, text(raw)); err == nil {
				t = parsed.UTC()
				break
			}
		}
	}
	if t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}
