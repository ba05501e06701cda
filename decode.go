package stemflow

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"stemflow/internal/bounded"
)

// fields are where the fields of a JSON object go, by their exact names.
type fields map[string]any

// fieldsOf are pointers to the fields of the struct to which target points. Their names are those
// in the tags, so that a field is decoded as soon as the struct has it.
func fieldsOf(target any) fields {
	value := reflect.ValueOf(target).Elem()
	all := fields{}
	for i := range value.NumField() {
		if name := jsonName(value.Type().Field(i)); name != "" {
			all[name] = value.Field(i).Addr().Interface()
		}
	}
	return all
}

// jsonNames are the names of the fields of the struct to which target points, in its order.
func jsonNames(target any) []string {
	var names []string
	for _, field := range reflect.VisibleFields(reflect.TypeOf(target).Elem()) {
		if name := jsonName(field); name != "" {
			names = append(names, name)
		}
	}
	return names
}

func jsonName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}

// decode takes what decodes exactly. given are the fields that say something: null and an empty
// text are as good as left out, which they are when the input is encoded once more. problems are
// what it could not take. Temporal drops unknown fields silently and reports a wrong type without
// naming the field, and encoding/json takes "audioID" for "audioId".
func (f fields) decode(data []byte, example string) (given map[string]bool, problems []InputProblem) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, []InputProblem{{Message: "the input must be one JSON object, like " + example}}
	}
	given = map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		target, known := f[name]
		if !known {
			problems = append(problems, f.unknown(name))
			continue
		}
		isText := reflect.TypeOf(target).Elem().Kind() == reflect.String
		if value := string(raw[name]); value == "null" || isText && value == `""` {
			continue
		}
		given[name] = true
		if err := decodeInto(target, raw[name]); err != nil {
			problems = append(problems, undecodable(name, target, raw[name], err))
		}
	}
	return given, problems
}

func decodeInto(target any, raw json.RawMessage) error {
	switch target := target.(type) {
	case *int:
		n, err := wholeNumber(raw)
		*target = n
		return err
	case **int:
		n, err := wholeNumber(raw)
		*target = &n
		return err
	default:
		return json.Unmarshal(raw, target)
	}
}

var errNotWhole = errors.New("not a whole number")

// wholeNumber also takes 100.0 and 1e2: JSON knows one kind of numbers, and languages that have one
// kind write them so.
func wholeNumber(raw json.RawMessage) (int, error) {
	text := string(raw)
	n, err := strconv.Atoi(text)
	if err == nil {
		return n, nil
	}
	var number json.Number
	if err := json.Unmarshal(raw, &number); err != nil || raw[0] == '"' {
		return 0, errNotWhole
	}
	// What is left for exact arithmetic is bounded: its exponent may ask for more digits than there
	// is memory.
	size, err := number.Float64()
	digits, _, _ := strings.Cut(strings.ToLower(text), "e")
	switch {
	case err != nil || math.Abs(size) > math.MaxInt64:
		return 0, errNotWhole
	case math.Abs(size) < 1 && strings.ContainsAny(digits, "123456789"):
		return 0, errNotWhole
	case math.Abs(size) < 1:
		return 0, nil
	}
	exact, ok := new(big.Rat).SetString(text)
	if !ok || !exact.IsInt() || !exact.Num().IsInt64() {
		return 0, errNotWhole
	}
	return int(exact.Num().Int64()), nil
}

// decoded reports whether a field is not among the problems of its object.
func decoded(problems []InputProblem, field string) bool {
	return !slices.ContainsFunc(problems, func(p InputProblem) bool { return p.Field == field })
}

// unknown is the problem of a name that no field has.
func (f fields) unknown(name string) InputProblem {
	known := slices.Sorted(maps.Keys(f))
	for _, k := range known {
		if strings.EqualFold(k, name) || oneEditApart(strings.ToLower(k), strings.ToLower(name)) ||
			(len(name) >= 3 && strings.HasPrefix(strings.ToLower(k), strings.ToLower(name))) {
			return InputProblem{Field: name, Message: fmt.Sprintf("no such field, did you mean %s?", k)}
		}
	}
	return InputProblem{Field: name, Message: "no such field, known are " + strings.Join(known, ", ")}
}

// oneEditApart reports whether one inserted, dropped, changed or swapped letter makes a of b.
func oneEditApart(a, b string) bool {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return len(a)+len(b) == 1 || len(a) == 1 && len(b) == 1 ||
		len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}

func undecodable(name string, target any, raw json.RawMessage, err error) InputProblem {
	p := InputProblem{Field: name}
	switch target.(type) {
	case *Duration:
		p.Message, p.Rule = err.Error(), `is not a duration, write it like "3m" or "45s"`
		return p
	case *bool:
		p.Rule = "is not a boolean, write true or false without quotes"
	case *int, **int:
		p.Rule = "is not a whole number, write it without quotes"
	case *[]json.RawMessage:
		p.Message = "must be a list, like " + exampleTracks
		return p
	default:
		p.Rule = "is not a string"
	}
	p.Message = bounded.Text(string(raw), bounded.Value) + " " + p.Rule
	return p
}
