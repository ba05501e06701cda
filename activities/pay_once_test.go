package activities

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/ledger"
	"stemflow/kiesim"
)

// The engine may execute one task twice at the same time, as after a namespace's failover.
func TestOneTaskExecutedTwiceAtOncePaysOnce(t *testing.T) {
	h := newHarness(t)
	h.sim.SetScenario(
		h.track.AudioID,
		kiesim.Scenario{Submit: kiesim.Fault{Delay: kiesim.Duration(500 * time.Millisecond), Accept: true}},
	)
	var all sync.WaitGroup
	for range 4 {
		env := newSubmitEnvironment(h)
		all.Go(func() {
			_, _ = env.ExecuteActivity(activityapi.ActivitySubmitSeparation, activityapi.SubmitSeparationInput{
				Location: h.loc, Track: h.track, Attempt: 1, Deadline: stemflow.DefaultDeadline,
			})
		})
	}
	all.Wait()
	require.Equal(t, 1, h.billed())
}

// The worker was killed between the provider's answer and the completed ledger, and the same task
// is executed once more.
func TestTaskExecutedAgainAfterItWasPaidForDoesNotCall(t *testing.T) {
	h := newHarness(t)
	_, err := h.submit()
	require.NoError(t, err)
	intent := h.ledger()
	intent.State, intent.SeparationTaskID, intent.SubmittedAt = stemflow.SubmissionIntended, "", time.Time{}
	h.write(archive.SubmissionKey(h.loc), intent)
	_, err = h.submit()
	requireType(t, err, activityapi.ActivityErrorSubmitUnknown)
	require.Equal(t, 1, h.billed())
	require.Equal(t, stemflow.SubmissionIntended, h.ledger().State)
}

// A later run of a chain, as a reset makes one, is the same owner.
func TestRunAfterAResetTakesUpWhatItsOwnerPaid(t *testing.T) {
	h := newHarness(t)
	first, err := h.submit(func(in *activityapi.SubmitSeparationInput) { in.Owner, in.Force = "first-run", true })
	require.NoError(t, err)
	entry := h.ledger()
	entry.RunID = "first-run"
	h.write(archive.SubmissionKey(h.loc), entry)
	again, err := h.submit(func(in *activityapi.SubmitSeparationInput) { in.Owner, in.Force = "first-run", true })
	require.NoError(t, err)
	require.Equal(t, first.SeparationTaskID, again.SeparationTaskID)
	require.False(t, again.FromLedger, "its owner paid for it")
	require.Equal(t, 1, h.billed())
}

func TestForcedSubmitThatIsRefusedLeavesWhatStoodThere(t *testing.T) {
	refuse := kiesim.Scenario{Submit: kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 402, Times: 1}}
	t.Run("an intent of unknown outcome", func(t *testing.T) {
		h := newHarness(t)
		h.write(
			archive.SubmissionKey(h.loc),
			stemflow.Submission{Version: 1, State: stemflow.SubmissionIntended, Track: h.track,
				WorkflowID: "other", RunID: "other-run", Attempt: 1, IntendedAt: time.Now().Add(-time.Hour)},
		)
		h.sim.QueueScenarios(h.track.AudioID, refuse)
		_, err := h.submit(func(in *activityapi.SubmitSeparationInput) { in.Force = true })
		requireType(t, err, stemflow.ErrorInsufficientCredits)
		require.Equal(t, "other-run", h.ledger().RunID)

		_, err = h.submit(func(in *activityapi.SubmitSeparationInput) { in.Attempt = 2 })
		requireType(t, err, stemflow.ErrorSubmissionUnknown)
		require.Zero(t, h.billed())
	})
	t.Run("a receipt, when the first completion of the ledger fails too", func(t *testing.T) {
		h := newHarness(t)
		h.write(
			archive.SubmissionKey(h.loc),
			stemflow.Submission{Version: 1, State: stemflow.SubmissionPaid, Track: h.track,
				SeparationTaskID: "paid-before", WorkflowID: "other", RunID: "other-run", Attempt: 1},
		)
		h.sim.SetScenario(
			h.track.AudioID,
			kiesim.Scenario{Submit: kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 402}},
		)
		h.set.SubmitSeparation.Store = &failingWrites{Store: h.store, after: 1}
		_, err := h.submit(func(in *activityapi.SubmitSeparationInput) { in.Force = true })
		app := requireType(t, err, stemflow.ErrorInsufficientCredits)
		var behind activityapi.SubmitRefusal
		require.NoError(t, app.Details(&stemflow.ErrorDetails{}, &behind))
		require.True(t, behind.LedgerBehind)
		require.Equal(t, stemflow.SubmissionIntended, h.ledger().State)

		_, err = call[activityapi.RecordedSubmission](
			h,
			activityapi.ActivityRecordSubmission,
			activityapi.RecordSubmissionInput{
				Location: h.loc, Nonces: []string{behind.Nonce},
				Submission: stemflow.Submission{State: stemflow.SubmissionRefused, Track: h.track, Attempt: 1},
			},
		)
		require.NoError(t, err)
		require.Equal(t, stemflow.SubmissionPaid, h.ledger().State)
		require.Equal(t, "paid-before", h.ledger().SeparationTaskID)
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
	h := newHarness(t)
	h.write(
		archive.SubmissionKey(h.loc),
		stemflow.Submission{Version: 1, State: stemflow.SubmissionIntended, Track: h.track,
			WorkflowID: testWorkflowID, RunID: testRunID, Owner: testRunID, Nonce: "lost", Attempt: 1, IntendedAt: time.Now()},
	)
	recorded, err := call[activityapi.RecordedSubmission](
		h,
		activityapi.ActivityRecordSubmission,
		activityapi.RecordSubmissionInput{
			Location: h.loc, Nonces: []string{"of attempt 2"},
			Submission: stemflow.Submission{
				State:   stemflow.SubmissionRefused,
				Attempt: 2,
				Track:   h.track,
				Owner:   testRunID,
			},
		},
	)
	require.NoError(t, err)
	require.False(t, recorded.Unpaid)
	require.Equal(t, stemflow.SubmissionIntended, h.ledger().State)
}

func TestForcePassesOverAnEntryThatNamesNoSeparation(t *testing.T) {
	h := newHarness(t)
	h.write(
		archive.SubmissionKey(h.loc),
		stemflow.Submission{Version: 1, State: stemflow.SubmissionPaid, Track: h.track, RunID: "other"},
	)
	_, err := h.submit()
	requireType(t, err, stemflow.ErrorSubmissionUnknown)
	_, err = h.submit(func(in *activityapi.SubmitSeparationInput) { in.Force = true })
	require.NoError(t, err)
	require.Equal(t, 1, h.billed())
}

// A submit that nobody took was never begun: the next one is not held back by it.
func TestForcedSubmitAfterOneThatNeverBegan(t *testing.T) {
	h := newHarness(t)
	h.write(archive.SubmissionKey(h.loc), stemflow.Submission{Version: 1, State: stemflow.SubmissionPaid,
		SeparationTaskID: "paid-before", Track: h.track, RunID: "other"})
	_, err := h.submit(func(in *activityapi.SubmitSeparationInput) { in.Force, in.Attempt = true, 2 })
	require.NoError(t, err)
	require.Equal(t, 1, h.billed())
}

// A track that is sent to another bucket or prefix is the same track.
func TestTrackArchivedElsewhereIsPaidOnce(t *testing.T) {
	h := newHarness(t)
	elsewhere := archive.Locate(h.loc.Bucket, "tenant", h.track)
	paid, err := h.submit()
	require.NoError(t, err)
	again, err := h.submit(func(in *activityapi.SubmitSeparationInput) {
		in.Ledger, in.Location, in.Owner = h.loc, elsewhere, "another-run"
	})
	require.NoError(t, err)
	require.True(t, again.FromLedger)
	require.Equal(t, paid.SeparationTaskID, again.SeparationTaskID)
	require.Equal(t, 1, h.billed())

	_, err = call[stemflow.ObjectRef](
		h,
		activityapi.ActivityWriteManifest,
		activityapi.WriteManifestInput{Ledger: h.loc, Location: elsewhere},
	)
	require.NoError(t, err)
	var receipt ledger.Ledger
	_, err = h.store.ReadJSON(t.Context(), elsewhere.Bucket, archive.SubmissionKey(elsewhere), &receipt)
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
			h := newHarness(t)
			// On a store that has not proved itself yet the ledger is read first anyway.
			require.NoError(t, h.proveStore())
			elsewhere := archive.Locate(h.loc.Bucket, "tenant", h.track)
			h.write(
				archive.SubmissionKey(elsewhere),
				stemflow.Submission{Version: 1, State: c.state, SeparationTaskID: c.taskID,
					Track: h.track, WorkflowID: "other", RunID: "other", Attempt: 1, IntendedAt: time.Now().Add(-time.Hour)},
			)
			submitted, err := h.submit(
				func(in *activityapi.SubmitSeparationInput) { in.Ledger, in.Location = h.loc, elsewhere },
			)
			if c.want != "" {
				requireType(t, err, c.want)
			} else {
				require.NoError(t, err)
				require.Equal(t, c.taskID, submitted.SeparationTaskID)
			}
			require.Equal(t, 1, h.billed(), "that of the other track")
		})
	}
}

// proveStore pays for another track, so that the store has proved itself.
func (h *harness) proveStore() error {
	other := h.track
	other.AudioID += "-other"
	_, err := h.submit(func(in *activityapi.SubmitSeparationInput) {
		in.Track, in.Location = other, archive.Locate(h.loc.Bucket, "", other)
	})
	return err
}

// defectiveStore is a store that does not pass the test.
type defectiveStore struct{ Store }

func (defectiveStore) Proved(string) bool { return false }

func (defectiveStore) Prove(context.Context, string, string, string, any) error {
	return &archive.Error{Op: "test", Final: true, Err: errors.New("it ignores If-Match")}
}

func TestNothingIsPaidOnAStoreThatFailsItsTest(t *testing.T) {
	h := newHarness(t)
	h.set.SubmitSeparation.Store = defectiveStore{h.store}
	_, err := h.submit()
	require.Contains(t, requireType(t, err, stemflow.ErrorArchiveUnavailable).Message(), "it ignores If-Match")
	require.Zero(t, h.sim.Bill().Requests["generate"])
	require.Equal(t, stemflow.SubmissionRefused, h.ledger().State, "the track is not locked")
}

// Real stores with a defect, behind which all else is sound: each is refused before anything is
// paid.
func TestNothingIsPaidOnADefectiveStore(t *testing.T) {
	confirmsNothing := serverstest.Confirming(func(*http.Request) bool { return true }, serverstest.NoChecksum)
	for name, fault := range map[string]serverstest.Fault{
		"ignores If-None-Match": serverstest.Dropping("If-None-Match"),
		"ignores If-Match":      serverstest.Dropping("If-Match"),
		"confirms no checksum":  confirmsNothing,
		"corrupts what it has":  serverstest.Corrupting(),
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			faulty := serverstest.NewFaultyStore(t, h.storeOptions)
			faulty.SetFaults(fault)
			store, err := archive.New(faulty.Options)
			require.NoError(t, err)
			h.set.SubmitSeparation.Store = store
			for attempt := 1; attempt < 3; attempt++ {
				_, err = h.submit(func(in *activityapi.SubmitSeparationInput) { in.Attempt = attempt })
				t.Log(requireType(t, err, stemflow.ErrorArchiveUnavailable).Message())
			}
			require.Zero(t, h.sim.Bill().Requests["generate"])
		})
	}
}

// Nothing keeps four at once from writing their intents over each other there: the store's test
// must come before any call.
func TestSubmitsAtOnceOnAStoreThatIgnoresConditionsPayNothing(t *testing.T) {
	h := newHarness(t)
	faulty := serverstest.NewFaultyStore(t, h.storeOptions)
	faulty.SetFaults(serverstest.Dropping("If-None-Match"), serverstest.Dropping("If-Match"))
	var all sync.WaitGroup
	for attempt := range 4 {
		store, err := archive.New(faulty.Options) // each is a process of its own
		require.NoError(t, err)
		h.set.SubmitSeparation = &SubmitSeparation{
			Store:    store,
			Provider: h.set.SubmitSeparation.Provider,
			Callback: h.set.SubmitSeparation.Callback,
		}
		env := newSubmitEnvironment(h)
		all.Go(func() {
			_, err := env.ExecuteActivity(activityapi.ActivitySubmitSeparation, activityapi.SubmitSeparationInput{
				Location: h.loc, Track: h.track, Owner: fmt.Sprint("run ", attempt), Attempt: 1, Deadline: stemflow.DefaultDeadline,
			})
			require.Error(t, err)
		})
	}
	all.Wait()
	require.Zero(t, h.sim.Bill().Requests["generate"])
}
