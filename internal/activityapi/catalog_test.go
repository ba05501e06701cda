package activityapi

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
)

// What a run of a catalogue hands on is read by later releases too.
func TestARunningTrackKeepsItsJSON(t *testing.T) {
	track := RunningTrack{
		CatalogTrack: CatalogTrack{
			Number: 3, Line: 4, Input: stemflow.SeparateStemsInput{TaskID: "t", AudioID: "a"},
			Found: &stemflow.TrackOutcome{
				Number: 3, Line: 4, TaskID: "t", AudioID: "a", Type: stemflow.SplitStem, Status: stemflow.TrackFound,
			},
		},
		RunID: "run", Joined: true, Tried: true, Restarts: 1, Earlier: true, Reserved: 10, Credits: 20, Probe: true,
	}
	const text = `{"number":3,"line":4,"input":{"taskId":"t","audioId":"a"},` +
		`"found":{"number":3,"line":4,"taskId":"t","audioId":"a","type":"split_stem","status":"found","credits":0,"stems":0,"bytes":0},` +
		`"runId":"run","joined":true,"tried":true,"restarts":1,"earlier":true,"reserved":10,"credits":20,"probe":true}`
	var read RunningTrack
	require.NoError(t, json.Unmarshal([]byte(text), &read))
	require.Equal(t, track, read)
	track.Begun = true
	data, err := json.Marshal(track)
	require.NoError(t, err)
	require.Equal(t, text, string(data))

	data, err = json.Marshal(CatalogTrack{Number: 3, Line: 4, Input: track.Input})
	require.NoError(t, err)
	require.Equal(
		t,
		`{"number":3,"line":4,"input":{"taskId":"t","audioId":"a"}}`,
		string(data),
		"a line of tracks.jsonl",
	)
}
