package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
)

// Whenever a catalogue is cancelled, its tracks are, too, and what became of them is told.
func TestCatalogCancelled(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(s *shelf)
		want stemflow.CatalogCounts
	}{
		"while tracks are under way": {
			func(s *shelf) { s.prelude = func() { s.after(90*time.Second, s.env.CancelWorkflow) } },
			stemflow.CatalogCounts{Archived: 3, Cancelled: 10}, // the first three were alone
		},
		"while it is paused": {
			func(s *shelf) {
				s.prelude = func() {
					s.after(90*time.Second, func() { s.update(stemflow.UpdatePause, nil) })
					s.after(time.Hour, s.env.CancelWorkflow)
				}
			},
			stemflow.CatalogCounts{Archived: 13},
		},
		"while the last are under way": {
			func(s *shelf) { s.prelude = func() { s.after(210*time.Second, s.env.CancelWorkflow) } },
			stemflow.CatalogCounts{Archived: 23, Cancelled: 2},
		},
		"while the balance is asked for": {
			func(s *shelf) {
				s.balance = func() (float64, error) {
					s.env.CancelWorkflow()
					return 0,
						again(stemflow.ErrorProviderUnavailable)
				}
			},
			stemflow.CatalogCounts{},
		},
		"while tracks are to be tried again": {
			func(s *shelf) {
				s.fails(unpaid(stemflow.ErrorUnauthorized), 3, 4)
				s.prelude = func() { s.after(time.Hour, s.env.CancelWorkflow) }
			},
			stemflow.CatalogCounts{Archived: 8 + 2, Cancelled: 2},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, 25)
			c.set(s)
			s.run()
			kind, _, result := s.failure()
			require.Equal(t, stemflow.ReasonCanceled, kind)
			if name == "while tracks are to be tried again" {
				result.Archived, c.want.Archived = 0, 0 // how many were started before the key was refused is chance
				require.Equal(t, c.want, result.CatalogCounts)
				return
			}
			require.Equal(t, c.want, result.CatalogCounts)
			require.Equal(t, 25, result.Tracks)
			require.NotEmpty(t, result.Report.JSON.Key)
			require.Zero(t, s.running)
			s.account(result)
			for _, outcome := range s.outcomes {
				if outcome.Status == stemflow.TrackCancelled {
					require.Equal(t, 10, outcome.Credits, "what was paid is told")
					require.NotEmpty(t, outcome.SeparationTaskID)
				}
			}
		})
	}
}

func TestCatalogCancelledBeforeItsTracksAreKnown(t *testing.T) {
	s := newShelf(t, 25)
	s.prepare = func() (*activityapi.PreparedCatalog, error) {
		s.env.CancelWorkflow()
		return nil, again(stemflow.ErrorArchiveUnavailable)
	}
	s.run()
	kind, _, result := s.failure()
	require.Equal(t, stemflow.ReasonCanceled, kind)
	require.Zero(t, result.Tracks)
	require.Empty(t, s.reported)
	require.Empty(t, s.started)
}

// All tracks have come to their end: the report is written all the same, and the cancellation came
// too late.
func TestCatalogCancelledWhileItReports(t *testing.T) {
	s := newShelf(t, 5)
	s.report = func() error {
		if len(s.reported) == 1 {
			s.env.CancelWorkflow()
			return again(stemflow.ErrorArchiveUnavailable)
		}
		return nil
	}
	s.run()
	require.Equal(t, 5, s.result().Archived)
	require.Len(t, s.reported, 2)
}

func TestACancelledCatalogEndsWithoutItsReportWhenTheStoreIsAway(t *testing.T) {
	s := newShelf(t, 25)
	s.report = func() error { return again(stemflow.ErrorArchiveUnavailable) }
	s.prelude = func() { s.after(90*time.Second, s.env.CancelWorkflow) }
	s.run()
	kind, _, result := s.failure()
	require.Equal(t, stemflow.ReasonCanceled, kind)
	require.Empty(t, result.Report.JSON.Key)
	require.Equal(t, 10, result.Cancelled)
	require.Less(t, s.env.Now().Sub(s.began), 10*time.Minute)
}

// Tracks that an earlier generation has started are not its children any more, and are cancelled
// all the same; those of others are left alone.
func TestACancelledCatalogCancelsWhatItHasAdopted(t *testing.T) {
	s := newShelf(t, 25)
	s.longAfter = 5
	cancelled := map[string]int{}
	s.prelude = func() {
		s.env.OnRequestCancelExternalWorkflow(mock.Anything, mock.Anything, mock.Anything).
			Return(func(_, id, run string) error {
				s.mu.Lock()
				defer s.mu.Unlock()
				require.NotEmpty(t, run)
				cancelled[id]++
				return nil
			})
		if s.generations() == 2 {
			s.longAfter = 0
			s.after(time.Second, func() { s.update(stemflow.UpdateSetWindow, nil, 15) })
			s.after(2*time.Second, s.env.CancelWorkflow)
		}
		shelve(
			s,
			activityapi.ActivityAwaitSeparation,
			func(in activityapi.AwaitSeparationInput) (*activityapi.EndedSeparation, error) {
				if cancelled[in.WorkflowID] == 0 {
					return nil, again(activityapi.ActivityErrorStillRunning)
				}
				// A look that was under way at the cancellation may see it too.
				if cancelled[in.WorkflowID]++; cancelled[in.WorkflowID] == 2 {
					s.paid += 10
				}
				end := paidAndFailed(stemflow.ReasonCanceled)
				return &end, nil
			},
		)
	}
	s.run()
	kind, _, result := s.failure()
	require.Equal(t, stemflow.ReasonCanceled, kind)
	require.Len(t, cancelled, 10)
	require.Equal(t, 15, result.Cancelled, "those of the first generation, and those of the second")
	s.account(result)
}
