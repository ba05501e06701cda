// Package contractschema makes the JSON Schema of the contract from its Go types, their comments
// and the rules that their Validate goes by, and from the schema the types of the TypeScript
// example. It is no part of any program: tests write its documents, and hold them to be up to date.
package contractschema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// Schema is a JSON Schema, draft 2020-12, as far as the contract needs it.
type Schema struct {
	Dialect     string `json:"$schema,omitempty"`
	ID          string `json:"$id,omitempty"`
	Ref         string `json:"$ref,omitempty"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	// Type is a name of a type, or a list of such names.
	Type     any    `json:"type,omitempty"`
	Enum     []any  `json:"enum,omitempty"`
	Const    any    `json:"const,omitempty"`
	Examples []any  `json:"examples,omitempty"`
	Format   string `json:"format,omitempty"`

	Pattern   string `json:"pattern,omitempty"`
	MinLength int    `json:"minLength,omitempty"`
	MaxLength int    `json:"maxLength,omitempty"`
	Minimum   *int64 `json:"minimum,omitempty"`
	Maximum   *int64 `json:"maximum,omitempty"`

	Items       *Schema `json:"items,omitempty"`
	MinItems    int     `json:"minItems,omitempty"`
	MaxItems    int     `json:"maxItems,omitempty"`
	UniqueItems bool    `json:"uniqueItems,omitempty"`

	Properties Properties `json:"properties,omitempty"`
	Required   []string   `json:"required,omitempty"`
	// AdditionalProperties is what other properties must be; nil admits all.
	AdditionalProperties *Schema `json:"additionalProperties,omitempty"`

	AllOf []Schema `json:"allOf,omitempty"`
	AnyOf []Schema `json:"anyOf,omitempty"`
	Not   *Schema  `json:"not,omitempty"`
	If    *Schema  `json:"if,omitempty"`
	Then  *Schema  `json:"then,omitempty"`
	Else  *Schema  `json:"else,omitempty"`

	Defs Properties `json:"$defs,omitempty"`

	// never is the schema false.
	never bool
}

// Property is a schema by its name.
type Property struct {
	Name   string
	Schema Schema
}

// Properties keep their order.
type Properties []Property

// MarshalJSON implements json.Marshaler.
func (p Properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, property := range p {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(property.Name)
		if err != nil {
			return nil, err
		}
		schema, err := property.Schema.MarshalJSON()
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(schema)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// sorted has types before the rules of single fields, whose names begin with small letters.
func (p Properties) sorted() Properties {
	isRule := func(p Property) bool { return p.Name >= "a" }
	all := slices.DeleteFunc(slices.Clone(p), isRule)
	return append(all, slices.DeleteFunc(slices.Clone(p), func(p Property) bool { return !isRule(p) })...)
}

// lookup finds a property; it is nil if there is none.
func (p Properties) lookup(name string) *Schema {
	for i := range p {
		if p[i].Name == name {
			return &p[i].Schema
		}
	}
	return nil
}

var never = Schema{never: true}

// MarshalJSON implements json.Marshaler.
func (s Schema) MarshalJSON() ([]byte, error) {
	if s.never {
		return []byte("false"), nil
	}
	type plain Schema
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // patterns are to be read
	err := encoder.Encode(plain(s))
	return bytes.TrimSpace(b.Bytes()), err
}

// Encode returns a document as it is kept in the repository: indented, and in ASCII, since patterns
// have characters that cannot be seen.
func Encode(s Schema) ([]byte, error) {
	compact, err := s.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, compact, "", "  "); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for _, r := range indented.String() {
		switch {
		case r < 0x80:
			b.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			return nil, fmt.Errorf("%U is not written", r)
		}
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}
