package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
)

// currentDetails are what Temporal's UI shows of a run.
func currentDetails(t *testing.T, env *testsuite.TestWorkflowEnvironment) string {
	t.Helper()
	value, err := env.QueryWorkflow("__temporal_workflow_metadata")
	require.NoError(t, err)
	var metadata sdkpb.WorkflowMetadata
	require.NoError(t, value.Get(&metadata))
	return metadata.GetCurrentDetails()
}

// How a run ends is what its progress and its details say for ever after.
func TestRunsShowHowTheyEnded(t *testing.T) {
	t.Run("done", func(t *testing.T) {
		w := newHarness(t)
		w.archive = func(in activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
			stem := archived(in.Stem.Name)
			stem.Size = 4_812_345
			return stem, nil
		}
		w.callbackAfter(time.Minute, success(separationID))
		in := input()
		in.Title = "A *song*"
		w.run(in)
		w.result()
		p := w.progress()
		require.Equal(t, stemflow.PhaseDone, p.Phase)
		require.Equal(t, "A *song*", p.Title)
		require.Equal(t, 10, p.Credits)
		require.True(t, p.Paid)
		require.Equal(t, "task/audio/separate_vocal/manifest.json", p.Manifest.Key)
		require.False(t, p.EndedAt.IsZero())
		require.Nil(t, p.Failure)
		details := currentDetails(t, w.env)
		for _, want := range []string{
			"**done**", `separate\_vocal of audio, A \*song\*`, "10 credits (about $0.05)", "| vocals | archived | 4.8 MB |",
			"manifest `task/audio/separate_vocal/manifest.json` in bucket `stems`",
		} {
			require.Contains(t, details, want)
		}
	})
	t.Run("failed while submitting", func(t *testing.T) {
		w := newHarness(t)
		w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
			return nil, failed(stemflow.ErrorInsufficientCredits)
		}
		w.run(input())
		p := w.progress()
		require.Equal(t, stemflow.PhaseFailed, p.Phase)
		require.Equal(t, stemflow.ErrorInsufficientCredits, p.Failure.Type)
		require.Contains(t, p.Failure.Remedy, "top the provider's account up")
		require.Zero(t, p.Credits)
		require.False(t, p.EndedAt.IsZero())
		details := currentDetails(t, w.env)
		require.Contains(t, details, "**failed**")
		require.Contains(t, details, "**InsufficientCredits**")
		require.Contains(t, details, "What to do: top the provider's account up")
		require.NotContains(t, details, "submitting")
	})
	t.Run("failed with wrong input", func(t *testing.T) {
		w := newHarness(t)
		w.run(stemflow.SeparateStemsInput{})
		require.Equal(t, stemflow.PhaseFailed, w.progress().Phase)
		require.Equal(t, stemflow.ErrorInvalidInput, w.progress().Failure.Type)
	})
	t.Run("failed without knowing whether it paid", func(t *testing.T) {
		w := newHarness(t)
		w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
			return nil, failed(activityapi.ActivityErrorSubmitUnknown)
		}
		w.env.RegisterDelayedCallback(func() {
			require.Contains(t, currentDetails(t, w.env), "the submit's outcome is unknown, waiting for the callback")
		}, time.Minute)
		w.run(input())
		p := w.progress()
		require.Equal(t, stemflow.ErrorSubmissionUnknown, p.Failure.Type)
		require.True(t, p.Paid)
		require.Zero(t, p.Credits)
		require.Contains(t, currentDetails(t, w.env), "cost: not known")
	})
	t.Run("cancelled", func(t *testing.T) {
		w := newHarness(t)
		w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
			return nil, again(activityapi.ActivityErrorPending)
		}
		w.cancelAfter(5 * time.Minute)
		w.run(input())
		w.cancelled()
		p := w.progress()
		require.Equal(t, stemflow.PhaseCancelled, p.Phase)
		require.Equal(t, stemflow.ReasonCanceled, p.Failure.Type)
		require.Contains(t, p.Failure.Remedy, "taken up, not paid twice")
		require.Equal(t, separationID, p.SeparationTaskID)
		require.Contains(t, currentDetails(t, w.env), "**cancelled**")
	})
}

// From when the cancellation comes a run says so, while the paid call is still awaited for its id.
func TestRunsShowThatTheyAreBeingCancelled(t *testing.T) {
	w := newHarness(t)
	w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		w.env.CancelWorkflow()
		return &activityapi.SubmittedSeparation{SeparationTaskID: separationID, SubmittedAt: w.env.Now()}, nil
	}
	var seen stemflow.Progress
	var details string
	w.env.SetOnActivityCanceledListener(func(info *activity.Info) {
		if info.ActivityType.Name == activityapi.ActivitySubmitSeparation {
			seen, details = w.progress(), currentDetails(t, w.env)
		}
	})
	w.run(input())
	w.cancelled()
	require.Equal(t, stemflow.PhaseCancelling, seen.Phase)
	require.Contains(t, details, "**cancelling**: what is paid for is kept")
	require.Equal(t, stemflow.PhaseCancelled, w.progress().Phase)
}

func TestCatalogsShowHowTheyEnded(t *testing.T) {
	t.Run("done", func(t *testing.T) {
		s := newShelf(t, 5)
		s.tracks[1].Input.Title = "A song"
		s.fails(paidAndFailed(stemflow.ErrorSeparationFailed), 2)
		s.run()
		s.result()
		p := s.progress()
		require.Equal(t, stemflow.CatalogDone, p.Phase)
		require.Equal(t, "report.json", p.Report.JSON.Key)
		require.Equal(t, &stemflow.ObjectRef{Bucket: "stems", Key: "_catalogs/june/run/"}, p.Folder)
		require.False(t, p.EndedAt.IsZero())
		require.Equal(t, "A song", s.outcomes[2].Title)
		details := currentDetails(t, s.env)
		for _, want := range []string{
			"**done** june, 5 tracks", "cost so far: 50 credits (about $0.25)", "- line 3, A song: **SeparationFailed** SeparationFailed it is",
			"report `report.csv` in bucket `stems`",
		} {
			require.Contains(t, details, want)
		}
	})
	t.Run("failed", func(t *testing.T) {
		s := newShelf(t, 5)
		s.prepare = func() (*activityapi.PreparedCatalog, error) { return nil, failed(stemflow.ErrorInvalidInput) }
		s.run()
		p := s.progress()
		require.Equal(t, stemflow.CatalogFailed, p.Phase)
		require.Equal(t, stemflow.ErrorInvalidInput, p.Failure.Type)
		require.Contains(t, currentDetails(t, s.env), "**failed**")
	})
	t.Run("cancelled, and cancelling until then", func(t *testing.T) {
		s := newShelf(t, 25)
		var cancelling []stemflow.CatalogProgress
		s.separate = func(in stemflow.SeparateStemsInput) (time.Duration, activityapi.EndedSeparation) {
			return time.Hour, separated(in)
		}
		s.prelude = func() {
			s.env.SetOnChildWorkflowCanceledListener(func(*workflow.Info) {
				cancelling = append(cancelling, s.progress())
				s.env.UpdateWorkflow(stemflow.UpdateResume, "", &testsuite.TestUpdateCallback{
					OnAccept: func() { t.Error("a catalogue that is cancelled goes on") }, OnReject: func(error) {},
					OnComplete: func(any, error) {},
				})
			})
			s.after(time.Minute, func() { s.update(stemflow.UpdatePause, nil) })
			s.after(2*time.Minute, func() {
				require.Contains(t, currentDetails(t, s.env), "**paused** since 12:01 UTC: requested")
				s.env.CancelWorkflow()
			})
		}
		s.run()
		require.Len(t, cancelling, 3)
		require.Equal(t, stemflow.CatalogCancelling, cancelling[0].Phase)
		kind, _, _ := s.failure()
		require.Equal(t, stemflow.ReasonCanceled, kind)
		p := s.progress()
		require.Equal(t, stemflow.CatalogCancelled, p.Phase)
		require.NotNil(t, p.Report)
		require.Contains(t, p.Failure.Remedy, "start the catalogue again")
		details := currentDetails(t, s.env)
		require.Contains(t, details, "**cancelled** june")
		require.NotContains(t, details, "paused")
	})
}
