package stemflow_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
)

// What is wrong with the input of a WAV is said of its own fields, and all of it.
func TestWAVInputNamesItsOwnFields(t *testing.T) {
	for input, want := range map[string][]string{
		`{"taskId": "t", "audioId": "a", "separationTaskId": "s"}`: {"separationTaskId: no such field"},
		`{"taskId": "t", "audioId": "../a", "audioUrl": "https://example.com/a"}`: {
			"audioUrl: no such field", `audioId: "../a" is not an id`,
		},
		`{"taskId": "t", "audioId": "a", "wavTaskId": "../w"}`: {`wavTaskId: "../w" is not an id`},
		`{"taskId": "t", "audioId": "a", "wavTaskId": 5}`:      {"wavTaskId: 5 is not a string"},
		`{"taskId": 5, "audioId": "a"}`:                        {"taskId: 5 is not a string"},
		`{"audioId": "a"}`:                                     {"taskId: is required, give the id of the music task"},
	} {
		var in stemflow.ConvertToWAVInput
		require.NoError(t, json.Unmarshal([]byte(input), &in))
		err := in.Validate()
		var wrong *stemflow.InputError
		require.ErrorAs(t, err, &wrong, input)
		require.Len(t, wrong.Problems, len(want), "%s: %v", input, err)
		for _, text := range want {
			require.ErrorContains(t, err, text, input)
		}
	}
}

// MIDI can be made of every stem that a separation yields.
func TestMIDIOfAnyStem(t *testing.T) {
	for _, stemName := range []string{"Lead Vocal", strings.Repeat("a", 64)} {
		for _, stem := range stemflow.ExpectedStems(stemflow.SplitStemAdvanced, stemName) {
			in := stemflow.GenerateMIDIInput{
				TaskID: "t", AudioID: "a", Type: stemflow.SplitStemAdvanced, StemName: stemName, Stem: stem,
			}
			require.NoError(t, in.Validate())
			in.Stem += "s"
			if len(stemName) == 64 && strings.HasSuffix(stem, "_removed") {
				require.ErrorContains(t, in.Validate(), "stem: ")
			}
		}
	}
}
