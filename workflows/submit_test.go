package workflows_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/activityapi"
)

func TestRefusedSubmitIsRepeatedAtTheProvidersPace(t *testing.T) {
	w := newHarness(t)
	var at []time.Duration
	var attempts []int
	var refused [][]string
	submit := w.submit
	w.submit = func(in activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		at = append(at, w.took().Round(time.Second))
		attempts, refused = append(attempts, in.Attempt), append(refused, in.RefusedNonces)
		if in.Attempt < 4 {
			return nil, failed(activityapi.ActivityErrorSubmitRefused, stemflow.ErrorDetails{}, behind(in.Attempt))
		}
		return submit(in)
	}
	w.callbackAfter(10*time.Minute, success(separationID))
	w.run(input())
	w.result()
	require.Equal(t, []time.Duration{0, 10 * time.Second, 30 * time.Second, 70 * time.Second}, at)
	require.Equal(t, []int{1, 2, 3, 4}, attempts)
	require.Equal(t, [][]string{nil, {"nonce 1"}, {"nonce 1", "nonce 2"}, {"nonce 1", "nonce 2", "nonce 3"}}, refused)
}

func TestSubmitRefusedForTooLongEndsUnpaid(t *testing.T) {
	w := newHarness(t)
	w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		return nil, failed(activityapi.ActivityErrorSubmitRefused)
	}
	w.run(input())
	kind, _, details := w.failure()
	require.Equal(t, stemflow.ErrorProviderUnavailable, kind)
	require.Empty(t, details.SeparationTaskID)
	require.Greater(t, w.took(), time.Hour)
}

func TestLostSubmitIsFollowedByAnotherHoweverLate(t *testing.T) {
	w := newHarness(t)
	submit := w.submit
	w.submit = func(in activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		if in.Attempt == 1 {
			return nil, temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_START_TO_CLOSE, nil)
		}
		require.Empty(t, in.RefusedNonces, "a lost attempt refuted nothing")
		return submit(in)
	}
	w.callbackAfter(2*time.Hour, success(separationID))
	w.run(input())
	w.result()
	require.Equal(t, 2, w.calls[activityapi.ActivitySubmitSeparation])
}

// behind is the detail of an execution whose intent may stand.
func behind(attempt int) activityapi.SubmitRefusal {
	return activityapi.SubmitRefusal{LedgerBehind: true, Nonce: fmt.Sprintf("nonce %d", attempt)}
}

func TestFinalRefusalEndsAtOnce(t *testing.T) {
	for _, kind := range []string{
		stemflow.ErrorUnauthorized, stemflow.ErrorInsufficientCredits, stemflow.ErrorProviderRejected,
		stemflow.ErrorArchiveUnavailable,
	} {
		t.Run(kind, func(t *testing.T) {
			w := newHarness(t)
			w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
				return nil, failed(kind, stemflow.ErrorDetails{ProviderCode: 402, ProviderMessage: "no"}, behind(1))
			}
			w.run(input())
			got, _, details := w.failure()
			require.Equal(t, kind, got)
			require.Equal(t, stemflow.ErrorDetails{ProviderCode: 402, ProviderMessage: "no"}, details)
			require.Equal(t, 1, w.calls[activityapi.ActivitySubmitSeparation])
			require.Equal(t, stemflow.SubmissionRefused, w.lastLedger().State, "the intent is taken back")
			require.Equal(t, []string{"nonce 1"}, w.takenBack)
			require.Less(t, w.took(), time.Minute)
		})
	}
}

func TestUnknownOutcomeIsNeverSubmittedAgain(t *testing.T) {
	w := newHarness(t)
	w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		return nil, failed(activityapi.ActivityErrorSubmitUnknown)
	}
	w.env.RegisterDelayedCallback(func() { require.True(t, w.progress().SubmissionUnknown) }, time.Minute)
	w.run(input())
	kind, message, details := w.failure()
	require.Equal(t, stemflow.ErrorSubmissionUnknown, kind)
	require.NotContains(t, message, "start", "the remedy says what to do")
	require.Empty(t, details.SeparationTaskID)
	require.Equal(t, 1, w.calls[activityapi.ActivitySubmitSeparation])
	require.InDelta(t, 45, w.took().Minutes(), 0.1)
}

func TestUnknownOutcomeIsLearntFromTheCallback(t *testing.T) {
	w := newHarness(t)
	w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		return nil, failed(activityapi.ActivityErrorSubmitUnknown)
	}
	w.get = func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		require.True(t, in.RequireOwn, "the record must prove whose it is")
		require.Equal(t, "default-test-run-id", in.Owner, "a run that was reset is known by its first one")
		if in.SeparationTaskID != separationID {
			return nil, failed(activityapi.ActivityErrorNotOwn)
		}
		return done(), nil
	}
	w.callbackAfter(time.Minute, success("forged"))
	w.callbackAfter(20*time.Minute, success(separationID))
	w.run(input())
	require.Equal(t, separationID, w.result().SeparationTaskID)
	require.Equal(t, stemflow.SettledByCallback, w.result().SettledBy)
	require.Equal(t, stemflow.SubmissionPaid, w.lastLedger().State)
	require.Equal(t, separationID, w.lastLedger().SeparationTaskID)
	require.Equal(t, 1, w.calls[activityapi.ActivitySubmitSeparation])
}

func TestUnknownOutcomeWithARecordThatLagsIsPolled(t *testing.T) {
	w := newHarness(t)
	w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		return nil, failed(activityapi.ActivityErrorSubmitUnknown)
	}
	looks := 0
	w.get = func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		require.True(t, in.RequireOwn)
		if looks++; looks < 8 {
			return nil, again(activityapi.ActivityErrorNoRecord)
		}
		return done(), nil
	}
	w.callbackAfter(time.Minute, success(separationID))
	w.run(input())
	require.Equal(t, stemflow.SettledByPoll, w.result().SettledBy)
	require.Equal(t, separationID, w.lastLedger().SeparationTaskID)
}

func TestAnotherRunsIntentIsWaitedForAndItsSeparationTakenUp(t *testing.T) {
	w := newHarness(t)
	w.submit = func(in activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		if in.Attempt < 3 {
			return nil, failed(activityapi.ActivityErrorSubmitHeld)
		}
		require.Empty(t, in.RefusedNonces, "an attempt that was held back refuted nothing")
		return &activityapi.SubmittedSeparation{SeparationTaskID: separationID, FromLedger: true}, nil
	}
	w.run(input())
	require.Equal(t, stemflow.SettledByResume, w.result().SettledBy)
}

// A callback of an earlier run of the track may reach the run that waits for that run's intent. It
// may be the only copy of the id.
func TestCallbackThatNobodyHeardIsNamedInTheEnd(t *testing.T) {
	w := newHarness(t)
	w.submit = func(in activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		if in.Attempt < 3 {
			return nil, failed(activityapi.ActivityErrorSubmitHeld)
		}
		return nil, failed(stemflow.ErrorSubmissionUnknown)
	}
	w.callbackAfter(time.Second, success(separationID))
	w.run(input())
	kind, message, _ := w.failure()
	require.Equal(t, stemflow.ErrorSubmissionUnknown, kind)
	require.Contains(t, message, separationID)
}

func TestLedgerThatFellBehindIsWrittenAgain(t *testing.T) {
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
		if tries++; tries < 4 {
			return again(stemflow.ErrorArchiveUnavailable)
		}
		return nil
	}
	w.callbackAfter(time.Minute, success(separationID))
	w.run(input())
	w.result()
	require.Equal(t, 4, tries)
	require.Equal(t, stemflow.SubmissionPaid, w.lastLedger().State)
}
