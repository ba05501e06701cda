package workflows_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/activityapi"
)

var late = activityapi.RecordCallbackInput{
	WorkflowID: "stems:separate_vocal:task:audio", Owner: "the-run-that-submitted",
	Track: stemflow.Track{TaskID: "task", AudioID: "audio", Type: stemflow.SeparateVocal},
}

// recordCallbacks runs RecordCallback, which the first callback starts, to its end.
func (w *harness) recordCallbacks(first string) {
	w.env.RegisterDelayedCallback(func() { w.env.SignalWorkflow(stemflow.SignalSeparationCallback, success(first)) }, 0)
	w.execute(activityapi.WorkflowRecordCallback, late)
}

func (w *harness) recordedCallback() activityapi.RecordedCallback {
	w.t.Helper()
	require.NoError(w.t, w.env.GetWorkflowError())
	var recorded activityapi.RecordedCallback
	require.NoError(w.t, w.env.GetWorkflowResult(&recorded))
	return recorded
}

func TestLateCallbackIsRecorded(t *testing.T) {
	w := newHarness(t)
	asked := w.adopted(activityapi.CallbackRecorded)
	w.recordCallbacks(separationID)
	require.Equal(t, activityapi.RecordedCallback{
		SeparationTaskID: separationID, Owner: "an-earlier-run", Outcome: activityapi.CallbackRecorded,
	}, w.recordedCallback())
	require.Equal(t, []activityapi.AdoptCallbackInput{
		{SeparationTaskID: separationID, WorkflowID: late.WorkflowID, Owner: late.Owner, Track: late.Track},
	}, *asked)
	require.Less(t, w.took(), time.Minute, "there is no other callback to wait for")
}

// An invented separation holds nothing up.
func TestForgedLateCallbackDoesNotKeepTheGenuineOneOut(t *testing.T) {
	for name, forged := range map[string]error{
		"of another run":     failed(activityapi.ActivityErrorNotOwn),
		"of nobody":          failed(activityapi.ActivityErrorNoRecord),
		"of nobody, perhaps": again(activityapi.ActivityErrorNoRecord),
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t)
			w.adopt = func(in activityapi.AdoptCallbackInput) (*activityapi.RecordedCallback, error) {
				if in.SeparationTaskID != separationID {
					return nil, forged
				}
				return &activityapi.RecordedCallback{
					SeparationTaskID: in.SeparationTaskID,
					Outcome:          activityapi.CallbackRecorded,
				}, nil
			}
			w.callbackAfter(5*time.Minute, success(separationID))
			w.recordCallbacks("made-up")
			require.Equal(t, separationID, w.recordedCallback().SeparationTaskID)
			require.Less(t, w.took(), 6*time.Minute)
		})
	}
}

func TestLateCallbacksOfNobodyAreToldAndBounded(t *testing.T) {
	w := newHarness(t)
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
	require.Equal(t, 20, w.calls[activityapi.ActivityAdoptCallback])
	require.InDelta(t, 10, w.took().Minutes(), 0.1, "the same could be asked for again at once otherwise")
}

func TestLateCallbackWaitsForTheStore(t *testing.T) {
	w := newHarness(t)
	w.adopt = func(in activityapi.AdoptCallbackInput) (*activityapi.RecordedCallback, error) {
		if w.calls[activityapi.ActivityAdoptCallback] < 10 { // more retries the test environment does not make
			return nil, again(stemflow.ErrorArchiveUnavailable)
		}
		return &activityapi.RecordedCallback{
			SeparationTaskID: in.SeparationTaskID,
			Outcome:          activityapi.CallbackRecorded,
		}, nil
	}
	w.recordCallbacks(separationID)
	require.Equal(t, activityapi.CallbackRecorded, w.recordedCallback().Outcome)
}

func TestStoreThatStaysAwayIsTold(t *testing.T) {
	w := newHarness(t)
	w.adopt = func(activityapi.AdoptCallbackInput) (*activityapi.RecordedCallback, error) {
		return nil, again(stemflow.ErrorArchiveUnavailable)
	}
	w.recordCallbacks(separationID)
	var app *temporal.ApplicationError
	require.ErrorAs(t, w.env.GetWorkflowError(), &app)
	require.Equal(t, stemflow.ErrorArchiveUnavailable, app.Type())
	require.Contains(t, app.Message(), separationID)
}

func TestRecordCallbackIsCancelled(t *testing.T) {
	w := newHarness(t)
	w.cancelAfter(time.Minute)
	w.recordCallbacks(separationID)
	require.True(t, temporal.IsCanceledError(w.env.GetWorkflowError()), w.env.GetWorkflowError())
	require.Less(t, w.took(), 2*time.Minute)
}
