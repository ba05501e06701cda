package kiesim

import (
	"bytes"
	"encoding/json"
	"slices"
)

// object is a JSON object whose members keep their order, as the provider's documents show it.
type object []member

type member struct {
	key   string
	value any
}

// with is the object with members set: in the place of those of their name, or behind all.
func (o object) with(members ...member) object {
	o = slices.Clone(o)
	for _, m := range members {
		at := slices.IndexFunc(o, func(old member) bool { return old.key == m.key })
		if at < 0 {
			o = append(o, m)
			continue
		}
		o[at] = m
	}
	return o
}

// without is the object without a member.
func (o object) without(key string) object {
	return slices.DeleteFunc(slices.Clone(o), func(m member) bool { return m.key == key })
}

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(encode(m.key))
		b.WriteByte(':')
		b.Write(encode(m.value))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// encode is json.Marshal without its escapes for HTML, which the provider does not make. What this
// package encodes always can be.
func encode(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
