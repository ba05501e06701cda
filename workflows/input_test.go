package workflows_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
)

func TestWrongInputEndsBeforeAnythingIsTouched(t *testing.T) {
	for name, c := range map[string]struct{ input, message string }{
		"misspelt id":        {`{"taskId":"t","audioID":"a"}`, "audioID: no such field, did you mean audioId?"},
		"shortened field":    {`{"taskId":"t","audioId":"a","typ":"split_stem"}`, "typ: no such field, did you mean type?"},
		"unknown field":      {`{"taskId":"t","audioId":"a","colour":"red"}`, "colour: no such field, known are"},
		"missing ids":        {`{}`, "taskId: is required"},
		"unknown type":       {`{"taskId":"t","audioId":"a","type":"karaoke"}`, `type: "karaoke" is unknown`},
		"wrong type":         {`{"taskId":7,"audioId":"a"}`, "taskId: 7 is not a string"},
		"malformed duration": {`{"taskId":"t","audioId":"a","deadline":"soon"}`, `deadline: "soon" is not a duration`},
		"bare number":        {`{"taskId":"t","audioId":"a","pollInterval":30}`, "pollInterval: 30 is not a duration"},
		"bad bucket":         {`{"taskId":"t","audioId":"a","bucket":"My_Bucket"}`, `bucket: "My_Bucket" is not a bucket name`},
		"no object":          {`["t","a"]`, "the input must be one JSON object"},
		"no stem name":       {`{"taskId":"t","audioId":"a","type":"split_stem_advanced"}`, "stemName: is required"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t)
			w.run(json.RawMessage(c.input))
			kind, message, _ := w.failure()
			require.Equal(t, stemflow.ErrorInvalidInput, kind)
			require.Contains(t, message, c.message)
			require.Empty(t, w.calls)
		})
	}
}
