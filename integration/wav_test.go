package integration

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/kiesim"
)

// A track is separated and converted at once, on real servers: each is paid for once, the file is
// archived as it was served, and a second WAV, which the provider refuses, costs nothing.
func TestWAVBesideASeparation(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	convert := func(name string, in stemflow.ConvertToWAVInput) stemflow.ConvertToWAVResult {
		t.Helper()
		run, err := s.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
			ID: stemflow.WAVWorkflowID(in), TaskQueue: s.queue,
		}, stemflow.WorkflowConvertToWAV, in)
		require.NoError(t, err)
		var result stemflow.ConvertToWAVResult
		require.NoError(t, run.Get(t.Context(), &result))
		s.replay("wav-"+name, s.history(run))
		return result
	}
	wav := stemflow.ConvertToWAVInput{TaskID: in.TaskID, AudioID: in.AudioID}
	s.sim.SetScenario(kiesim.WAVKey(in.AudioID), kiesim.Scenario{
		Files: map[string]kiesim.File{kiesim.WAV: {Size: 20 << 20}},
	})

	separation := s.start(in)
	result := convert("callback", wav)
	separated := s.result(separation)
	require.NotEqual(t, separated.SeparationTaskID, result.WAVTaskID)
	require.Equal(t, stemflow.SettledByCallback, result.SettledBy)
	require.InDelta(t, stemflow.WAVCredits, result.Credits, 0)
	content := s.object(result.WAV.Key)
	sum := sha256.Sum256(content)
	require.Equal(t, result.WAV.SHA256, hex.EncodeToString(sum[:]))
	require.EqualValues(t, 20<<20, len(content))

	again := convert("found", wav)
	require.Equal(t, stemflow.SettledByArchive, again.SettledBy)
	require.Equal(t, result.WAV, again.WAV)
	forced := wav
	forced.Force = true
	taken := convert("exists", forced)
	require.Equal(t, result.WAVTaskID, taken.WAVTaskID, "the provider makes no second one")
	require.False(t, taken.Paid)

	types := map[string]int{}
	for _, charge := range s.sim.Bill().Charges {
		if charge.AudioID == in.AudioID {
			types[charge.Type]++
		}
	}
	require.Equal(t, map[string]int{kiesim.SeparateVocal: 1, kiesim.WAV: 1}, types)

	run, err := s.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: s.queue},
		stemflow.WorkflowVerifyArchive, stemflow.VerifyArchiveInput{ReadData: "all"})
	require.NoError(t, err)
	var checked stemflow.VerifyArchiveResult
	require.NoError(t, run.Get(t.Context(), &checked))
	require.Empty(t, checked.Findings)
}
