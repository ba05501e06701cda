package integration

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"gitlab.com/gomidi/midi/v2/smf"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/kiesim"
)

// requireMIDI demands that the objects of a transcription are there, and are what it says.
func (s *stack) requireMIDI(m stemflow.MIDI) {
	s.t.Helper()
	require.True(s.t, m.IsArchived())
	for _, object := range m.Objects() {
		content := s.object(object.Key)
		sum := sha256.Sum256(content)
		require.Equal(s.t, object.SHA256, hex.EncodeToString(sum[:]))
		require.Equal(s.t, object.Size, int64(len(content)))
	}
	var document struct {
		Instruments []struct {
			Notes []json.RawMessage `json:"notes"`
		} `json:"instruments"`
	}
	require.NoError(s.t, json.Unmarshal(s.object(m.JSON.Key), &document))
	require.Len(s.t, document.Instruments, len(m.Instruments))
	file, err := smf.ReadFrom(bytes.NewReader(s.object(m.File.Key)))
	require.NoError(s.t, err)
	require.Len(s.t, file.Tracks, 1+len(m.Instruments))
	for i, instrument := range m.Instruments {
		require.Len(s.t, document.Instruments[i].Notes, instrument.Notes)
		var name string
		begun := 0
		for _, event := range file.Tracks[i+1] {
			var channel, pitch, velocity uint8
			event.Message.GetMetaTrackName(&name)
			if event.Message.GetNoteStart(&channel, &pitch, &velocity) {
				begun++
			}
		}
		require.Equal(s.t, instrument.Name, name)
		require.Equal(s.t, instrument.Notes-instrument.Dropped, begun)
	}
}

func (s *stack) generateMIDI(in stemflow.GenerateMIDIInput) (stemflow.GenerateMIDIResult, client.WorkflowRun) {
	s.t.Helper()
	run, err := s.client.ExecuteWorkflow(s.t.Context(), client.StartWorkflowOptions{
		ID: stemflow.MIDIWorkflowID(in), TaskQueue: s.queue,
	}, stemflow.WorkflowGenerateMIDI, in)
	require.NoError(s.t, err)
	var result stemflow.GenerateMIDIResult
	require.NoError(s.t, run.Get(s.t.Context(), &result))
	return result, run
}

// A separation with MIDI, and each of its stems by itself: the notes get into the archive, and
// nowhere else.
func TestMIDIFromCallbackToManifest(t *testing.T) {
	t.Parallel()
	s := newStack(t)

	t.Run("with the separation", func(t *testing.T) {
		s := s.on(t)
		in := track(stemflow.SeparateVocal)
		in.MIDI = true
		// Its callback is larger than most servers take by default.
		s.sim.SetScenario(in.AudioID, kiesim.Scenario{MIDI: kiesim.MIDI{
			Notes: 8_000, Numbers: kiesim.MIDINumbersMixed,
		}})
		result := s.result(s.start(in))
		require.Len(t, result.MIDI, 1)
		require.Nil(t, result.MIDI[0].Failure)
		require.Len(t, result.MIDI[0].Instruments, 2)
		require.Equal(t, 8_000, result.MIDI[0].Instruments[0].Notes)
		s.requireMIDI(result.MIDI[0])
		manifest, _ := s.manifest(in)
		require.Equal(t, result, manifest.SeparateStemsResult)
		require.Equal(t, 1, s.billed(in))

		again, run := s.generateMIDI(in.MIDIInput(""))
		require.Equal(t, stemflow.SettledByArchive, again.SettledBy)
		require.Equal(t, result.MIDI[0], again.MIDI)
		child, err := s.client.DescribeWorkflow(t.Context(), run.GetID(), "")
		require.NoError(t, err)
		require.Less(t, child.RawResponse.GetWorkflowExecutionInfo().GetHistorySizeBytes(), int64(20_000))
	})

	t.Run("one stem by itself", func(t *testing.T) {
		s := s.on(t)
		in := track(stemflow.SplitStem)
		s.sim.SetScenario(in.AudioID, kiesim.Scenario{MIDI: kiesim.MIDI{Odd: true}})
		separated := s.result(s.start(in))
		require.Empty(t, separated.MIDI)
		for _, stem := range []string{"drums", "bass"} {
			ask := in.MIDIInput("")
			ask.Stem = stem
			result, run := s.generateMIDI(ask)
			require.Equal(t, stemflow.SettledByCallback, result.SettledBy)
			require.Equal(t, stem, result.MIDI.Stem)
			require.Len(t, result.MIDI.Instruments, 1)
			require.Equal(t, 1, result.MIDI.Instruments[0].Dropped)
			s.requireMIDI(result.MIDI)
			require.Less(t, len(s.history(run)), 40)
		}
		s.sim.SetScenario(in.AudioID, kiesim.Scenario{MIDI: kiesim.MIDI{Empty: kiesim.MIDIEmptyInstruments}})
		nothing, _ := s.generateMIDI(in.MIDIInput(""))
		require.Empty(t, nothing.MIDI.Instruments)
		s.requireMIDI(nothing.MIDI)
		manifest, _ := s.manifest(in)
		require.Len(t, manifest.MIDI, 3)
		require.Equal(t, separated.Stems, manifest.Stems)
		require.Equal(t, 1, s.billed(in))
	})

	run, err := s.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: s.queue},
		stemflow.WorkflowVerifyArchive, stemflow.VerifyArchiveInput{ReadData: "all"})
	require.NoError(t, err)
	var checked stemflow.VerifyArchiveResult
	require.NoError(t, run.Get(t.Context(), &checked))
	require.Empty(t, checked.Findings, "MIDI is no alarm")
}
