package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/activityapi"
)

// cancelled requires that the run ended cancelled and returns its details.
func (w *harness) cancelled() stemflow.ErrorDetails {
	w.t.Helper()
	var cancelled *temporal.CanceledError
	require.ErrorAs(w.t, w.env.GetWorkflowError(), &cancelled)
	var details stemflow.ErrorDetails
	require.NoError(w.t, cancelled.Details(&details))
	return details
}

func TestCancelWhileWaitingForTheCallback(t *testing.T) {
	w := newHarness(t)
	w.cancelAfter(time.Minute)
	w.run(input())
	require.Equal(t, separationID, w.cancelled().SeparationTaskID)
	require.Less(t, w.took(), 2*time.Minute)
	require.Zero(t, w.calls[activityapi.ActivityArchiveStem])
}

func TestCancelWhilePolling(t *testing.T) {
	w := newHarness(t)
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		return nil, again(activityapi.ActivityErrorPending)
	}
	w.cancelAfter(5 * time.Minute)
	w.run(input())
	require.Equal(t, separationID, w.cancelled().SeparationTaskID)
	require.Less(t, w.took(), 6*time.Minute)
}

func TestCancelBetweenTwoSubmitsPaysNothing(t *testing.T) {
	w := newHarness(t)
	w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		return nil, failed(activityapi.ActivityErrorSubmitRefused)
	}
	w.cancelAfter(15 * time.Second)
	w.run(input())
	require.Empty(t, w.cancelled().SeparationTaskID)
	require.Equal(t, 2, w.calls[activityapi.ActivitySubmitSeparation])
}

func TestCancelWhileTheOutcomeIsUnknown(t *testing.T) {
	w := newHarness(t)
	w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		return nil, failed(activityapi.ActivityErrorSubmitUnknown)
	}
	w.cancelAfter(time.Minute)
	w.run(input())
	require.Empty(t, w.cancelled().SeparationTaskID)
}

func TestCancelWhileACallbackIsConfirmedKeepsItsID(t *testing.T) {
	w := newHarness(t)
	w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		return nil, failed(activityapi.ActivityErrorSubmitUnknown)
	}
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		return nil, again(activityapi.ActivityErrorNoRecord)
	}
	w.callbackAfter(time.Minute, success(separationID))
	w.cancelAfter(time.Minute + 3*time.Second)
	w.run(input())
	require.Equal(t, separationID, w.cancelled().SeparationTaskID)
}

func TestCancelWhileArchiving(t *testing.T) {
	w := newHarness(t)
	w.archive = func(in activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
		if in.Stem.Name == "vocals" {
			return nil, again(stemflow.ErrorArchiveUnavailable)
		}
		return archived(in.Stem.Name), nil
	}
	w.callbackAfter(time.Second, success(separationID))
	w.cancelAfter(10 * time.Second)
	w.run(input())
	require.Equal(t, separationID, w.cancelled().SeparationTaskID)
	require.Empty(t, w.manifests)
}

func TestCancelDoesNotLoseTheLedgersCompletion(t *testing.T) {
	w := newHarness(t)
	w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		return &activityapi.SubmittedSeparation{
			SeparationTaskID: separationID,
			SubmittedAt:      w.env.Now(),
			LedgerBehind:     true,
		}, nil
	}
	tries := 0
	w.record = func(activityapi.RecordSubmissionInput) error {
		if tries++; tries == 1 {
			w.env.CancelWorkflow()
			return again(stemflow.ErrorArchiveUnavailable)
		}
		return nil
	}
	w.run(input())
	require.Equal(t, separationID, w.cancelled().SeparationTaskID)
	require.Equal(t, 2, tries, "the write goes on after the cancellation")
}

// The store is away when a run that failed closes its submits, for which it would wait half an
// hour.
func TestCancelWhileAFailedRunWaitsForItsLedger(t *testing.T) {
	for _, before := range []bool{false, true} {
		w := newHarness(t)
		w.answers(
			temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_START_TO_CLOSE, nil),
			failed(stemflow.ErrorUnauthorized, stemflow.ErrorDetails{}, activityapi.SubmitRefusal{Nonce: "n"}),
		)
		w.record = func(activityapi.RecordSubmissionInput) error { return again(stemflow.ErrorArchiveUnavailable) }
		w.cancelAfter(time.Minute)
		if before {
			w.fromBefore("cancelled-while-closing")
		}
		w.run(input())
		kind, _, _ := w.failure()
		require.Equal(t, stemflow.ErrorUnauthorized, kind)
		require.Equal(t, before, w.took() > 90*time.Second)
	}
}
