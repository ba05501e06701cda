package stemflow_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/bounded"
)

func TestInputFields(t *testing.T) {
	all := stemflow.InputFields()
	require.Equal(t, stemflow.InputField{Name: "taskId"}, all[0])
	require.Len(t, all, 16)
	for _, field := range all {
		found, err := stemflow.LookupInputField(field.Name)
		require.NoError(t, err)
		require.Equal(t, field, found)
		require.Equal(t, field.Name == "force" || field.Name == "allowPartial" || field.Name == "midi", field.Bool, field.Name)
	}
	_, err := stemflow.LookupInputField("audioID")
	require.EqualError(t, err, "audioID: no such field, did you mean audioId?")
	_, err = stemflow.LookupInputField("undecoded")
	require.ErrorContains(t, err, "undecoded: no such field, known are allowPartial, audioId, ")
}

func TestReferenceDescribesEveryInputField(t *testing.T) {
	readme, err := os.ReadFile("docs/reference.md")
	require.NoError(t, err)
	for _, field := range stemflow.InputFields() {
		require.Regexp(t, "(?m)^\\| .*`"+field.Name+"`.* \\|.*\\|.*\\|$", string(readme), field.Name)
	}
}

// What a catalogue says for all, its tracks get, field by field; only what names a track is each
// track's own. With inline tracks the catalogue does not keep it, only where it is archived.
func TestACatalogueHandsEveryFieldToItsTracks(t *testing.T) {
	values := map[reflect.Type]string{
		reflect.TypeFor[string]():                  `"Kick"`,
		reflect.TypeFor[bool]():                    "true",
		reflect.TypeFor[stemflow.Duration]():       `"1m"`,
		reflect.TypeFor[stemflow.SeparationType](): `"split_stem_advanced"`,
	}
	for field := range reflect.TypeFor[stemflow.SeparateStemsInput]().Fields() {
		if !field.IsExported() || slices.Contains(
			[]string{"TaskID", "AudioID", "AudioURL", "AudioSHA256", "Title", "SeparationTaskID"}, field.Name) {
			continue
		}
		var in stemflow.SeparateCatalogInput
		setting := reflect.ValueOf(&in).Elem().FieldByName(field.Name)
		require.True(t, setting.IsValid(), "a catalogue has no %s", field.Name)
		require.NoError(t, json.Unmarshal([]byte(values[field.Type]), setting.Addr().Interface()))
		if field.Name == "StemName" {
			in.Type = stemflow.SplitStemAdvanced // else it is left out
		}
		track := in.Track([]byte(`{"taskId": "t", "audioId": "a"}`))
		require.Equal(t, setting.Interface(), reflect.ValueOf(track).FieldByName(field.Name).Interface(), field.Name)

		in.Tracks = []stemflow.SeparateStemsInput{{TaskID: "t", AudioID: "a"}}
		data, err := json.Marshal(in)
		require.NoError(t, err)
		var decoded stemflow.SeparateCatalogInput
		require.NoError(t, json.Unmarshal(data, &decoded))
		require.Equal(
			t,
			setting.Interface(),
			reflect.ValueOf(decoded.Tracks[0]).FieldByName(field.Name).Interface(),
			field.Name,
		)
		kept := !reflect.ValueOf(decoded).FieldByName(field.Name).IsZero()
		require.Equal(t, field.Name == "Bucket" || field.Name == "Prefix", kept, field.Name)
	}
}

// hostile are texts of a kind that once could not be reported: too long, longer when quoted, or not
// UTF-8.
var hostile = map[string]string{
	"long":            strings.Repeat("!", 200_000),
	"long in quotes":  strings.Repeat("\u0080", 100_000),
	"zeros":           strings.Repeat("\x00", 200_000),
	"no UTF-8":        strings.Repeat("\xff", 200_000),
	"half characters": strings.Repeat("\xe2\x82", 100_000),
	"slashes":         strings.Repeat("/", 100_000) + "..",
}

func TestProblemsOfHostileInputsCanBeReported(t *testing.T) {
	for name, text := range hostile {
		t.Run(name, func(t *testing.T) {
			track := stemflow.SeparateStemsInput{
				TaskID: text, AudioID: text, Type: stemflow.SeparationType(text), StemName: text,
				SeparationTaskID: text, Bucket: text, Prefix: text,
			}
			tracks := make([]stemflow.SeparateStemsInput, 60)
			for i := range tracks {
				tracks[i] = track
			}
			for kind, err := range map[string]error{
				"track":     track.Validate(),
				"catalogue": stemflow.SeparateCatalogInput{Name: text, Tracks: tracks}.Validate(),
				"common":    stemflow.SeparateCatalogInput{Bucket: text, StemName: text}.Validate(),
				"source": stemflow.SeparateCatalogInput{
					Source: &stemflow.ObjectRef{Bucket: text, Key: text},
				}.Validate(),
			} {
				requireReportable(t, err, kind)
			}
			require.ErrorContains(t, track.Validate(), "letters, digits, '.', '_' and '-', at most 128",
				"what to do about it is not cut")
		})
	}
}

// What does not decode is reported too, by whatever name and however much of it there is.
func TestProblemsOfHostileJSONCanBeReported(t *testing.T) {
	fields := map[string]any{"taskId": "t", "audioId": "a"}
	for i := range 5_000 {
		fields[fmt.Sprintf("field%d", i)] = i
	}
	many, err := json.Marshal(fields)
	require.NoError(t, err)
	list, err := json.Marshal(map[string]any{"tracks": []any{json.RawMessage(many), json.RawMessage(many)}})
	require.NoError(t, err)
	for name, data := range map[string]string{
		"many fields": string(many),
		"a long name": `{"` + hostile["long"] + `": 1, "taskId": "t", "audioId": "a"}`,
		"a long list": `{"taskId": [` + strings.Repeat("1,", 200_000) + `1], "audioId": "a"}`,
		"a duration":  `{"taskId": "t", "audioId": "a", "deadline": "` + hostile["long"] + `"}`,
		"a boolean":   `{"taskId": "t", "audioId": "a", "force": "` + hostile["long"] + `"}`,
		"no object":   `"` + hostile["long"] + `"`,
		"not UTF-8":   "{\"taskId\": \"t\", \"audioId\": \"a\", \"\xff\": \"\xff\"}",
	} {
		t.Run(name, func(t *testing.T) {
			var in stemflow.SeparateStemsInput
			require.NoError(t, in.UnmarshalJSON([]byte(data)))
			requireReportable(t, in.Validate(), name)
		})
	}
	var in stemflow.SeparateCatalogInput
	require.NoError(t, in.UnmarshalJSON(list))
	requireReportable(t, in.Validate(), "list")
	var invalid *stemflow.InputError
	require.ErrorAs(t, in.Validate(), &invalid)
	require.Equal(t, 10_000, len(invalid.Problems)+invalid.More, "all are counted")
}

// requireReportable demands an error that Temporal takes.
func requireReportable(t *testing.T, err error, msg string) {
	t.Helper()
	require.Error(t, err, msg)
	require.LessOrEqual(t, len(err.Error()), bounded.Message, msg)
	require.True(t, utf8.ValidString(err.Error()), msg)
}

// However problems are put together, by Add or by hand, the text is bounded and none goes missing.
func TestInputErrorIsBounded(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		data := make([]byte, random.IntN(3000))
		for i := range data {
			data[i] = byte(random.IntN(256))
		}
		return string(data)
	}
	for range 200 {
		added, made := &stemflow.InputError{}, &stemflow.InputError{More: random.IntN(3)}
		problems := random.IntN(2 * stemflow.MaxProblems)
		for range problems {
			p := stemflow.InputProblem{Item: text(), Field: text(), Message: text()}
			added.Add(p)
			made.Problems = append(made.Problems, p)
		}
		require.Equal(t, problems, len(added.Problems)+added.More)
		require.LessOrEqual(t, len(added.Problems), stemflow.MaxProblems)
		for _, e := range []*stemflow.InputError{added, made} {
			require.LessOrEqual(t, len(e.Error()), bounded.Message)
			require.True(t, utf8.ValidString(e.Error()))
		}
	}

	short := &stemflow.InputError{}
	for i := range 1000 {
		short.Add(stemflow.InputProblem{Item: fmt.Sprint("line ", i), Message: strings.Repeat("x", 400)})
	}
	told := strings.Count(short.Error(), "line ")
	require.Greater(t, told, 20)
	require.Contains(t, short.Error(), fmt.Sprintf("; and %d problems more", 1000-told))
}
