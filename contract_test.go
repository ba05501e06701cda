package stemflow_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
)

func TestWorkflowID(t *testing.T) {
	in := stemflow.SeparateStemsInput{TaskID: "5c79", AudioID: "e231"}
	require.Equal(t, "stems:separate_vocal:5c79:e231", stemflow.WorkflowID(in))
	in.Type, in.StemName = stemflow.SplitStemAdvanced, "Lead Vocal"
	require.Equal(t, "stems:split_stem_advanced:5c79:e231:lead_vocal", stemflow.WorkflowID(in))
}

func TestDurationReadsAndWritesWhatPeopleType(t *testing.T) {
	for typed, want := range map[string]time.Duration{"3m": 3 * time.Minute, "1h30m": 90 * time.Minute, "90s": 90 * time.Second, "2h": 2 * time.Hour} {
		var d stemflow.Duration
		require.NoError(t, json.Unmarshal([]byte(`"`+typed+`"`), &d))
		require.Equal(t, want, time.Duration(d))
	}
	require.Equal(t, "45m", stemflow.DefaultDeadline.String())
	require.Equal(t, "2h", stemflow.Duration(2*time.Hour).String())
	require.Equal(t, "10s", stemflow.Duration(10*time.Second).String())
	require.Equal(t, "1h0m10s", stemflow.Duration(time.Hour+10*time.Second).String())
	require.Equal(t, "0s", stemflow.Duration(0).String())
}

func TestInputSurvivesTheWire(t *testing.T) {
	in := stemflow.SeparateStemsInput{
		TaskID: "t", AudioID: "a", Type: stemflow.SplitStemAdvanced, StemName: "Kick", Bucket: "b-1", Prefix: "x/y",
		CallbackGrace: stemflow.Duration(time.Minute), PollInterval: stemflow.Duration(2 * time.Second),
		Deadline: stemflow.Duration(time.Hour), Force: true, AllowPartial: true,
	}
	data, err := json.Marshal(in)
	require.NoError(t, err)
	var back stemflow.SeparateStemsInput
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, in, back)
	require.NoError(t, back.Validate())
}

func TestValidateReportsEverythingAtOnce(t *testing.T) {
	in := stemflow.SeparateStemsInput{
		TaskID: "../etc", StemName: "Kick", Bucket: "A", Prefix: "a//b", SeparationTaskID: "x y", Force: true,
		PollInterval: stemflow.Duration(time.Millisecond), CallbackGrace: -1,
		Deadline: stemflow.Duration(1000 * time.Hour),
	}
	var e *stemflow.InputError
	require.ErrorAs(t, in.Validate(), &e)
	fields := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		fields[i] = p.Field
		require.Equal(t, p.Field+": "+p.Message, p.String())
	}
	require.Equal(t, []string{
		"taskId", "audioId", "separationTaskId", "stemName", "force", "bucket", "prefix", "callbackGrace", "pollInterval", "deadline",
	}, fields)
}

func FuzzInput(f *testing.F) {
	f.Add([]byte(`{"taskId":"t","audioId":"a","type":"split_stem","callbackGrace":"3m"}`))
	f.Add([]byte(`{"taskId":null,"audioID":"a","force":"yes"}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if !json.Valid(data) {
			return
		}
		var in stemflow.SeparateStemsInput
		require.NoError(t, json.Unmarshal(data, &in), "decoding never fails: Validate reports")
		if in.Validate() == nil {
			id := stemflow.WorkflowID(in)
			require.Less(t, len(id), 1000)
			require.NotContains(t, id, "/")
		}
	})
}

// A pipeline imports the contract without pulling in anything.
func TestContractDependsOnTheStandardLibraryOnly(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	require.NoError(t, err)
	own := []string{
		"stemflow/internal/bounded", "stemflow/internal/bytesize", "stemflow/internal/naming", "stemflow/internal/sample",
		"stemflow",
	}
	require.Equal(t, own, strings.Fields(string(out)))
}
