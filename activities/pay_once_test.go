package activities

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/ledger"
	"stemflow/kiesim"
)

// The engine may execute one task twice at the same time, as after a namespace's failover.
func TestOneTaskExecutedTwiceAtOncePaysOnce(t *testing.T) {
	w := newWorld(t)
	w.sim.SetScenario(w.track.AudioID, kiesim.Scenario{Submit: kiesim.Fault{Delay: kiesim.Duration(500 * time.Millisecond), Accept: true}})
	var all sync.WaitGroup
	for range 4 {
		env := newWorldOn(w)
		all.Go(func() {
			_, _ = env.ExecuteActivity(activityapi.ActivitySubmitSeparation, activityapi.SubmitSeparationInput{
				Location: w.loc, Track: w.track, Attempt: 1, Deadline: stemflow.DefaultDeadline,
			})
		})
	}
	all.Wait()
	require.Equal(t, 1, w.billed())
}

// The worker was killed between the provider's answer and the completed ledger, and the same task is executed once more.
func TestTaskExecutedAgainAfterItWasPaidForDoesNotCall(t *testing.T) {
	w := newWorld(t)
	_, err := w.submit()
	require.NoError(t, err)
	intent := w.ledger()
	intent.State, intent.SeparationTaskID, intent.SubmittedAt = stemflow.SubmissionIntended, "", time.Time{}
	w.write(archive.SubmissionKey(w.loc), intent)
	_, err = w.submit()
	requireType(t, err, activityapi.ActivityErrorSubmitUnknown)
	require.Equal(t, 1, w.billed())
	require.Equal(t, stemflow.SubmissionIntended, w.ledger().State)
}

// A later run of a chain, as a reset makes one, is the same owner.
func TestRunAfterAResetTakesUpWhatItsOwnerPaid(t *testing.T) {
	w := newWorld(t)
	first, err := w.submit(func(in *activityapi.SubmitSeparationInput) { in.Owner, in.Force = "first-run", true })
	require.NoError(t, err)
	entry := w.ledger()
	entry.RunID = "first-run"
	w.write(archive.SubmissionKey(w.loc), entry)
	again, err := w.submit(func(in *activityapi.SubmitSeparationInput) { in.Owner, in.Force = "first-run", true })
	require.NoError(t, err)
	require.Equal(t, first.SeparationTaskID, again.SeparationTaskID)
	require.False(t, again.FromLedger, "its owner paid for it")
	require.Equal(t, 1, w.billed())
}

func TestForcedSubmitThatIsRefusedLeavesWhatStoodThere(t *testing.T) {
	refuse := kiesim.Scenario{Submit: kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 402, Times: 1}}
	t.Run("an intent of unknown outcome", func(t *testing.T) {
		w := newWorld(t)
		w.write(archive.SubmissionKey(w.loc), stemflow.Submission{Version: 1, State: stemflow.SubmissionIntended, Track: w.track,
			WorkflowID: "other", RunID: "other-run", Attempt: 1, IntendedAt: time.Now().Add(-time.Hour)})
		w.sim.QueueScenarios(w.track.AudioID, refuse)
		_, err := w.submit(func(in *activityapi.SubmitSeparationInput) { in.Force = true })
		requireType(t, err, stemflow.ErrorInsufficientCredits)
		require.Equal(t, "other-run", w.ledger().RunID)

		_, err = w.submit(func(in *activityapi.SubmitSeparationInput) { in.Attempt = 2 })
		requireType(t, err, stemflow.ErrorSubmissionUnknown)
		require.Zero(t, w.billed())
	})
	t.Run("a receipt, when the first completion of the ledger fails too", func(t *testing.T) {
		w := newWorld(t)
		w.write(archive.SubmissionKey(w.loc), stemflow.Submission{Version: 1, State: stemflow.SubmissionPaid, Track: w.track,
			SeparationTaskID: "paid-before", WorkflowID: "other", RunID: "other-run", Attempt: 1})
		w.sim.SetScenario(w.track.AudioID, kiesim.Scenario{Submit: kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 402}})
		w.set.SubmitSeparation.Store = &failingWrites{Store: w.store, after: 1}
		_, err := w.submit(func(in *activityapi.SubmitSeparationInput) { in.Force = true })
		app := requireType(t, err, stemflow.ErrorInsufficientCredits)
		var behind activityapi.SubmitRefusal
		require.NoError(t, app.Details(&stemflow.ErrorDetails{}, &behind))
		require.True(t, behind.LedgerBehind)
		require.Equal(t, stemflow.SubmissionIntended, w.ledger().State)

		_, err = call[activityapi.RecordedSubmission](w, activityapi.ActivityRecordSubmission, activityapi.RecordSubmissionInput{
			Location: w.loc, Nonces: []string{behind.Nonce},
			Submission: stemflow.Submission{State: stemflow.SubmissionRefused, Track: w.track, Attempt: 1},
		})
		require.NoError(t, err)
		require.Equal(t, stemflow.SubmissionPaid, w.ledger().State)
		require.Equal(t, "paid-before", w.ledger().SeparationTaskID)
	})
}

// failingWrites is a store whose conditional writes fail after the first so many.
type failingWrites struct {
	Store
	after int
}

func (s *failingWrites) CreateJSON(ctx context.Context, bucket, key string, v any) (string, error) {
	if s.after--; s.after < 0 {
		return "", errors.New("the store is away")
	}
	return s.Store.CreateJSON(ctx, bucket, key, v)
}

func (s *failingWrites) ReplaceJSON(ctx context.Context, bucket, key, etag string, v any) (string, error) {
	if s.after--; s.after < 0 {
		return "", errors.New("the store is away")
	}
	return s.Store.ReplaceJSON(ctx, bucket, key, etag, v)
}

// Only an execution that surely was refused takes its intent back: that of a lost one stands.
func TestTakingBackLeavesTheIntentOfALostExecution(t *testing.T) {
	w := newWorld(t)
	w.write(archive.SubmissionKey(w.loc), stemflow.Submission{Version: 1, State: stemflow.SubmissionIntended, Track: w.track,
		WorkflowID: testWorkflowID, RunID: testRunID, Owner: testRunID, Nonce: "lost", Attempt: 1, IntendedAt: time.Now()})
	recorded, err := call[activityapi.RecordedSubmission](w, activityapi.ActivityRecordSubmission, activityapi.RecordSubmissionInput{
		Location: w.loc, Nonces: []string{"of attempt 2"},
		Submission: stemflow.Submission{State: stemflow.SubmissionRefused, Attempt: 2, Track: w.track, Owner: testRunID},
	})
	require.NoError(t, err)
	require.False(t, recorded.Unpaid)
	require.Equal(t, stemflow.SubmissionIntended, w.ledger().State)
}

func TestForcePassesOverAnEntryThatNamesNoSeparation(t *testing.T) {
	w := newWorld(t)
	w.write(archive.SubmissionKey(w.loc), stemflow.Submission{Version: 1, State: stemflow.SubmissionPaid, Track: w.track, RunID: "other"})
	_, err := w.submit()
	require.Contains(t, requireType(t, err, stemflow.ErrorSubmissionUnknown).Message(), "force")
	_, err = w.submit(func(in *activityapi.SubmitSeparationInput) { in.Force = true })
	require.NoError(t, err)
	require.Equal(t, 1, w.billed())
}

// A submit that nobody took was never begun: the next one is not held back by it.
func TestForcedSubmitAfterOneThatNeverBegan(t *testing.T) {
	w := newWorld(t)
	w.write(archive.SubmissionKey(w.loc), stemflow.Submission{Version: 1, State: stemflow.SubmissionPaid,
		SeparationTaskID: "paid-before", Track: w.track, RunID: "other"})
	_, err := w.submit(func(in *activityapi.SubmitSeparationInput) { in.Force, in.Attempt = true, 2 })
	require.NoError(t, err)
	require.Equal(t, 1, w.billed())
}

// A track that is sent to another bucket or prefix is the same track.
func TestTrackArchivedElsewhereIsPaidOnce(t *testing.T) {
	w := newWorld(t)
	elsewhere := archive.Locate(w.loc.Bucket, "tenant", w.track)
	paid, err := w.submit()
	require.NoError(t, err)
	again, err := w.submit(func(in *activityapi.SubmitSeparationInput) {
		in.Ledger, in.Location, in.Owner = w.loc, elsewhere, "another-run"
	})
	require.NoError(t, err)
	require.True(t, again.FromLedger)
	require.Equal(t, paid.SeparationTaskID, again.SeparationTaskID)
	require.Equal(t, 1, w.billed())

	_, err = call[stemflow.ObjectRef](w, activityapi.ActivityWriteManifest, activityapi.WriteManifestInput{Ledger: w.loc, Location: elsewhere})
	require.NoError(t, err)
	var receipt ledger.Ledger
	_, err = w.store.ReadJSON(t.Context(), elsewhere.Bucket, archive.SubmissionKey(elsewhere), &receipt)
	require.NoError(t, err)
	require.Equal(t, paid.SeparationTaskID, receipt.SeparationTaskID, "the folder says by itself what was paid for it")
}

// Earlier releases kept the ledger in the folder that a track was archived to.
func TestLedgerInTheTracksFolderIsHonoured(t *testing.T) {
	for name, c := range map[string]struct {
		state  stemflow.SubmissionState
		taskID string
		want   string
	}{
		"paid":     {stemflow.SubmissionPaid, "paid-before", ""},
		"intended": {stemflow.SubmissionIntended, "", stemflow.ErrorSubmissionUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			elsewhere := archive.Locate(w.loc.Bucket, "tenant", w.track)
			w.write(archive.SubmissionKey(elsewhere), stemflow.Submission{Version: 1, State: c.state, SeparationTaskID: c.taskID,
				Track: w.track, WorkflowID: "other", RunID: "other", Attempt: 1, IntendedAt: time.Now().Add(-time.Hour)})
			submitted, err := w.submit(func(in *activityapi.SubmitSeparationInput) { in.Ledger, in.Location = w.loc, elsewhere })
			if c.want != "" {
				requireType(t, err, c.want)
			} else {
				require.NoError(t, err)
				require.Equal(t, c.taskID, submitted.SeparationTaskID)
			}
			require.Zero(t, w.billed())
		})
	}
}

// defectiveStore is a store that does not pass the test.
type defectiveStore struct{ Store }

func (defectiveStore) Proved(string) bool { return false }

func (defectiveStore) Prove(context.Context, string, string, string, any) error {
	return &archive.Error{Op: "test", Final: true, Err: errors.New("it ignores If-Match")}
}

func TestNothingIsPaidOnAStoreThatFailsItsTest(t *testing.T) {
	w := newWorld(t)
	w.set.SubmitSeparation.Store = defectiveStore{w.store}
	_, err := w.submit()
	require.Contains(t, requireType(t, err, stemflow.ErrorArchiveUnavailable).Message(), "it ignores If-Match")
	require.Zero(t, w.sim.Bill().Requests["generate"])
	require.Equal(t, stemflow.SubmissionRefused, w.ledger().State, "the track is not locked")
}
