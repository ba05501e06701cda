package contractschema

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"stemflow"
)

// TypeScriptFile is where the types of the TypeScript example are kept.
const TypeScriptFile = "examples/typescript/src/contract.ts"

// TypeScript returns the names and types of the contract in TypeScript: the definitions of the
// schema, with what it says of values by their type. What else it says is for a validator.
func TypeScript(document Schema) string {
	var b strings.Builder
	b.WriteString("// The contract of stemflow, generated from its Go types: do not edit it, run go generate.\n")
	writeNames(&b)
	for _, def := range document.Defs {
		if def.Name >= "a" {
			continue // it is the rule of a field
		}
		w := typeScript{document}
		fmt.Fprintf(&b, "\n%sexport ", doc("", def.Schema.Description))
		if def.Schema.Properties == nil {
			fmt.Fprintf(&b, "type %s = %s;\n", def.Name, w.of(def.Schema))
			continue
		}
		fmt.Fprintf(&b, "interface %s {\n", def.Name)
		for _, property := range def.Schema.Properties {
			optional := "?"
			if slices.Contains(def.Schema.Required, property.Name) {
				optional = ""
			}
			fmt.Fprintf(&b, "%s  %s%s: %s;\n", doc("  ", property.Schema.Description), property.Name, optional,
				w.of(property.Schema))
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// writeNames writes what a caller names, and what to do about each error type.
func writeNames(b *strings.Builder) {
	constant := func(name, value string) { fmt.Fprintf(b, "\nexport const %s = %s;", name, literal(value)) }
	constant("taskQueue", stemflow.TaskQueue)
	for _, kind := range inputs {
		workflow := strings.TrimSuffix(kind.Name(), "Input")
		constant(strings.ToLower(workflow[:1])+workflow[1:], workflow)
	}
	constant("progressQuery", stemflow.QueryProgress)
	constant("pollNowUpdate", stemflow.UpdatePollNow)
	b.WriteString("\n\n/** The error types, each with whether the run has paid and what to do. */\n" +
		"export const errorTypes: Readonly<Record<string, { paid: string; remedy: string }>> = {\n")
	for _, t := range stemflow.ErrorTypes() {
		fmt.Fprintf(b, "  %s: { paid: %s, remedy: %s },\n", t.Name, literal(t.Paid), literal(t.Remedy))
	}
	b.WriteString("};\n")
}

type typeScript struct{ document Schema }

// of is the type of what a schema admits.
func (w typeScript) of(s Schema) string {
	switch {
	case s.Ref != "":
		name := strings.TrimPrefix(s.Ref, "#/$defs/")
		if name >= "a" {
			return w.of(*w.document.Defs.lookup(name))
		}
		return name
	case s.Enum != nil:
		var values []string
		for _, value := range s.Enum {
			values = append(values, literal(value))
		}
		return strings.Join(values, " | ")
	case s.Type == nil && s.AnyOf != nil: // known values, and those of later releases
		return w.of(s.AnyOf[0]) + " | (string & {})"
	}
	var alternatives []string
	names, many := s.Type.([]string)
	if !many {
		names = []string{s.Type.(string)}
	}
	for _, name := range names {
		alternatives = append(alternatives, w.typed(name, s))
	}
	return strings.Join(alternatives, " | ")
}

func (w typeScript) typed(name string, s Schema) string {
	switch name {
	case "integer":
		return "number"
	case "array":
		item := w.of(*s.Items)
		if strings.Contains(item, " ") {
			item = "(" + item + ")"
		}
		return item + "[]"
	case "object":
		if s.Properties == nil {
			return "Record<string, " + w.of(*s.AdditionalProperties) + ">"
		}
		var fields []string
		for _, property := range s.Properties {
			fields = append(fields, property.Name+"?: "+w.of(property.Schema))
		}
		return "{ " + strings.Join(fields, "; ") + " }"
	default:
		return name // string, boolean, number and null
	}
}

func literal(value any) string {
	if v := reflect.ValueOf(value); v.IsValid() && v.Kind() == reflect.String {
		value = v.String()
	}
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // strings and nil alone have no literal that fails
	}
	return string(text)
}

const docWidth = 100

// doc is a comment, wrapped.
func doc(indent, text string) string {
	if text == "" {
		return ""
	}
	text = strings.ReplaceAll(text, "*/", "* /")
	if len(indent)+len("/**  */")+len(text) <= docWidth {
		return indent + "/** " + text + " */\n"
	}
	var b strings.Builder
	b.WriteString(indent + "/**\n")
	line := indent + " *"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > docWidth {
			b.WriteString(line + "\n")
			line = indent + " *"
		}
		line += " " + word
	}
	b.WriteString(line + "\n" + indent + " */\n")
	return b.String()
}
