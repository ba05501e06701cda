package kie

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// object is a JSON object with its members in document order, duplicates included.
type object []member

type member struct {
	key   string
	value json.RawMessage
}

// parseBody parses a whole body. Only here the input is checked, and the depth of its nesting
// bounded by encoding/json; what is parsed further is a part of it.
func parseBody(body []byte) (object, bool) {
	if !json.Valid(body) {
		return nil, false
	}
	return parseObject(body)
}

// parseObject is false for anything but an object, null and absent included.
func parseObject(raw json.RawMessage) (object, bool) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, false
	}
	o := object{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, false
		}
		m := member{key: key.(string)}
		if err := dec.Decode(&m.value); err != nil {
			return nil, false
		}
		o = append(o, m)
	}
	return o, true
}

// get returns the member spelt exactly so or else one that differs only in case and underscores,
// and of several the last; nil if there is none.
func (o object) get(key string) json.RawMessage {
	var exact, alike json.RawMessage
	for _, m := range o {
		if m.key == key {
			exact = m.value
		} else if fold(m.key) == fold(key) {
			alike = m.value
		}
	}
	if exact != nil {
		return exact
	}
	return alike
}

// fold drops what the provider's dialects differ in: task_id, taskId and TaskID become one.
func fold(key string) string { return strings.ToLower(strings.ReplaceAll(key, "_", "")) }

// text is the string, trimmed, and "" for anything that is no string.
func text(raw json.RawMessage) string {
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
