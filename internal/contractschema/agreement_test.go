package contractschema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"stemflow"
)

// compile returns the schema of a definition.
func compile(t testing.TB) func(name string) *jsonschema.Schema {
	content, err := os.ReadFile("../../" + File)
	require.NoError(t, err)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(content))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	require.NoError(t, compiler.AddResource("urn:stemflow:contract", document))
	return func(name string) *jsonschema.Schema {
		schema, err := compiler.Compile("urn:stemflow:contract#/$defs/" + name)
		require.NoError(t, err)
		return schema
	}
}

type validator interface{ Validate() error }

// judge is what the contract says of a document as the input of a type.
func judge(kind reflect.Type, document []byte) error {
	in := reflect.New(kind)
	if err := json.Unmarshal(document, in.Interface()); err != nil {
		return err
	}
	return in.Interface().(validator).Validate()
}

// requireAgreement holds the schema and Validate to the same. Where they differ, it is by one of
// the differences that the schema's description names, and the schema is the one that admits more.
func requireAgreement(t testing.TB, schemas map[reflect.Type]*jsonschema.Schema, kind reflect.Type, document []byte) {
	t.Helper()
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return // it is no JSON
	}
	bySchema, byValidate := schemas[kind].Validate(instance), judge(kind, document)
	switch {
	case (bySchema == nil) == (byValidate == nil):
	case bySchema != nil:
		t.Fatalf("%s: Validate takes what the schema refuses: %s\n%v", kind.Name(), document, bySchema)
	case !excused(instance, byValidate):
		t.Fatalf("%s: the schema takes what Validate refuses: %s\n%v", kind.Name(), document, byValidate)
	}
}

// excused reports whether all that is wrong with a document is what no schema can say.
func excused(instance any, err error) bool {
	wrong, ok := err.(*stemflow.InputError)
	if !ok {
		return false
	}
	in, _ := instance.(map[string]any)
	tracks, _ := in["tracks"].([]any)
	for _, problem := range wrong.Problems {
		var track map[string]any
		var number int
		if n, _ := fmt.Sscanf(problem.Item, "tracks[%d]", &number); n == 1 && number < len(tracks) {
			track, _ = tracks[number].(map[string]any)
		}
		value := func(field string) string {
			for _, object := range []map[string]any{track, in} {
				if object[field] != nil {
					text, _ := object[field].(string)
					return text
				}
			}
			return ""
		}
		if !excusedProblem(problem, value, in) {
			return false
		}
	}
	return true
}

var (
	plainDuration = regexp.MustCompile(`^[+-]?[0-9]+(?:h|m|s|ms|us|µs|μs|ns)$`)
	parts         = regexp.MustCompile(`^\s*\+?0*([0-9]+)/\+?0*([0-9]+)\s*$`)
	notASCII      = regexp.MustCompile(`[^\x00-\x7f]`)
)

func excusedProblem(problem stemflow.InputProblem, value func(field string) string, in map[string]any) bool {
	text := value(problem.Field)
	switch problem.Field {
	case "prefix":
		return notASCII.MatchString(text) && strings.Contains(problem.Message, "bytes long")
	case "source.key":
		source, _ := in["source"].(map[string]any)
		key, _ := source["key"].(string)
		return notASCII.MatchString(key) && strings.Contains(problem.Message, "bytes long")
	case "audioUrl":
		return notASCII.MatchString(text) && strings.Contains(problem.Message, "names no object")
	case "callbackGrace", "pollInterval":
		return text != "" && !plainDuration.MatchString(text)
	case "deadline":
		poll := value("pollInterval")
		length, err := time.ParseDuration(text)
		short := err == nil && plainDuration.MatchString(text) && length != 0 &&
			length < time.Duration(stemflow.MinPollInterval)
		both := text != "" && poll != ""
		return both && !short || text != "" && !plainDuration.MatchString(text) ||
			poll != "" && !plainDuration.MatchString(poll)
	case "readData":
		m := parts.FindStringSubmatch(text)
		return m != nil && (len(m[1]) > len(m[2]) || len(m[1]) == len(m[2]) && m[1] > m[2])
	case "":
		return strings.Contains(problem.Message, "is the same separation as")
	default:
		return false
	}
}

func inputSchemas(t testing.TB) map[reflect.Type]*jsonschema.Schema {
	compiled, schemas := compile(t), map[reflect.Type]*jsonschema.Schema{}
	for _, kind := range inputs {
		schemas[kind] = compiled(kind.Name())
	}
	return schemas
}

func TestTheSchemaAgreesWithInvalidInput(t *testing.T) {
	schemas := inputSchemas(t)
	r := rand.New(rand.NewPCG(1, 2))
	for _, kind := range inputs {
		documents, valid := 800, 0
		if kind == reflect.TypeFor[stemflow.SeparateCatalogInput]() {
			documents *= 3 // it has most rules
		}
		for range documents {
			document := randomInput(r, kind)
			requireAgreement(t, schemas, kind, document)
			if judge(kind, document) == nil {
				valid++
			}
		}
		share := float64(valid) / float64(documents)
		require.Greater(t, share, 0.05, "too few of %s are valid", kind.Name())
		require.Less(t, share, 0.9, "too few of %s are invalid", kind.Name())
	}
}

// FuzzSchemaAgreesWithInvalidInput makes a document from the seed where none is given.
func FuzzSchemaAgreesWithInvalidInput(f *testing.F) {
	schemas := inputSchemas(f)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range inputs {
		for range 10 {
			f.Add(uint8(i), uint64(0), string(randomInput(r, inputs[i])))
			f.Add(uint8(i), r.Uint64(), "")
		}
	}
	hugeExponent := regexp.MustCompile(`[0-9.][eE][+-]?[0-9]{4}`) // the validator writes such numbers out
	f.Fuzz(func(t *testing.T, input uint8, seed uint64, text string) {
		kind, document := inputs[int(input)%len(inputs)], []byte(text)
		if text == "" {
			document = randomInput(rand.New(rand.NewPCG(seed, 0)), kind)
		}
		if hugeExponent.Match(document) {
			t.Skip()
		}
		requireAgreement(t, schemas, kind, document)
	})
}

// randomInput is a document that is valid in most of its parts.
func randomInput(r *rand.Rand, kind reflect.Type) []byte {
	var data any
	if kind == reflect.TypeFor[stemflow.SeparateCatalogInput]() {
		data = randomCatalog(r)
	} else {
		in := map[string]any{}
		if kind != reflect.TypeFor[stemflow.VerifyArchiveInput]() || r.IntN(2) == 0 {
			in = randomTrack(r)
		}
		if kind == reflect.TypeFor[stemflow.ConvertToWAVInput]() {
			in = map[string]any{"taskId": randomValue(r, "taskId"), "audioId": randomValue(r, "audioId")}
			some(r, in, 4, "wavTaskId")
		}
		if kind == reflect.TypeFor[stemflow.VerifyArchiveInput]() {
			some(r, in, 2, "readData", "limitRate")
		} else {
			some(r, in, 4, "pollInterval", "deadline", "force")
			if kind != reflect.TypeFor[stemflow.ConvertToWAVInput]() {
				some(r, in, 4, "separationTaskId")
			}
		}
		fill(r, in, kind)
		data = in
	}
	if one(r, 100) {
		data = pick[any](r, nil, "x", 1, []any{data}, true)
	}
	document, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	return document
}

func randomTrack(r *rand.Rand) map[string]any {
	in := map[string]any{}
	switch {
	case one(r, 20):
	case one(r, 3):
		in["audioUrl"] = randomValue(r, "audioUrl")
	default:
		in["taskId"], in["audioId"] = randomValue(r, "taskId"), randomValue(r, "audioId")
	}
	if one(r, 3) {
		in["type"] = randomValue(r, "type")
		if in["type"] == "split_stem_advanced" {
			in["stemName"] = randomValue(r, "stemName")
		}
	}
	return in
}

func randomCatalog(r *rand.Rand) map[string]any {
	in := map[string]any{}
	some(r, in, 3, "type", "type", "stemName", "force", "forbidForce", "pollInterval", "deadline")
	if one(r, 2) {
		var tracks []any
		for range 1 + r.IntN(3) {
			track := randomTrack(r)
			some(r, track, 6, "force", "separationTaskId", "stemName", "pollInterval", "deadline")
			if one(r, 6) {
				fill(r, track, reflect.TypeFor[stemflow.SeparateStemsInput]())
			}
			tracks = append(tracks, track)
		}
		in["tracks"] = tracks
	} else {
		in["source"] = randomValue(r, "source")
	}
	fill(r, in, reflect.TypeFor[stemflow.SeparateCatalogInput]())
	return in
}

// some gives each of the fields a value, with odds of one in so many.
func some(r *rand.Rand, in map[string]any, odds int, fields ...string) {
	for _, field := range fields {
		if one(r, odds) {
			in[field] = randomValue(r, field)
		}
	}
}

// fill adds some fields that an input has, rarely one that it has not.
func fill(r *rand.Rand, in map[string]any, kind reflect.Type) {
	var names []string
	for field := range kind.Fields() {
		if name := jsonName(string(field.Tag)); name != "" {
			names = append(names, name)
		}
	}
	for range r.IntN(4) {
		name := pick(r, names...)
		if _, there := in[name]; !there || one(r, 4) {
			in[name] = randomValue(r, name)
		}
	}
	switch {
	case one(r, 30):
		delete(in, pick(r, names...))
	case one(r, 30):
		in[pick(r, "taskID", "TASKID", "x", "", "undecoded", "tracks ", "Type", "midI")] = "x"
	case one(r, 30):
		in[pick(r, names...)] = pick[any](r, nil, "", 1, 1.5, -1, true, false, []any{}, map[string]any{}, " ", "\ufffd")
	}
}

func one(r *rand.Rand, in int) bool { return r.IntN(in) == 0 }

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// number is written in JSON as it is.
type number string

func (n number) MarshalJSON() ([]byte, error) { return []byte(n), nil }

// good are values that are valid by themselves.
var good = map[string][]any{
	"taskId": {"t", "5c79be8e"}, "audioId": {"a", "b", "c", "d", "e", "f"}, "separationTaskId": {"s"}, "wavTaskId": {"w"}, "name": {"june"},
	"type":     {"separate_vocal", "split_stem", "split_stem_advanced", "split_stem_advanced", ""},
	"stemName": {"Bass", ""}, "bucket": {"stems"}, "prefix": {"music"}, "title": {"Große Nacht"},
	"force": {true, false}, "forbidForce": {true, false},
	"callbackGrace": {"3m"}, "pollInterval": {"10s", "50m", "1s"}, "deadline": {"20s", "1h", "30s", "500ms"},
	"window": {100}, "creditBudget": {0},
}

func randomValue(r *rand.Rand, field string) any {
	if values := good[field]; values != nil && !one(r, 4) {
		return pick(r, values...)
	}
	if one(r, 30) {
		return nil
	}
	switch field {
	case "taskId", "audioId", "separationTaskId", "wavTaskId", "name":
		return pick(r, "a", "url", "sha256", "5c79be8e", "e2318cad-1.x_Y", strings.Repeat("a", 100), strings.Repeat("b", 128),
			mutate(r, "abc"), strings.Repeat("c", pick(r, 101, 129)))
	case "audioUrl":
		return randomAddress(r)
	case "audioSha256":
		return pick(r, strings.Repeat("0f", 32), strings.Repeat("AB", 32), mutate(r, strings.Repeat("0f", 32)), "")
	case "type":
		return pick(r, "separate_vocal", "split_stem", "split_stem_advanced", "split_stem_advanced", "", "Split_stem",
			"x")
	case "stemName", "stem":
		return pick(
			r,
			"Bass",
			"Lead Vocal",
			"bass",
			"\u212a",
			"\u0130",
			"",
			"---",
			"é",
			"808",
			strings.Repeat("é", 63)+"a",
			strings.Repeat("a", 64),
			strings.Repeat("\U0001F3B5", 64)+"a",
			strings.Repeat("a", 65),
		)
	case "title":
		return pick(r, "Große Nacht", strings.Repeat("\U0001F3B5", 200), strings.Repeat("é", 201), "\x00")
	case "bucket":
		return pick(r, "stems", "a1b", "my-stems.2026", "a..b", "1.2.3.4", "1.2.3.4.5", "ab", mutate(r, "stems"), "",
			strings.Repeat("a", 63), strings.Repeat("a", 64))
	case "prefix":
		return pick(
			r,
			"",
			"/",
			"music",
			"/music/2026/",
			"///a/b//",
			"a//b",
			"a/./b",
			"..",
			"a/..",
			"./a",
			"a\\b",
			"ü",
			"\ufffd",
			"a.b/..c",
			strings.Repeat("a", 400),
			"//"+strings.Repeat("a", 400)+"//",
			strings.Repeat("a", 401),
			strings.Repeat("é", 200),
			strings.Repeat("é", 201),
			mutate(r, "a/b"),
			mutate(r, "/a/b/"),
		)
	case "callbackGrace", "pollInterval", "deadline":
		return randomDuration(r)
	case "window", "creditBudget":
		return number(
			pick(r, "0", "1", "250", "251", "-1", "1.0", "2.5e2", "1.5", "-0", "1e0", "0e5", "0.0", "10e-1", "1e-1",
				"9223372036854775807", "9223372036854775808", "9223372036854775807.0", "9007199254740993.5", "-0.0",
				"1e19", "1E2"),
		)
	case "tracks":
		return pick[any](r, []any{}, []any{randomTrack(r)}, []any{nil}, []any{1}, map[string]any{}, []any{[]any{}})
	case "source":
		source := map[string]any{"key": pick(r, "tracks.csv", "tracks.jsonl", "x", "", strings.Repeat("k", 1024),
			strings.Repeat("k", 1025), strings.Repeat("é", 513))}
		if one(r, 3) {
			source["bucket"] = randomValue(r, "bucket")
		}
		if one(r, 10) {
			source[pick(r, "Key", "x", "key")] = pick[any](r, 1, nil, "x")
		}
		return pick[any](r, source, source, source, source, "x", []any{}, map[string]any{})
	case "readData":
		return pick(
			r,
			"",
			" ",
			"all",
			" all\t",
			"ALL",
			"5%",
			"0.5 %",
			".5%",
			"5.%",
			"+5%",
			"100%",
			"100.0%",
			"100.1%",
			"0%",
			"0.0%",
			"1e1%",
			"0x1p3%",
			"NaN%",
			"Inf%",
			"-5%",
			"99.999999999%",
			"1_0%",
			"\u30005%\u2028",
			"1/7",
			"7/7",
			"8/7",
			"+1/+7",
			"0/7",
			"1/2147483647",
			"1/2147483648",
			"01/07",
			"1 /7",
			"1/7/7",
			"-1/7",
			"10G",
			randomSize(r),
			randomSize(r),
			mutate(r, "5%"),
			mutate(r, "1/7"),
		)
	case "limitRate":
		return pick(r, "", " ", "9223372036854775807", "9223372036854775808", randomSize(r), randomSize(r),
			mutate(r, "10M"))
	default:
		return pick[any](r, true, false, true, false, true, false, "true", 1)
	}
}

// mutate changes, adds or drops a character.
func mutate(r *rand.Rand, text string) string {
	runes := []rune(text)
	at := r.IntN(len(runes) + 1)
	with := pick(
		r,
		[]rune(" /%?#:@[]\\.-_+0aZ~!$&'()*,;=<>\"^`{|}\x00\n\x7f\u00a0\u0085\u0130\u212aé\ufffd\U0001F3B5")...)
	switch {
	case at == len(runes) || one(r, 3):
		return string(slices.Insert(runes, at, with))
	case one(r, 2):
		return string(slices.Delete(runes, at, at+1))
	default:
		runes[at] = with
		return string(runes)
	}
}

func randomDuration(r *rand.Rand) string {
	numbers := []string{
		"0", "1", "30", "29", "45", "46", "60", "336", "337", "999", "1000", "20160", "20161", "1209600", "1209601",
		"2562047", "2562048", "9223372036854775807", "9223372036854775808", "007", "29999", "1000000000",
		"999999999", "1209600000000000",
	}
	switch r.IntN(12) {
	case 0:
		return mutate(r, "3m")
	case 1:
		return pick(r, "", "0", "+0", "-0", "-0s", "-1s", "-0.5s", "-0.0000000001s", "-1ns", "1h30m", "-0h1s", "+1m",
			"-0.5ms", ".5s", "1.s", ".s", "s", "0.5m", "0.5s", "0.9999999999999999999s", "999.9999ms", "1d", "1H",
			"0h0m0s", "0s500ms", "1µs", "1μs", "0.001h", "400h1s", "0ms337h", "1e3s", "335h60m", "336h1ns", "1m 2s",
			"-0.0ns", "-.9ns", "3")
	case 2:
		fraction := pick(r, "", "0", "5", "9", "000000001", "0000000001", "99999999999999999999")
		return pick(r, numbers...) + "." + fraction + pick(r, "h", "m", "s", "ms", "us", "ns")
	case 3:
		first := pick(r, numbers...) + pick(r, "h", "m", "s")
		return pick(r, "", "-") + first + pick(r, numbers...) + pick(r, "m", "s", "ms")
	case 4, 5:
		return pick(r, "", "", "+", "-") + pick(r, numbers...) + pick(r, "h", "m", "s", "ms", "us", "µs", "μs", "ns")
	default:
		return pick(r, "30s", "3m", "45m", "1h", "1s", "10s", "336h", "90s", "2h", "31s", "46m", "29s", "500ms")
	}
}

func randomSize(r *rand.Rand) string {
	number := pick(r, "1", "0", "10", "500", "007", "9223372036854775807", "9223372036854775808",
		"9007199254740991", "9007199254740992", "8388607", "8388608", "9223372036854775", "9223372036854776",
		"9223372", "9223373", "1.5")
	unit := pick(r, "", "K", "m", "G", "T", "KiB", "MIB", "gib", "TiB", "KB", "mb", "GB", "TB", "B", "\u212aB", "P")
	return pick(r, "", " ", "+", "-") + number + pick(r, "", "", " ", "\u2003") + unit + pick(r, "", "", " ")
}

func randomAddress(r *rand.Rand) string {
	hosts := []string{
		"example.com",
		"EXAMPLE.com",
		"münchen.de",
		"1.2.3.4",
		"a_b",
		"a;b",
		"%C3%BC.de",
		"%25",
		"%41",
		"%4",
		"%",
		"",
		"[::1]",
		"[2001:db8::1]",
		"[::ffff:1.2.3.4]",
		"[1:2:3:4:5:6:7:8]",
		"[1:2:3:4:5:6:1.2.3.4]",
		"[1:2:3:4:5:6:7::]",
		"[::2:3:4:5:6:7:8]",
		"[1::2::3]",
		"[1:2:3:4:5:6:7:8::]",
		"[fe80::1%25en0]",
		"[::1.2.3.04]",
		"[12345::]",
		"[1.2.3.4]",
		"[]",
		"[::",
		"::1",
		"a]b",
		"a[b",
		"u@h",
		"u:p@h",
		"[::%31]",
		"[v1.a]",
		"[1:2:3:4:5:6:7]",
		"[1:2:3:4:5::1.2.3.4]",
		"[1:2:3:4:5:6::1.2.3.4]",
		randomIPv6(r),
		randomIPv6(r),
	}
	object := pick(r, "song.mp3", "a b\n", "", "ü", strings.Repeat("k", 1024), strings.Repeat("k", 1025),
		strings.Repeat("é", 513))
	switch r.IntN(8) {
	case 0:
		bucket, _ := randomValue(r, "bucket").(string)
		return pick(r, "s3://", "s3://", "s3://", "S3://", "s3:/") + bucket + pick(r, "/", "/", "") + object
	case 1:
		return mutate(r, "https://example.com:443/a%20b/song.mp3?x=%&y#frag%41")
	case 2:
		return mutate(r, mutate(r, "https://example.com/"))
	case 3:
		return mutate(r, "s3://stems/song.mp3")
	case 4:
		return "https://example.com/" + strings.Repeat(pick(r, "a", "é"), pick(r, 10, 4076, 4077))
	case 5:
		return pick(
			r,
			"https://example.com/song.mp3",
			"http://example.com",
			"HTTPS://a/b",
			"ftp://a/b",
			"https:a",
			"https:/a",
			"https:///a",
			"//a/b",
			"https://a?b",
			"https://a#b",
			"https://a/%zz",
			"https://a/?%zz",
			"https://a/#%zz",
			"",
			"*",
		)
	default:
		host := pick(r, hosts...) + pick(r, "", "", ":", ":80", ":8a", ":80:80")
		path := pick(r, "", "/", "/a/b", "/a b", "/%41", "/%4", "?x", "#x#", "/a?b?c#d", "/\\", "/é")
		return pick(r, "https://", "http://", "HttpS://") + host + path
	}
}

// randomIPv6 is an address, or nearly one.
func randomIPv6(r *rand.Rand) string {
	var groups []string
	for range pick(r, 8, 8, 7, 6, r.IntN(9)) {
		groups = append(groups, pick(r, "0", "a", "FFFF", "12", "", "abc"))
	}
	if one(r, 3) {
		groups = append(groups, pick(r, "1.2.3.4", "255.0.10.199", "256.1.1.1", "1.2.3", "01.2.3.4"))
	}
	return "[" + strings.Join(groups, ":") + "]"
}
