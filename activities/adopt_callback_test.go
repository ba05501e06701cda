package activities

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/kie"
	"stemflow/internal/token"
	"stemflow/kiesim"
)

func (h *harness) adopt(
	id string,
	adjust ...func(*activityapi.AdoptCallbackInput),
) (*activityapi.RecordedCallback, error) {
	in := activityapi.AdoptCallbackInput{
		SeparationTaskID: id,
		WorkflowID:       testWorkflowID,
		Owner:            testRunID,
		Track:            h.track,
	}
	for _, a := range adjust {
		a(&in)
	}
	return call[activityapi.RecordedCallback](h, activityapi.ActivityAdoptCallback, in)
}

// lost submits, loses the answer, and returns what the provider was paid for.
func (h *harness) lost(scenario kiesim.Scenario, adjust ...func(*activityapi.SubmitSeparationInput)) string {
	h.t.Helper()
	scenario.Submit = kiesim.Fault{Answer: kiesim.AnswerCut, Accept: true}
	h.sim.SetScenario(h.track.AudioID, scenario)
	_, err := h.submit(adjust...)
	requireType(h.t, err, activityapi.ActivityErrorSubmitUnknown)
	require.Equal(h.t, stemflow.SubmissionIntended, h.ledger().State)
	return h.sim.Bill().Charges[0].TaskID
}

func TestCallbackAfterTheRunIsPutOnTheLedger(t *testing.T) {
	pending := kiesim.Outcome{Pending: true}
	for name, c := range map[string]struct {
		scenario kiesim.Scenario
		owner    string
		want     stemflow.Submission
	}{
		"pending":                    {kiesim.Scenario{Outcome: pending}, testRunID, stemflow.Submission{State: stemflow.SubmissionPaid}},
		"done":                       {kiesim.Scenario{}, testRunID, stemflow.Submission{State: stemflow.SubmissionPaid}},
		"of any run of the workflow": {kiesim.Scenario{Outcome: pending}, "", stemflow.Submission{State: stemflow.SubmissionPaid}},
		"failed": {
			kiesim.Scenario{Outcome: kiesim.Outcome{Failure: &kiesim.Failure{Code: 531, Message: "refunded"}}}, testRunID,
			stemflow.Submission{State: stemflow.SubmissionFailed, ProviderCode: 531, ProviderMessage: "refunded"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			id := h.lost(c.scenario)
			before := h.ledger()
			require.Eventually(t, func() bool {
				record, err := h.set.AdoptCallback.Provider.Record(t.Context(), id)
				return err == nil && (c.scenario.Outcome.Pending || record.State != kie.Pending)
			}, time.Minute, 10*time.Millisecond)
			recorded, err := h.adopt(id, func(in *activityapi.AdoptCallbackInput) { in.Owner = c.owner })
			require.NoError(t, err)
			require.Equal(t, activityapi.RecordedCallback{
				SeparationTaskID: id, Owner: testRunID, Outcome: activityapi.CallbackRecorded,
			}, *recorded)
			after := h.ledger()
			require.WithinDuration(t, time.Now(), after.SubmittedAt, time.Minute, "the record says since when")
			before.State, before.SeparationTaskID, before.SubmittedAt = c.want.State, id, after.SubmittedAt
			before.ProviderCode, before.ProviderMessage = c.want.ProviderCode, c.want.ProviderMessage
			require.Equal(t, before, after, "everything else of the entry stays")

			recorded, err = h.adopt(id)
			require.NoError(t, err)
			require.Equal(t, activityapi.CallbackKnown, recorded.Outcome)
			require.Equal(t, after, h.ledger())
		})
	}
}

func TestCallbackWithoutProofWritesNothing(t *testing.T) {
	for name, adjust := range map[string]func(*activityapi.AdoptCallbackInput){
		"of another workflow":       func(in *activityapi.AdoptCallbackInput) { in.WorkflowID = "another" },
		"of another run":            func(in *activityapi.AdoptCallbackInput) { in.Owner = "another-run" },
		"of a workflow without one": func(in *activityapi.AdoptCallbackInput) { in.Owner, in.WorkflowID = "", "another" },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			id := h.lost(kiesim.Scenario{})
			before := h.ledger()
			_, err := h.adopt(id, adjust)
			require.True(t, requireType(t, err, activityapi.ActivityErrorNotOwn).NonRetryable())
			require.Equal(t, before, h.ledger())
		})
	}
	t.Run("of a submit without a callback address", func(t *testing.T) {
		h := newHarness(t)
		h.use(h.providerURL, "")
		id := h.lost(kiesim.Scenario{})
		h.use(h.providerURL, "http://127.0.0.1:1")
		_, err := h.adopt(id)
		requireType(t, err, activityapi.ActivityErrorNotOwn)
		require.Equal(t, stemflow.SubmissionIntended, h.ledger().State)
	})
	t.Run("on a host without a bridge", func(t *testing.T) {
		h := newHarness(t)
		id := h.lost(kiesim.Scenario{})
		h.use(h.providerURL, "")
		_, err := h.adopt(id)
		requireType(t, err, activityapi.ActivityErrorNotOwn)
	})
	t.Run("of another secret", func(t *testing.T) {
		h := newHarness(t)
		id := h.lost(kiesim.Scenario{})
		other, err := token.NewKeyring([]string{"a-secret-of-another-owner"})
		require.NoError(t, err)
		h.set.AdoptCallback.Callback.Keyring = other
		_, err = h.adopt(id)
		requireType(t, err, activityapi.ActivityErrorNotOwn)
		require.Equal(t, stemflow.SubmissionIntended, h.ledger().State)
	})
}

func TestCallbackWhoseRecordIsNotThere(t *testing.T) {
	h := newHarness(t)
	_, err := h.adopt("0123456789abcdef")
	require.False(t, requireType(t, err, activityapi.ActivityErrorNoRecord).NonRetryable(), "a record may follow late")

	h.sim.SetScenario(h.track.AudioID, kiesim.Scenario{RecordInfo: kiesim.Fault{Answer: kiesim.AnswerHTML}})
	id := h.lost(kiesim.Scenario{RecordInfo: kiesim.Fault{Answer: kiesim.AnswerHTML}})
	_, err = h.adopt(id)
	require.False(t, requireType(t, err, activityapi.ActivityErrorUnreadable).NonRetryable())
	require.Equal(t, stemflow.SubmissionIntended, h.ledger().State)
}

func TestRecordThatDoesNotComeIsGivenUp(t *testing.T) {
	for attempt, final := range map[int32]bool{1: false, noRecordAttempts - 1: false, noRecordAttempts: true,
		100: true} {
		app := requireType(t, absentRecord("it", attempt), activityapi.ActivityErrorNoRecord)
		require.Equal(t, final, app.NonRetryable(), "attempt %d", attempt)
	}
}

// A token of an earlier version names no track: the one that the callback was heard for is believed
// if its ledger knows the run.
func TestCallbackOfAnEarlierTokenVersion(t *testing.T) {
	earlier := func(in *activityapi.SubmitSeparationInput) { in.TaskQueue = "" }
	t.Run("of the track", func(t *testing.T) {
		h := newHarness(t)
		id := h.lost(kiesim.Scenario{}, earlier)
		recorded, err := h.adopt(id, func(in *activityapi.AdoptCallbackInput) { in.Owner = "" })
		require.NoError(t, err)
		require.Equal(t, activityapi.CallbackRecorded, recorded.Outcome)
		require.Equal(t, id, h.ledger().SeparationTaskID)
	})
	for name, ledger := range map[string]*stemflow.Submission{
		"of a track without a ledger": nil,
		"of a track whose ledger is another's": {
			Version: 1, State: stemflow.SubmissionIntended, WorkflowID: testWorkflowID, RunID: "another",
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			id := h.lost(kiesim.Scenario{}, earlier)
			other := h.track
			other.AudioID = "another-track"
			key := archive.SubmissionKey(archive.Locate(h.loc.Bucket, "", other))
			if ledger != nil {
				h.write(key, ledger)
			}
			recorded, err := h.adopt(id, func(in *activityapi.AdoptCallbackInput) { in.Owner, in.Track = "", other })
			require.NoError(t, err)
			require.Equal(t, activityapi.CallbackLeft, recorded.Outcome)
			var found stemflow.Submission
			_, err = h.store.ReadJSON(t.Context(), h.loc.Bucket, key, &found)
			if ledger == nil {
				require.ErrorIs(t, err, archive.ErrNotFound)
			} else {
				require.Equal(t, *ledger, found)
			}
			require.Equal(t, stemflow.SubmissionIntended, h.ledger().State)
		})
	}
}

// The token says which track was submitted, whatever the callback was heard for.
func TestCallbackIsRecordedForTheTrackOfItsToken(t *testing.T) {
	h := newHarness(t)
	id := h.lost(kiesim.Scenario{})
	_, err := h.adopt(id, func(in *activityapi.AdoptCallbackInput) { in.Owner, in.Track.AudioID = "", "another-track" })
	require.NoError(t, err)
	require.Equal(t, id, h.ledger().SeparationTaskID)
}

func TestCallbackMeetsALedgerThatCannotBeRead(t *testing.T) {
	h := newHarness(t)
	id := h.lost(kiesim.Scenario{})
	h.write(archive.SubmissionKey(h.loc), "no ledger")
	_, err := h.adopt(id)
	require.True(t, requireType(t, err, stemflow.ErrorArchiveUnavailable).NonRetryable())
}

// The address of the callback is the proof, and the address of nobody proves nothing.
func TestMintedAddressesAreRead(t *testing.T) {
	h := newHarness(t)
	address := h.set.AdoptCallback.Callback
	in := activityapi.SubmitSeparationInput{
		Track:     h.track,
		TaskQueue: "separations",
		Deadline:  -stemflow.Duration(2 * time.Hour),
	}
	claims, ours := address.minted(address.Mint(t.Context(), testNamespace, testWorkflowID, testRunID, in))
	require.True(t, ours, "an expired one still proves whose it is")
	require.Equal(t, []any{testWorkflowID, testRunID, h.track}, []any{claims.WorkflowID, claims.RunID, claims.Track})
	for _, foreign := range []string{"", "/", placeholderURL, "https://example.com/callbacks/x"} {
		_, ours := address.minted(foreign)
		require.False(t, ours, foreign)
	}
}
