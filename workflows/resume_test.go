package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
)

func (w *harness) found(prepared activityapi.PreparedArchive) {
	prepare := w.prepare
	w.prepare = func(in activityapi.PrepareArchiveInput) (*activityapi.PreparedArchive, error) {
		out, err := prepare(in)
		out.Archived, out.Submission, out.OwnerPaid = prepared.Archived, prepared.Submission, prepared.OwnerPaid
		out.Partial, out.Kept, out.Ledger = prepared.Partial, prepared.Kept, prepared.Ledger
		return out, err
	}
}

func paidBefore() *stemflow.Submission {
	return &stemflow.Submission{
		State:            stemflow.SubmissionPaid,
		SeparationTaskID: separationID,
		SubmittedAt:      time.Unix(1753782854, 0).UTC(),
	}
}

func TestArchivedTrackIsReturnedUnpaid(t *testing.T) {
	w := newHarness(t)
	before := stemflow.SeparateStemsResult{
		SeparationTaskID: separationID,
		SettledBy:        stemflow.SettledByCallback,
		Stems:            []stemflow.Stem{*archived("vocals")},
	}
	w.found(activityapi.PreparedArchive{Archived: &before, Submission: paidBefore()})
	w.run(input())
	want := before
	want.SettledBy = stemflow.SettledByArchive
	require.Equal(t, want, w.result())
	require.Equal(t, map[string]int{activityapi.ActivityPrepareArchive: 1}, w.calls)
}

func TestForcePaysAgain(t *testing.T) {
	w := newHarness(t)
	w.found(
		activityapi.PreparedArchive{
			Archived:   &stemflow.SeparateStemsResult{SeparationTaskID: "old"},
			Submission: paidBefore(),
		},
	)
	w.callbackAfter(time.Second, success(separationID))
	in := input()
	in.Force = true
	w.run(in)
	require.Equal(t, separationID, w.result().SeparationTaskID)
	require.Equal(t, 1, w.calls[activityapi.ActivitySubmitSeparation])
}

func TestPaidSeparationIsTakenUpFromTheLedger(t *testing.T) {
	t.Run("done", func(t *testing.T) {
		w := newHarness(t)
		w.found(activityapi.PreparedArchive{Submission: paidBefore()})
		w.run(input())
		require.Equal(t, stemflow.SettledByResume, w.result().SettledBy)
		require.Equal(t, paidBefore().SubmittedAt, w.result().SubmittedAt)
		require.Zero(t, w.calls[activityapi.ActivitySubmitSeparation])
	})
	t.Run("still running", func(t *testing.T) {
		w := newHarness(t)
		w.found(activityapi.PreparedArchive{Submission: paidBefore()})
		looks := 0
		w.get = func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
			if looks++; in.ReportPending {
				return &activityapi.SeparationRecord{Pending: true}, nil
			}
			if looks < 5 {
				return nil, again(activityapi.ActivityErrorPending)
			}
			return done(), nil
		}
		w.run(input())
		require.Equal(t, stemflow.SettledByPoll, w.result().SettledBy)
		require.Zero(t, w.calls[activityapi.ActivitySubmitSeparation])
	})
	t.Run("failed", func(t *testing.T) {
		w := newHarness(t)
		w.found(activityapi.PreparedArchive{Submission: paidBefore()})
		w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
			return nil, failed(stemflow.ErrorSeparationFailed, stemflow.ErrorDetails{ProviderCode: 500})
		}
		w.run(input())
		kind, _, _ := w.failure()
		require.Equal(t, stemflow.ErrorSeparationFailed, kind)
		require.Equal(t, stemflow.SubmissionFailed, w.lastLedger().State)
		require.Zero(t, w.calls[activityapi.ActivitySubmitSeparation])
	})
}

// The ledger names such a run as the owner of what was paid for elsewhere.
func TestRunThatIsGivenWhatIsPaidForHasNotPaid(t *testing.T) {
	w := newHarness(t)
	w.found(activityapi.PreparedArchive{Submission: paidBefore(), OwnerPaid: true})
	in := input()
	in.SeparationTaskID = separationID
	w.run(in)
	require.False(t, w.result().Paid)
	require.Zero(t, w.progress().Credits)
}

func TestLedgerOfAFailedOrRefusedSubmitDoesNotStopANewOne(t *testing.T) {
	for _, state := range []stemflow.SubmissionState{stemflow.SubmissionFailed, stemflow.SubmissionRefused,
		stemflow.SubmissionIntended} {
		w := newHarness(t)
		w.found(activityapi.PreparedArchive{Submission: &stemflow.Submission{State: state, SeparationTaskID: "old"}})
		w.callbackAfter(time.Second, success(separationID))
		w.run(input())
		w.result()
		require.Equal(
			t,
			1,
			w.calls[activityapi.ActivitySubmitSeparation],
			"the activity decides over the ledger as it stands then",
		)
	}
}

func TestResumeByIDNeverSubmits(t *testing.T) {
	in := input()
	in.SeparationTaskID = separationID
	t.Run("done", func(t *testing.T) {
		w := newHarness(t)
		w.get = func(look activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
			require.Equal(t, "audio", look.Track.AudioID, "it must be this track's")
			return done(), nil
		}
		w.run(in)
		require.Equal(t, stemflow.SettledByResume, w.result().SettledBy)
		require.Equal(t, stemflow.SubmissionPaid, w.lastLedger().State, "the archive knows it from now on")
		require.Zero(t, w.calls[activityapi.ActivitySubmitSeparation])
	})
	t.Run("unknown to the provider", func(t *testing.T) {
		w := newHarness(t)
		w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
			return nil, again(activityapi.ActivityErrorNoRecord)
		}
		w.run(in)
		kind, message, _ := w.failure()
		require.Equal(t, stemflow.ErrorInvalidInput, kind)
		require.Contains(t, message, "separationTaskId")
		require.Less(t, w.took(), 2*time.Minute)
	})
	t.Run("another track's", func(t *testing.T) {
		w := newHarness(t)
		w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
			return nil, failed(stemflow.ErrorInvalidInput)
		}
		w.run(in)
		kind, _, _ := w.failure()
		require.Equal(t, stemflow.ErrorInvalidInput, kind)
		require.Empty(t, w.ledger)
	})
	t.Run("even if the track is archived", func(t *testing.T) {
		w := newHarness(t)
		w.found(activityapi.PreparedArchive{Archived: &stemflow.SeparateStemsResult{SeparationTaskID: "old"}})
		w.run(in)
		require.Equal(t, separationID, w.result().SeparationTaskID)
	})
}
