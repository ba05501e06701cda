package workflows_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"stemflow"
)

var late = stemflow.RecordCallbackInput{
	WorkflowID: "stems:separate_vocal:task:audio", Owner: "the-run-that-submitted",
	Track: stemflow.Track{TaskID: "task", AudioID: "audio", Type: stemflow.SeparateVocal},
}

// recordCallbacks runs RecordCallback, which the first callback starts, to its end.
func (w *world) recordCallbacks(first string) {
	w.env.RegisterDelayedCallback(func() { w.env.SignalWorkflow(stemflow.SignalSeparationCallback, success(first)) }, 0)
	w.began = w.env.Now()
	w.env.ExecuteWorkflow(stemflow.WorkflowRecordCallback, late)
	require.True(w.t, w.env.IsWorkflowCompleted())
}

func (w *world) recordedCallback() stemflow.RecordedCallback {
	w.t.Helper()
	require.NoError(w.t, w.env.GetWorkflowError())
	var recorded stemflow.RecordedCallback
	require.NoError(w.t, w.env.GetWorkflowResult(&recorded))
	return recorded
}

func TestLateCallbackIsRecorded(t *testing.T) {
	w := newWorld(t)
	asked := w.adopted(stemflow.CallbackRecorded)
	w.recordCallbacks(separationID)
	require.Equal(t, stemflow.RecordedCallback{
		SeparationTaskID: separationID, Owner: "an-earlier-run", Outcome: stemflow.CallbackRecorded,
	}, w.recordedCallback())
	require.Equal(t, []stemflow.AdoptCallbackInput{
		{SeparationTaskID: separationID, WorkflowID: late.WorkflowID, Owner: late.Owner, Track: late.Track},
	}, *asked)
	require.Less(t, w.took(), time.Minute, "there is no other callback to wait for")
}

// A separation that somebody made up holds nothing up.
func TestForgedLateCallbackDoesNotKeepTheGenuineOneOut(t *testing.T) {
	for name, forged := range map[string]error{
		"of another run":     failed(stemflow.ActivityErrorNotOwn),
		"of nobody":          failed(stemflow.ActivityErrorNoRecord),
		"of nobody, perhaps": again(stemflow.ActivityErrorNoRecord),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.adopt = func(in stemflow.AdoptCallbackInput) (*stemflow.RecordedCallback, error) {
				if in.SeparationTaskID != separationID {
					return nil, forged
				}
				return &stemflow.RecordedCallback{SeparationTaskID: in.SeparationTaskID, Outcome: stemflow.CallbackRecorded}, nil
			}
			w.callbackAfter(5*time.Minute, success(separationID))
			w.recordCallbacks("made-up")
			require.Equal(t, separationID, w.recordedCallback().SeparationTaskID)
			require.Less(t, w.took(), 6*time.Minute)
		})
	}
}

func TestLateCallbacksOfNobodyAreToldAndBounded(t *testing.T) {
	w := newWorld(t)
	for i := range 200 {
		w.callbackAfter(time.Duration(i)*time.Second, success(fmt.Sprintf("made-up-%d", i)))
	}
	w.recordCallbacks("made-up-0")
	var app *temporal.ApplicationError
	require.ErrorAs(t, w.env.GetWorkflowError(), &app)
	require.Equal(t, stemflow.ErrorSubmissionUnknown, app.Type())
	require.Contains(t, app.Message(), "made-up-19")
	require.Contains(t, app.Message(), late.Owner)
	require.Contains(t, app.Message(), "separationTaskId")
	require.Equal(t, 20, w.calls[stemflow.ActivityAdoptCallback])
	require.InDelta(t, 10, w.took().Minutes(), 0.1, "the same could be asked for again at once otherwise")
}

func TestLateCallbackWaitsForTheStore(t *testing.T) {
	w := newWorld(t)
	w.adopt = func(in stemflow.AdoptCallbackInput) (*stemflow.RecordedCallback, error) {
		if w.calls[stemflow.ActivityAdoptCallback] < 10 { // more retries the test environment does not make
			return nil, again(stemflow.ErrorArchiveUnavailable)
		}
		return &stemflow.RecordedCallback{SeparationTaskID: in.SeparationTaskID, Outcome: stemflow.CallbackRecorded}, nil
	}
	w.recordCallbacks(separationID)
	require.Equal(t, stemflow.CallbackRecorded, w.recordedCallback().Outcome)
}

func TestStoreThatStaysAwayIsTold(t *testing.T) {
	w := newWorld(t)
	w.adopt = func(stemflow.AdoptCallbackInput) (*stemflow.RecordedCallback, error) {
		return nil, again(stemflow.ErrorArchiveUnavailable)
	}
	w.recordCallbacks(separationID)
	var app *temporal.ApplicationError
	require.ErrorAs(t, w.env.GetWorkflowError(), &app)
	require.Equal(t, stemflow.ErrorArchiveUnavailable, app.Type())
	require.Contains(t, app.Message(), separationID)
}

func TestRecordCallbackIsCancelled(t *testing.T) {
	w := newWorld(t)
	w.cancelAfter(time.Minute)
	w.recordCallbacks(separationID)
	require.True(t, temporal.IsCanceledError(w.env.GetWorkflowError()), w.env.GetWorkflowError())
	require.Less(t, w.took(), 2*time.Minute)
}
