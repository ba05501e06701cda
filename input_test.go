package stemflow_test

import (
	"encoding/json"
	"os"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
)

func TestInputFields(t *testing.T) {
	all := stemflow.InputFields()
	require.Equal(t, stemflow.InputField{Name: "taskId"}, all[0])
	require.Len(t, all, 12)
	for _, field := range all {
		found, err := stemflow.LookupInputField(field.Name)
		require.NoError(t, err)
		require.Equal(t, field, found)
		require.Equal(t, field.Name == "force" || field.Name == "allowPartial", field.Bool, field.Name)
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
		name := field.Tag.Get("json")
		if !field.IsExported() || name == "taskId" || name == "audioId" || field.Name == "SeparationTaskID" {
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
