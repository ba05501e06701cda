package workflows_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/activityapi"
)

const midiID = "5c79be8e0000000000000000000000aa"

// midiHarness is a harness in which MIDI is made well. A test replaces what it wants otherwise.
type midiHarness struct {
	*harness
	prepareMIDI func(activityapi.PrepareMIDIInput) (*activityapi.PreparedMIDI, error)
	submitMIDI  func(activityapi.SubmitMIDIInput) (*activityapi.SubmittedMIDI, error)
	getMIDI     func(activityapi.GetMIDIRecordInput) (*activityapi.MIDIRecord, error)
	archiveMIDI func(activityapi.ArchiveMIDIInput) (*stemflow.MIDI, error)
}

func newMIDIHarness(t *testing.T) *midiHarness {
	w := &midiHarness{harness: newHarness(t)}
	w.prepareMIDI = func(in activityapi.PrepareMIDIInput) (*activityapi.PreparedMIDI, error) {
		return &activityapi.PreparedMIDI{
			SeparationTaskID: separationID, Stem: in.Stem, SubmitTaskQueue: "stemflow-submit", CallbacksExpected: true,
			Manifest: stemflow.ObjectRef{Bucket: "stems", Key: "manifest.json"},
		}, nil
	}
	w.submitMIDI = func(activityapi.SubmitMIDIInput) (*activityapi.SubmittedMIDI, error) {
		return &activityapi.SubmittedMIDI{MIDITaskID: midiID, RequestedAt: w.env.Now()}, nil
	}
	w.getMIDI = func(activityapi.GetMIDIRecordInput) (*activityapi.MIDIRecord, error) {
		return &activityapi.MIDIRecord{Instruments: 1, Notes: 2}, nil
	}
	w.archiveMIDI = func(in activityapi.ArchiveMIDIInput) (*stemflow.MIDI, error) {
		made := archivedMIDI(in.MIDITaskID)
		made.Stem = in.Stem
		return &made, nil
	}
	stub(w.harness, activityapi.ActivityPrepareMIDI,
		func(in activityapi.PrepareMIDIInput) (*activityapi.PreparedMIDI, error) { return w.prepareMIDI(in) })
	stub(w.harness, activityapi.ActivitySubmitMIDI,
		func(in activityapi.SubmitMIDIInput) (*activityapi.SubmittedMIDI, error) { return w.submitMIDI(in) })
	stub(w.harness, activityapi.ActivityGetMIDIRecord,
		func(in activityapi.GetMIDIRecordInput) (*activityapi.MIDIRecord, error) { return w.getMIDI(in) })
	stub(w.harness, activityapi.ActivityArchiveMIDI,
		func(in activityapi.ArchiveMIDIInput) (*stemflow.MIDI, error) { return w.archiveMIDI(in) })
	return w
}

func archivedMIDI(id string) stemflow.MIDI {
	return stemflow.MIDI{
		MIDITaskID: id, JSON: &stemflow.MIDIObject{Key: "midi.json"}, File: &stemflow.MIDIObject{Key: "midi.mid"},
		Instruments: []stemflow.MIDIInstrument{{Name: "Drums", Notes: 2}},
	}
}

func midiInput() stemflow.GenerateMIDIInput {
	return stemflow.GenerateMIDIInput{TaskID: "task", AudioID: "audio"}
}

func (w *midiHarness) generate(in any) { w.execute(stemflow.WorkflowGenerateMIDI, in) }

func (w *midiHarness) made() stemflow.GenerateMIDIResult {
	w.t.Helper()
	require.NoError(w.t, w.env.GetWorkflowError())
	var result stemflow.GenerateMIDIResult
	require.NoError(w.t, w.env.GetWorkflowResult(&result))
	return result
}

func (w *midiHarness) ended(kind string) (details stemflow.MIDIErrorDetails) {
	w.t.Helper()
	var app *temporal.ApplicationError
	require.ErrorAs(w.t, w.env.GetWorkflowError(), &app)
	require.Equal(w.t, kind, app.Type(), app.Message())
	require.NoError(w.t, app.Details(&details))
	return details
}

func TestMIDISettledByItsCallback(t *testing.T) {
	w := newMIDIHarness(t)
	w.callbackAfter(5*time.Second, stemflow.Callback{TaskID: "another", Code: 200})
	w.callbackAfter(10*time.Second, stemflow.Callback{TaskID: midiID, Code: 200})
	w.callbackAfter(10*time.Second, stemflow.Callback{TaskID: midiID, Code: 200})
	in := midiInput()
	in.Stem = "bass"
	w.generate(in)
	result := w.made()
	require.Equal(t, stemflow.SettledByCallback, result.SettledBy)
	require.Equal(t, separationID, result.SeparationTaskID)
	require.Equal(t, midiID, result.MIDI.MIDITaskID)
	require.Equal(t, "bass", result.MIDI.Stem)
	require.Equal(t, 1, w.calls[activityapi.ActivitySubmitMIDI])
	require.Equal(t, 1, w.calls[activityapi.ActivityGetMIDIRecord])
	require.Less(t, w.took(), time.Minute)
}

func TestPollingFindsMIDIWhoseCallbackIsLost(t *testing.T) {
	w := newMIDIHarness(t)
	polls := 0
	w.getMIDI = func(activityapi.GetMIDIRecordInput) (*activityapi.MIDIRecord, error) {
		if polls++; polls < 4 {
			return nil, again(activityapi.ActivityErrorPending)
		}
		return &activityapi.MIDIRecord{}, nil
	}
	w.generate(midiInput())
	require.Equal(t, stemflow.SettledByPoll, w.made().SettledBy)
	require.GreaterOrEqual(t, w.took(), time.Duration(stemflow.DefaultCallbackGrace))
	require.Less(t, w.took(), 10*time.Minute)
}

// A callback that comes before its submit has ended is heard.
func TestAnEarlyMIDICallbackIsHeard(t *testing.T) {
	w := newMIDIHarness(t)
	tries := 0
	w.submitMIDI = func(activityapi.SubmitMIDIInput) (*activityapi.SubmittedMIDI, error) {
		if tries++; tries < 3 {
			return nil, again(stemflow.ErrorProviderUnavailable)
		}
		return &activityapi.SubmittedMIDI{MIDITaskID: midiID}, nil
	}
	w.callbackAfter(time.Second, stemflow.Callback{TaskID: midiID, Code: 200})
	w.generate(midiInput())
	require.Equal(t, stemflow.SettledByCallback, w.made().SettledBy)
	require.Less(t, w.took(), 2*time.Minute)
}

// The next poll would come after the deadline. A callback is heard until then.
func TestMIDIIsListenedForAfterTheLastPoll(t *testing.T) {
	called := func() *midiHarness {
		w := newMIDIHarness(t)
		w.getMIDI = func(activityapi.GetMIDIRecordInput) (*activityapi.MIDIRecord, error) {
			if w.took() < 10*time.Minute {
				return nil, again(activityapi.ActivityErrorPending)
			}
			return &activityapi.MIDIRecord{}, nil
		}
		// The first says so too early.
		w.callbackAfter(9*time.Minute, stemflow.Callback{TaskID: midiID, Code: 200})
		w.callbackAfter(11*time.Minute, stemflow.Callback{TaskID: midiID, Code: 200})
		return w
	}
	in := midiInput()
	in.PollInterval = stemflow.Duration(44 * time.Minute)
	w := called()
	w.generate(in)
	require.Equal(t, stemflow.SettledByCallback, w.made().SettledBy)
	require.Less(t, w.took(), 12*time.Minute)

	w = called()
	w.fromBefore("midi-listens")
	w.generate(in)
	require.Equal(t, stemflow.SettledByPoll, w.made().SettledBy)
}

// A callback that the record denies, or a failure that it does not confirm, only costs a look.
func TestAForgedMIDICallbackChangesNothing(t *testing.T) {
	w := newMIDIHarness(t)
	w.getMIDI = func(activityapi.GetMIDIRecordInput) (*activityapi.MIDIRecord, error) {
		if w.env.Now().Sub(w.began) < 10*time.Minute {
			return nil, again(activityapi.ActivityErrorPending)
		}
		return &activityapi.MIDIRecord{}, nil
	}
	for i := range 100 {
		w.callbackAfter(time.Duration(i+1)*time.Second, stemflow.Callback{TaskID: midiID, Code: 500 - 300*(i%2)})
	}
	w.generate(midiInput())
	require.Equal(t, stemflow.SettledByPoll, w.made().SettledBy)
	require.Equal(t, 1, w.calls[activityapi.ActivitySubmitMIDI])
}

func TestMIDIThatIsArchivedIsReturned(t *testing.T) {
	w := newMIDIHarness(t)
	known := archivedMIDI("before")
	w.prepareMIDI = func(activityapi.PrepareMIDIInput) (*activityapi.PreparedMIDI, error) {
		return &activityapi.PreparedMIDI{SeparationTaskID: separationID, Known: &known, Whole: true}, nil
	}
	w.generate(midiInput())
	result := w.made()
	require.Equal(t, stemflow.SettledByArchive, result.SettledBy)
	require.Equal(t, known, result.MIDI)
	require.Zero(t, w.calls[activityapi.ActivitySubmitMIDI])
}

func TestForcedMIDIIsAskedForAgain(t *testing.T) {
	w := newMIDIHarness(t)
	known := archivedMIDI("before")
	w.prepareMIDI = func(activityapi.PrepareMIDIInput) (*activityapi.PreparedMIDI, error) {
		return &activityapi.PreparedMIDI{SeparationTaskID: separationID, Known: &known, Whole: true}, nil
	}
	except := ""
	w.submitMIDI = func(in activityapi.SubmitMIDIInput) (*activityapi.SubmittedMIDI, error) {
		except = in.Except
		return &activityapi.SubmittedMIDI{MIDITaskID: midiID}, nil
	}
	in := midiInput()
	in.Force = true
	w.generate(in)
	require.Equal(t, midiID, w.made().MIDI.MIDITaskID)
	require.Equal(t, "before", except)
}

func TestAnEarlierTranscriptionIsTakenUp(t *testing.T) {
	for name, c := range map[string]struct {
		record  error
		pending bool
		want    string
		by      stemflow.SettledBy
	}{
		"done":     {want: "before", by: stemflow.SettledByResume},
		"pending":  {pending: true, want: "before", by: stemflow.SettledByPoll},
		"failed":   {record: failed(stemflow.ErrorMIDIFailed), want: midiID, by: stemflow.SettledByPoll},
		"unknown":  {record: again(activityapi.ActivityErrorNoRecord), want: midiID, by: stemflow.SettledByPoll},
		"unlooked": {record: errors.New("no worker"), want: midiID, by: stemflow.SettledByPoll},
	} {
		t.Run(name, func(t *testing.T) {
			w := newMIDIHarness(t)
			w.prepareMIDI = func(activityapi.PrepareMIDIInput) (*activityapi.PreparedMIDI, error) {
				return &activityapi.PreparedMIDI{
					SeparationTaskID: separationID, Known: &stemflow.MIDI{MIDITaskID: "before"},
				}, nil
			}
			w.getMIDI = func(in activityapi.GetMIDIRecordInput) (*activityapi.MIDIRecord, error) {
				if in.MIDITaskID == "before" && c.record != nil {
					return nil, c.record
				}
				return &activityapi.MIDIRecord{Pending: in.ReportPending && c.pending}, nil
			}
			w.generate(midiInput())
			result := w.made()
			require.Equal(t, c.want, result.MIDI.MIDITaskID)
			require.Equal(t, c.by, result.SettledBy)
			require.Equal(t, c.want == midiID, w.calls[activityapi.ActivitySubmitMIDI] == 1)
		})
	}
}

func TestMIDIThatFails(t *testing.T) {
	w := newMIDIHarness(t)
	w.getMIDI = func(activityapi.GetMIDIRecordInput) (*activityapi.MIDIRecord, error) {
		return nil, failed(stemflow.ErrorMIDIFailed, stemflow.ErrorDetails{ProviderCode: 500, ProviderMessage: "no"})
	}
	w.callbackAfter(time.Second, stemflow.Callback{TaskID: midiID, Code: 500})
	w.generate(midiInput())
	require.Equal(t, stemflow.MIDIErrorDetails{MIDITaskID: midiID, ProviderCode: 500, ProviderMessage: "no"},
		w.ended(stemflow.ErrorMIDIFailed))

	w = newMIDIHarness(t)
	w.getMIDI = func(in activityapi.GetMIDIRecordInput) (*activityapi.MIDIRecord, error) {
		if in.ReportPending {
			return &activityapi.MIDIRecord{Pending: true}, nil
		}
		return nil, again(activityapi.ActivityErrorPending)
	}
	w.generate(midiInput())
	require.Equal(t, midiID, w.ended(stemflow.ErrorMIDITimedOut).MIDITaskID)
	require.InDelta(t, time.Duration(stemflow.DefaultDeadline).Minutes(), w.took().Minutes(), 2)

	w = newMIDIHarness(t)
	w.submitMIDI = func(activityapi.SubmitMIDIInput) (*activityapi.SubmittedMIDI, error) {
		return nil, failed(stemflow.ErrorUnauthorized)
	}
	w.generate(midiInput())
	require.Empty(t, w.ended(stemflow.ErrorUnauthorized).MIDITaskID)

	w = newMIDIHarness(t)
	w.generate(stemflow.GenerateMIDIInput{TaskID: "task", Stem: "!"})
	w.ended(stemflow.ErrorInvalidInput)
	require.Empty(t, w.calls)
}

func TestMIDICanBeCancelledAtAnyMoment(t *testing.T) {
	for _, after := range []time.Duration{
		0, time.Second, 30 * time.Second, time.Minute, 4 * time.Minute, 20 * time.Minute,
	} {
		w := newMIDIHarness(t)
		w.submitMIDI = func(activityapi.SubmitMIDIInput) (*activityapi.SubmittedMIDI, error) {
			if w.env.Now().Sub(w.began) < 40*time.Second {
				return nil, again(stemflow.ErrorProviderUnavailable)
			}
			return &activityapi.SubmittedMIDI{MIDITaskID: midiID}, nil
		}
		w.getMIDI = func(activityapi.GetMIDIRecordInput) (*activityapi.MIDIRecord, error) {
			return nil, again(activityapi.ActivityErrorPending)
		}
		w.cancelAfter(after)
		w.generate(midiInput())
		var cancelled *temporal.CanceledError
		require.ErrorAs(t, w.env.GetWorkflowError(), &cancelled)
		require.Less(t, w.took(), after+time.Minute)
		require.Zero(t, w.calls[activityapi.ActivityArchiveMIDI])
	}
}

func separationWithMIDI() stemflow.SeparateStemsInput {
	in := input()
	in.MIDI = true
	return in
}

// calledBack delivers the callback of the separation, and that of the MIDI's child a while later.
func (w *midiHarness) calledBack() {
	w.callbackAfter(time.Minute, success(separationID))
	w.env.RegisterDelayedCallback(func() {
		_ = w.env.SignalWorkflowByID("midi:separate_vocal:task:audio", stemflow.SignalSeparationCallback,
			stemflow.Callback{TaskID: midiID, Code: 200})
	}, 90*time.Second)
}

func TestASeparationHasItsMIDIMade(t *testing.T) {
	w := newMIDIHarness(t)
	w.calledBack()
	var asked activityapi.PrepareMIDIInput
	prepare := w.prepareMIDI
	w.prepareMIDI = func(in activityapi.PrepareMIDIInput) (*activityapi.PreparedMIDI, error) {
		asked = in
		require.Len(t, w.manifests, 1, "the stems are safe before")
		return prepare(in)
	}
	in := separationWithMIDI()
	in.Bucket, in.Prefix = "stems-2", "albums"
	w.run(in)
	result := w.result()
	require.Len(t, result.Stems, 2)
	require.Equal(t, []stemflow.MIDI{archivedMIDI(midiID)}, result.MIDI)
	require.Equal(t, activityapi.PrepareMIDIInput{
		Track: in.Track(), Bucket: "stems-2", Prefix: "albums", SeparationTaskID: separationID,
	}, asked)
	require.Equal(t, stemflow.PhaseDone, w.progress().Phase)
	require.Empty(t, w.manifests[0].MIDI)
}

// Whatever becomes of the MIDI, the separation has succeeded, and its result says why there is
// none.
func TestAFailureOfTheMIDIFailsNoSeparation(t *testing.T) {
	for name, spoil := range map[string]func(*midiHarness){
		stemflow.ErrorMIDIFailed: func(w *midiHarness) {
			w.getMIDI = func(activityapi.GetMIDIRecordInput) (*activityapi.MIDIRecord, error) {
				return nil, failed(stemflow.ErrorMIDIFailed)
			}
		},
		stemflow.ErrorMIDITimedOut: func(w *midiHarness) {
			w.getMIDI = func(activityapi.GetMIDIRecordInput) (*activityapi.MIDIRecord, error) {
				return nil, again(activityapi.ActivityErrorPending)
			}
		},
		stemflow.ErrorProviderRejected: func(w *midiHarness) {
			w.submitMIDI = func(activityapi.SubmitMIDIInput) (*activityapi.SubmittedMIDI, error) {
				return nil, failed(stemflow.ErrorProviderRejected)
			}
		},
		stemflow.ErrorProviderUnavailable: func(w *midiHarness) {
			w.submitMIDI = func(activityapi.SubmitMIDIInput) (*activityapi.SubmittedMIDI, error) {
				return nil, again(stemflow.ErrorProviderUnavailable)
			}
		},
		stemflow.ErrorArchiveUnavailable: func(w *midiHarness) {
			w.archiveMIDI = func(activityapi.ArchiveMIDIInput) (*stemflow.MIDI, error) {
				return nil, failed(stemflow.ErrorArchiveUnavailable)
			}
		},
		stemflow.ReasonCanceled: func(w *midiHarness) {
			w.getMIDI = func(activityapi.GetMIDIRecordInput) (*activityapi.MIDIRecord, error) {
				return nil, again(activityapi.ActivityErrorPending)
			}
			w.cancelAfter(20 * time.Minute)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newMIDIHarness(t)
			spoil(w)
			w.calledBack()
			w.run(separationWithMIDI())
			result := w.result()
			require.Len(t, result.Stems, 2)
			require.Len(t, result.MIDI, 1)
			require.NotNil(t, result.MIDI[0].Failure)
			require.Equal(t, name, result.MIDI[0].Failure.Type)
			require.Equal(t, stemflow.PhaseDone, w.progress().Phase)
		})
	}
}

// A track that is archived gets its MIDI by another start, and pays nothing.
func TestMIDIOfATrackThatIsArchived(t *testing.T) {
	w := newMIDIHarness(t)
	w.prepare = func(activityapi.PrepareArchiveInput) (*activityapi.PreparedArchive, error) {
		return &activityapi.PreparedArchive{Archived: &stemflow.SeparateStemsResult{
			SeparationTaskID: separationID, Stems: []stemflow.Stem{*archived("vocals")},
			MIDI: []stemflow.MIDI{{Stem: "vocals", MIDITaskID: "x"}, {MIDITaskID: "under way"}},
		}}, nil
	}
	w.run(separationWithMIDI())
	result := w.result()
	require.Equal(t, stemflow.SettledByArchive, result.SettledBy)
	require.Zero(t, w.calls[activityapi.ActivitySubmitSeparation])
	require.Equal(t, []stemflow.MIDI{{Stem: "vocals", MIDITaskID: "x"}, archivedMIDI(midiID)}, result.MIDI)
}

func TestWithoutMIDINoneIsMade(t *testing.T) {
	w := newMIDIHarness(t)
	w.calledBack()
	w.run(input())
	require.Empty(t, w.result().MIDI)
	require.Zero(t, w.calls[activityapi.ActivityPrepareMIDI])
}
