package contractschema

import (
	"fmt"
	"io/fs"
	"reflect"
	"strings"
	"time"

	"stemflow"
)

// File is where the schema is kept, from the top folder of the repository.
const File = "docs/schema/stemflow.json"

// TrackName is the definition of a track in the list of a catalogue.
const TrackName = "CatalogTrack"

// Document is the schema of the whole contract, each type a definition. dir is the top folder of
// the repository.
func Document(dir fs.FS) (Schema, error) {
	source, err := readSource(dir)
	if err != nil {
		return Schema{}, err
	}
	d := &document{source: source}
	for _, kind := range inputs {
		d.input(kind)
	}
	for _, kind := range outputs {
		d.ref(kind)
	}
	return Schema{
		Dialect: "https://json-schema.org/draft/2020-12/schema",
		ID:      "urn:stemflow:contract",
		Title:   "stemflow",
		Description: "The inputs and results of stemflow's workflows, its events and manifests. It is generated from " +
			"the Go types, so do not edit it. Validate against one of the definitions, like " +
			"#/$defs/SeparateStemsInput. An input that is valid here is not refused as InvalidInput before the run " +
			"looks at anything outside of it, except for this: " + strings.Join(differences, " ") + " A run also " +
			"ends with InvalidInput, unpaid, for what only it can see: a bucket or a prefix that the worker does not " +
			"allow, an address that is private or cannot be reached, a song that is too large or no audio, and the " +
			"tracks in the object that a catalogue names.",
		Defs: d.defs.sorted(),
	}, nil
}

type document struct {
	source *source
	defs   Properties
}

// ref refers to the definition of a named type, which it makes where there is none.
func (d *document) ref(kind reflect.Type) Schema {
	if d.defs.lookup(kind.Name()) == nil {
		d.defs = append(d.defs, Property{Name: kind.Name()})
		def := d.define(kind)
		*d.defs.lookup(kind.Name()) = def
	}
	return Schema{Ref: "#/$defs/" + kind.Name()}
}

func (d *document) define(kind reflect.Type) Schema {
	s := Schema{Description: d.source.describe(kind.Name(), d.source.types[kind.Name()])}
	if kind.Kind() == reflect.String {
		var values []any
		for _, value := range d.source.values[kind.Name()] {
			values = append(values, value)
		}
		// Later releases may have more values.
		s.AnyOf = []Schema{{Enum: values}, {Type: "string"}}
		return s
	}
	s.Type = "object"
	d.fields(kind, &s)
	return s
}

// fields adds the fields of a struct, with those of structs that it embeds.
func (d *document) fields(kind reflect.Type, to *Schema) {
	for i := range kind.NumField() {
		field := kind.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous:
			d.fields(field.Type, to)
			continue
		case name == "":
			continue
		}
		value := d.value(field.Type)
		value.Description = d.comment(kind, field)
		to.Properties = append(to.Properties, Property{name, value})
		if options == "" {
			to.Required = append(to.Required, name)
		}
	}
}

func (d *document) comment(of reflect.Type, field reflect.StructField) string {
	return d.source.describe(of.Name(), d.source.fields[of.Name()+"."+field.Name])
}

func (d *document) value(kind reflect.Type) Schema {
	switch {
	case kind == reflect.TypeFor[time.Time]():
		return Schema{Type: "string", Format: "date-time"}
	case kind == reflect.TypeFor[stemflow.Duration]():
		return Schema{Type: "string", Pattern: durationPattern}
	}
	switch kind.Kind() {
	case reflect.Pointer:
		return d.value(kind.Elem())
	case reflect.Slice:
		return Schema{Type: "array", Items: new(d.value(kind.Elem()))}
	case reflect.Map:
		return Schema{Type: "object", AdditionalProperties: new(d.value(kind.Elem()))}
	case reflect.Bool:
		return Schema{Type: "boolean"}
	case reflect.Int, reflect.Int64:
		return Schema{Type: "integer"}
	case reflect.Float64:
		return Schema{Type: "number"}
	case reflect.String:
		if kind.Name() == "string" {
			return Schema{Type: "string"}
		}
		return d.ref(kind)
	case reflect.Struct:
		return d.ref(kind)
	default:
		panic(fmt.Sprintf("contractschema: %v is of a kind that the contract has not had so far", kind))
	}
}

// input adds the definition of an input, with the rules of its Validate.
func (d *document) input(kind reflect.Type) {
	s := d.inputFields(kind)
	s.AllOf = conditions[kind]
	if nullable[kind] {
		s.Type = []string{"object", "null"}
	}
	d.defs = append(d.defs, Property{kind.Name(), s})
	if kind != reflect.TypeFor[stemflow.SeparateCatalogInput]() {
		return
	}
	track := d.inputFields(reflect.TypeFor[stemflow.SeparateStemsInput]())
	track.Description = "A track of a catalogue, which takes what it leaves out from the catalogue."
	track.AllOf = catalogTrack()
	d.defs = append(d.defs, Property{TrackName, track})
}

// rule refers to what holds for a field of inputs, wherever it is.
func (d *document) rule(name string) Schema {
	if d.defs.lookup(name) == nil {
		d.defs = append(d.defs, Property{name, fieldRule(name)})
	}
	return Schema{Ref: "#/$defs/" + name}
}

func (d *document) inputFields(kind reflect.Type) Schema {
	s := Schema{
		Description: d.source.describe(kind.Name(), d.source.types[kind.Name()]),
		Type:        "object", AdditionalProperties: &never,
	}
	for i := range kind.NumField() {
		field := kind.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" {
			continue
		}
		rule := Schema{Type: orNull("boolean")}
		switch {
		case name == "tracks":
			rule = fieldRule(name)
			rule.Items = &Schema{Ref: "#/$defs/" + TrackName}
		case field.Type.Kind() != reflect.Bool:
			rule = d.rule(name)
		}
		rule.Description = d.comment(kind, field)
		s.Properties = append(s.Properties, Property{name, rule})
	}
	return s
}
