package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/outcome"
)

// However many generations it takes, a catalogue is one run: each track has one outcome, and the
// window stays full.
func TestACatalogContinuesAsNew(t *testing.T) {
	s := newShelf(t, 230)
	s.longAfter = 37
	s.run()
	result := s.result()
	require.Equal(t, stemflow.CatalogCounts{Archived: 230}, result.CatalogCounts)
	require.Greater(t, s.generations(), 4)
	require.Len(t, s.started, 230, "no track is started twice")
	require.LessOrEqual(t, s.most, 10)
	require.Equal(t, s.began, result.StartedAt)
	require.Equal(t, 1, s.calls[activityapi.ActivityPrepareCatalog])
	for _, state := range s.states {
		require.Greater(t, len(state.Running), 5, "those under way go on while the run continues as new")
		for _, track := range state.Running {
			require.NotEmpty(t, track.RunID)
		}
	}
	require.Equal(t, map[string]int64{"stemflow_catalog_tracks{status=archived}": 230}, s.metrics.Counters())
}

func TestArchivedTracksMakeHistoriesLongToo(t *testing.T) {
	s := newShelf(t, 450)
	for i := range s.tracks {
		found := outcome.OfArchived(s.tracks[i], stemflow.SeparateStemsResult{SettledBy: stemflow.SettledByArchive})
		s.tracks[i].Found = &found
	}
	s.page = func(offset int64) {
		if offset == 200 && s.generations() == 1 {
			s.env.SetContinueAsNewSuggested(true)
		}
	}
	s.run()
	require.Equal(t, 450, s.result().Found)
	require.Equal(t, 2, s.generations())
}

// What a generation knows, the next one knows.
func TestAGenerationHandsOnWhatItKnows(t *testing.T) {
	s := newShelf(t, 60)
	s.in.CreditBudget = credits(400)
	s.in.Force = true
	s.longAfter = 15
	s.fails(paidAndFailed(stemflow.ErrorSeparationFailed), 2)
	s.prelude = func() {
		switch s.generations() {
		case 1:
			s.after(30*time.Second, func() { s.update(stemflow.UpdateSetWindow, nil, 5) })
		case 3:
			s.longAfter = 0
			s.after(time.Second, func() { s.update(stemflow.UpdatePause, nil) })
			s.after(5*time.Minute, func() {
				p := s.progress()
				require.Equal(t, 5, p.Window)
				require.Equal(t, s.began, p.StartedAt)
				require.Equal(t, 1, p.Failed)
				require.Len(t, p.Failures, 1)
				require.Equal(t, len(s.started)*10, p.Credits)
				require.Zero(t, p.Running)
				// A long history does not wait for the pause to end.
				s.env.SetCurrentHistoryLength(1_000_000)
				s.update(stemflow.UpdateSetWindow, nil, 4)
			})
		case 4:
			s.after(time.Hour, func() {
				p := s.progress()
				require.Equal(t, stemflow.PauseRequested, p.Paused.Reason)
				require.Equal(t, 4, p.Window)
				s.update(stemflow.UpdateResume, nil)
			})
		}
	}
	s.run()
	require.Equal(t, 4, s.generations())
	result := s.result()
	require.Equal(t, stemflow.CatalogCounts{Archived: 39, Failed: 1, Skipped: 20}, result.CatalogCounts)
	require.Equal(t, 400, result.Credits)
}

// What the tracks under way may cost is reserved in the next generation, too.
func TestAGenerationKeepsToTheBudget(t *testing.T) {
	s := newShelf(t, 40)
	s.in.CreditBudget = credits(150)
	s.prelude = func() {
		if s.longAfter = 0; s.generations() == 1 {
			s.longAfter = 8
		}
	}
	s.run()
	require.Len(t, s.states, 1)
	require.NotEmpty(t, s.states[0].Running)
	require.Equal(t, stemflow.CatalogCounts{Archived: 15, Skipped: 25}, s.result().CatalogCounts)
	require.Equal(t, 150, s.paid)
}

// Two Nexus callers wait. That one of them leaves a later generation ends nothing.
func TestAGenerationHandsOnItsCallers(t *testing.T) {
	s := newShelf(t, 20)
	first, second := activityapi.CallerWorkflowID("first"), activityapi.CallerWorkflowID("second")
	signal := func(after time.Duration, caller activityapi.Caller) {
		s.after(after, func() { s.env.SignalWorkflow(activityapi.SignalCaller, caller) })
	}
	s.prelude = func() {
		s.env.SetWorkerOptions(changed(func(info *workflow.Info) {
			if info.WorkflowType.Name == stemflow.WorkflowSeparateCatalog {
				info.ParentWorkflowExecution = &workflow.Execution{ID: first}
			}
		}))
		s.env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).
			Return(nil)
		switch s.longAfter = 0; s.generations() {
		case 1:
			s.longAfter = 8
			signal(0, activityapi.Caller{WorkflowID: second})
		case 2:
			signal(0, activityapi.Caller{WorkflowID: second, Left: true})
		}
	}
	s.run()
	require.Equal(t, []string{first, second}, s.states[0].Callers)
	require.Equal(t, 20, s.result().Archived)
}

// Tracks that are to be tried again, and what is known of the account, are handed on too.
func TestAGenerationHandsOnItsTroubles(t *testing.T) {
	s := newShelf(t, 40)
	mended := false
	s.separate = func(in stemflow.SeparateStemsInput) (time.Duration, activityapi.EndedSeparation) {
		switch {
		case in.AudioID == "a1":
			return time.Second, unpaid(stemflow.ErrorInsufficientCredits)
		case !mended:
			return 2 * time.Second, unpaid(stemflow.ErrorUnauthorized)
		default:
			return time.Minute, separated(in)
		}
	}
	s.prelude = func() {
		switch s.generations() {
		case 1:
			s.after(time.Hour, func() {
				s.env.SetCurrentHistorySize(1_000_000_000)
				s.update(stemflow.UpdatePause, nil)
			})
		case 2:
			s.after(time.Hour, func() {
				require.Equal(t, stemflow.ErrorUnauthorized, s.progress().Paused.Reason)
				mended = true
				s.update(stemflow.UpdateResume, nil)
			})
		}
	}
	s.run()
	require.Len(t, s.states, 1)
	require.True(t, s.states[0].Doubtful)
	require.NotEmpty(t, s.states[0].Again)
	require.Empty(t, s.states[0].Running)
	require.Equal(t, stemflow.CatalogCounts{Archived: 39, Failed: 1}, s.result().CatalogCounts)
}

// A run that Temporal has forgotten is not awaited for ever, and counts as paid.
func TestAnAdoptedRunThatIsLost(t *testing.T) {
	for name, end := range map[string]func() (*activityapi.EndedSeparation, error){
		"it is forgotten": func() (*activityapi.EndedSeparation, error) {
			return &activityapi.EndedSeparation{Reason: stemflow.ReasonLost, Message: "no such run"}, nil
		},
		"it cannot be looked at": func() (*activityapi.EndedSeparation, error) {
			return nil, temporal.NewNonRetryableApplicationError("this host has no client", stemflow.ReasonLost, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, 12)
			s.longAfter = 3
			s.prelude = func() {
				if s.generations() == 2 {
					s.longAfter = 0
					s.after(time.Hour, func() {
						require.Equal(t, stemflow.ReasonLost, s.progress().Paused.Reason)
						s.update(stemflow.UpdateResume, nil)
					})
				}
				shelve(
					s,
					activityapi.ActivityAwaitSeparation,
					func(activityapi.AwaitSeparationInput) (*activityapi.EndedSeparation, error) {
						s.paid += 10
						return end()
					},
				)
			}
			s.run()
			require.Equal(t, stemflow.CatalogCounts{Archived: 9, Failed: 3}, s.result().CatalogCounts)
			require.Equal(t, stemflow.ReasonLost, s.outcomes[1].Reason)
		})
	}
}

func TestAnInlineCatalogIsContinuedWithoutItsTracks(t *testing.T) {
	s := newShelf(t, 40)
	s.longAfter = 20
	s.in = stemflow.SeparateCatalogInput{Window: 10}
	for _, track := range s.tracks {
		s.in.Tracks = append(s.in.Tracks, track.Input)
	}
	want := s.in.WithDefaults().Name
	s.run()
	require.Greater(t, s.generations(), 1)
	require.Equal(t, want, s.result().Name)
}
