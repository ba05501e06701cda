package workflows_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
)

// runBeside runs the catalogue while another caller's run of its second track is under way for so
// long, and then ends so.
func (s *shelf) runBeside(takes time.Duration, end activityapi.EndedSeparation) {
	joined := s.tracks[1].Input
	healthy, first := s.separate, true
	s.separate = func(in stemflow.SeparateStemsInput) (time.Duration, activityapi.EndedSeparation) {
		if in.AudioID == joined.AudioID && first {
			first = false
			return takes, end
		}
		return healthy(in)
	}
	s.began = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	s.newEnv()
	s.env.RegisterWorkflowWithOptions(func(
		ctx workflow.Context, in stemflow.SeparateCatalogInput,
	) (*stemflow.SeparateCatalogResult, error) {
		beside := workflow.WithWorkflowID(ctx, stemflow.WorkflowID(joined))
		other := workflow.ExecuteChildWorkflow(beside, stemflow.WorkflowSeparateStems, joined)
		if err := other.GetChildWorkflowExecution().Get(ctx, nil); err != nil {
			return nil, err
		}
		var result stemflow.SeparateCatalogResult
		ctx = workflow.WithWorkflowID(ctx, "catalog:june")
		err := workflow.ExecuteChildWorkflow(ctx, stemflow.WorkflowSeparateCatalog, in, nil).Get(ctx, &result)
		return &result, err
	}, workflow.RegisterOptions{Name: "Host"})
	shelve(
		s,
		activityapi.ActivityAwaitSeparation,
		func(in activityapi.AwaitSeparationInput) (*activityapi.EndedSeparation, error) {
			if in != (activityapi.AwaitSeparationInput{WorkflowID: stemflow.WorkflowID(joined)}) {
				return nil, errors.New("a run of the catalogue's own is awaited")
			}
			if s.env.Now().Sub(s.began) <= takes {
				return nil, again(activityapi.ActivityErrorStillRunning)
			}
			return &end, nil
		},
	)
	s.prelude()
	s.env.ExecuteWorkflow("Host", s.in)
	if end.Result != nil && end.Result.Paid || end.Details != nil && end.Details.Paid {
		s.paid -= 10 // the other's, not the catalogue's
	}
}

// A run of a track that is under way elsewhere is joined. What it pays is not the catalogue's.
func TestARunThatIsUnderWayIsJoined(t *testing.T) {
	s := newShelf(t, 3)
	s.runBeside(time.Minute, separated(s.tracks[1].Input))
	require.Equal(t, 20, s.result().Credits)
	require.True(t, s.outcomes[2].Joined)
	require.Zero(t, s.outcomes[2].Credits)
	require.Equal(t, stemflow.TrackArchived, s.outcomes[2].Status)
	require.Len(t, s.started, 3)
}

// What another caller gives up, the catalogue does itself. It never forces what may be paid for.
func TestAJoinedRunThatIsEndedFromOutsideIsReplaced(t *testing.T) {
	cancelled := func(details stemflow.ErrorDetails) activityapi.EndedSeparation {
		return activityapi.EndedSeparation{
			Reason:  stemflow.ReasonCanceled,
			Message: "it was cancelled",
			Details: &details,
		}
	}
	stopped := func(reason string) activityapi.EndedSeparation {
		return activityapi.EndedSeparation{Reason: reason, Message: "no details"}
	}
	for name, c := range map[string]struct {
		end     activityapi.EndedSeparation
		started string
		credits int
	}{
		"cancelled before it paid": {cancelled(stemflow.ErrorDetails{}), "+a2", 10},
		"cancelled, paid":          {cancelled(stemflow.ErrorDetails{Paid: true, SeparationTaskID: "sep"}), "a2:sep", 0},
		"cancelled, may have paid": {cancelled(stemflow.ErrorDetails{Paid: true}), "a2", 10},
		"terminated":               {stopped(stemflow.ReasonTerminated), "a2", 10},
		"timed out":                {stopped(stemflow.ReasonTimedOut), "a2", 10},
		"lost":                     {stopped(stemflow.ReasonLost), "a2", 10},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, 3)
			for i := range s.tracks {
				s.tracks[i].Input.Force = true
			}
			s.runBeside(time.Minute, c.end)
			result := s.result()
			require.Equal(t, stemflow.CatalogCounts{Archived: 3}, result.CatalogCounts)
			require.Equal(t, 20+c.credits, result.Credits)
			require.Len(t, s.started, 4)
			require.Equal(t, c.started, s.started[3])
			require.False(t, s.outcomes[2].Joined, "the report is about the catalogue's own run")
			require.Equal(t, c.credits, s.outcomes[2].Credits)
		})
	}
}

// A run that replaces a joined one needs its place in the budget like any other.
func TestAReplacedRunIsWithinTheBudget(t *testing.T) {
	s := newShelf(t, 3)
	s.in.CreditBudget = credits(20)
	s.runBeside(90*time.Second, unpaid(stemflow.ReasonCanceled))
	require.Equal(t, stemflow.CatalogCounts{Archived: 2, Skipped: 1}, s.result().CatalogCounts)
	require.Equal(t, stemflow.ReasonCreditBudget, s.outcomes[2].Reason)
	require.Len(t, s.started, 3)
}

// The catalogue does not outlast a caller who starts and cancels a track again and again.
func TestAJoinedRunIsReplacedSomeTimesOnly(t *testing.T) {
	s := newShelf(t, 3)
	joins := 0
	s.prelude = func() {
		shelve(
			s,
			activityapi.ActivityAwaitSeparation,
			func(activityapi.AwaitSeparationInput) (*activityapi.EndedSeparation, error) {
				joins++
				end := unpaid(stemflow.ReasonCanceled)
				return &end, nil
			},
		)
	}
	s.runBeside(24*time.Hour, unpaid(stemflow.ReasonCanceled))
	require.Equal(t, stemflow.CatalogCounts{Archived: 2, Cancelled: 1}, s.result().CatalogCounts)
	require.Equal(t, 1+3, joins)
	require.True(t, s.outcomes[2].Joined)
	require.Equal(t, 20, s.result().Credits)
}

// A run of the catalogue's own that a person cancels stays cancelled.
func TestAnOwnRunThatIsCancelledIsNotReplaced(t *testing.T) {
	s := newShelf(t, 3)
	s.fails(paidAndFailed(stemflow.ReasonCanceled), 2)
	s.run()
	require.Equal(t, stemflow.CatalogCounts{Archived: 2, Cancelled: 1}, s.result().CatalogCounts)
	require.Len(t, s.started, 3)
}

// A catalogue that is cancelled itself replaces nothing.
func TestACancelledCatalogReplacesNoJoinedRun(t *testing.T) {
	s := newShelf(t, 3)
	s.prelude = func() {
		shelve(
			s,
			activityapi.ActivityAwaitSeparation,
			func(activityapi.AwaitSeparationInput) (*activityapi.EndedSeparation, error) {
				s.env.CancelWorkflow()
				end := unpaid(stemflow.ReasonCanceled)
				return &end, nil
			},
		)
	}
	s.runBeside(24*time.Hour, unpaid(stemflow.ReasonCanceled))
	require.Error(t, s.env.GetWorkflowError())
	require.LessOrEqual(t, len(s.started), 3)
	require.Equal(t, stemflow.TrackCancelled, s.outcomes[2].Status)
}

// A run that is joined may be one that the catalogue had begun before it was reset. Cancelled, it
// has the activity find out, and takes in what such a run has paid.
func TestACancelledCatalogMayCancelAJoinedRun(t *testing.T) {
	for name, before := range map[string]*int{"reset": credits(0), "not reset": nil} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, 3)
			s.tracks[1].Before = before
			var cancels []string
			s.prelude = func() {
				shelve(
					s,
					activityapi.ActivityAwaitSeparation,
					func(in activityapi.AwaitSeparationInput) (*activityapi.EndedSeparation, error) {
						if in.CancelFor == "" {
							s.env.CancelWorkflow()
							return nil, again(activityapi.ActivityErrorStillRunning)
						}
						cancels = append(cancels, in.WorkflowID)
						end := paidAndFailed(stemflow.ReasonCanceled)
						return &end, nil
					},
				)
			}
			s.runBeside(24*time.Hour, unpaid(stemflow.ReasonCanceled))
			require.Error(t, s.env.GetWorkflowError())
			require.Equal(t, stemflow.TrackCancelled, s.outcomes[2].Status)
			if before == nil {
				require.Empty(t, cancels)
				require.Zero(t, s.outcomes[2].Credits)
				return
			}
			require.Equal(t, []string{stemflow.WorkflowID(s.tracks[1].Input)}, cancels)
			require.Equal(t, 10, s.outcomes[2].Credits)
		})
	}
}
