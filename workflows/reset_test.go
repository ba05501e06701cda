package workflows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/outcome"
)

// changedInfo makes workflows know something else of themselves.
type changedInfo struct {
	interceptor.WorkerInterceptorBase
	change func(*workflow.Info)
}

type changedInbound struct {
	interceptor.WorkflowInboundInterceptorBase
	change func(*workflow.Info)
}

type changedOutbound struct {
	interceptor.WorkflowOutboundInterceptorBase
	change func(*workflow.Info)
}

func (c *changedInfo) InterceptWorkflow(
	_ workflow.Context, next interceptor.WorkflowInboundInterceptor,
) interceptor.WorkflowInboundInterceptor {
	in := &changedInbound{change: c.change}
	in.Next = next
	return in
}

func (c *changedInbound) Init(next interceptor.WorkflowOutboundInterceptor) error {
	out := &changedOutbound{change: c.change}
	out.Next = next
	return c.Next.Init(out)
}

func (c *changedOutbound) GetInfo(ctx workflow.Context) *workflow.Info {
	info := *c.Next.GetInfo(ctx)
	c.change(&info)
	return &info
}

var repeated = map[string]func(*workflow.Info){
	"reset":   func(info *workflow.Info) { info.OriginalRunID = "the run that was reset" },
	"retried": func(info *workflow.Info) { info.Attempt = 2 },
}

func changed(change func(*workflow.Info)) worker.Options {
	return worker.Options{Interceptors: []interceptor.WorkerInterceptor{&changedInfo{change: change}}}
}

// A catalogue does not know what the run has started that it is a reset of. Neither does one that
// continues it.
func TestARepeatedCatalogForcesNothing(t *testing.T) {
	for name, change := range repeated {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, 20)
			s.in.Force = true
			for i := range s.tracks {
				s.tracks[i].Input.Force = i%2 == 0
			}
			s.longAfter = 10
			s.prelude = func() {
				if s.generations() == 1 {
					s.env.SetWorkerOptions(changed(change))
				}
			}
			s.run()
			require.Greater(t, s.generations(), 1)
			require.Len(t, s.started, 20)
			forced := func(name string) bool { return name[0] == '+' }
			require.False(t, slices.ContainsFunc(s.started, forced), s.started)
		})
	}
}

// What the run before has paid counts: what is archived of it, what failed, and what is still under
// way.
func TestARepeatedCatalogKeepsToItsBudget(t *testing.T) {
	for name, c := range map[string]struct {
		// before is what was paid for each track when it is read: the first is archived, and a run
		// of the second one is under way.
		before  [4]*int
		end     activityapi.EndedSeparation
		skipped int
		credits []int
	}{
		"it is not repeated": {end: separated(stemflow.SeparateStemsInput{}), credits: []int{0, 0, 10, 10}},
		"the second one pays": {
			[4]*int{credits(10), credits(0), credits(0), credits(0)}, separated(stemflow.SeparateStemsInput{}), 2,
			[]int{10, 10, 0, 0},
		},
		"the second one pays nothing": {
			[4]*int{credits(10), credits(0), credits(0), credits(0)}, unpaid(stemflow.ErrorProviderRejected), 1,
			[]int{10, 0, 10, 0},
		},
		"the second one has paid": {
			[4]*int{credits(0), credits(10), credits(0), credits(0)}, separated(stemflow.SeparateStemsInput{}), 1,
			[]int{0, 10, 10, 0},
		},
		"one has failed, and is paid for again": {
			[4]*int{credits(0), credits(0), credits(10), credits(0)}, unpaid(stemflow.ErrorProviderRejected), 1,
			[]int{0, 0, 20, 0},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, 4)
			s.in.CreditBudget = credits(20)
			for i := range s.tracks {
				s.tracks[i].Before = c.before[i]
			}
			found := outcome.OfTrack(s.tracks[0], stemflow.TrackFound)
			s.tracks[0].Found = &found
			s.runBeside(time.Minute, c.end)
			var result stemflow.SeparateCatalogResult
			require.NoError(t, s.env.GetWorkflowResult(&result))
			require.Equal(t, c.skipped, result.Skipped)
			sum := 0
			for i, want := range c.credits {
				require.Equal(t, want, s.outcomes[i+1].Credits, "track %d", i+1)
				sum += want
			}
			require.Equal(t, sum, result.Credits)
		})
	}
}

// A payment counts from when the first run began, and not from when the reset one did.
func TestARepeatedCatalogAsksWhatWasPaid(t *testing.T) {
	for name, change := range repeated {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, 1)
			began := time.Date(2026, 1, 1, 10, 0, 0, 0, time.UTC)
			s.prelude = func() {
				s.env.SetWorkerOptions(changed(func(info *workflow.Info) {
					change(info)
					info.WorkflowStartTime = began
				}))
			}
			s.run()
			require.Equal(t, []*time.Time{&began}, s.paidSince)
		})
	}
	s := newShelf(t, 1)
	s.run()
	require.Equal(t, []*time.Time{nil}, s.paidSince)
}

func TestARepeatedCallerForcesNothing(t *testing.T) {
	for name, change := range repeated {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, 1)
			s.newEnv()
			s.env.SetWorkerOptions(changed(change))
			s.env.ExecuteWorkflow(activityapi.WorkflowJoinStems,
				stemflow.SeparateStemsInput{TaskID: "t", AudioID: "a1", Force: true})
			require.NoError(t, s.env.GetWorkflowError())
			require.Equal(t, []string{"a1"}, s.started)

			s.newEnv()
			s.env.SetWorkerOptions(changed(change))
			s.tracks[0].Input.Force = true
			in := stemflow.SeparateCatalogInput{
				Name: "june", Tracks: []stemflow.SeparateStemsInput{s.tracks[0].Input},
			}
			s.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: activityapi.CallerWorkflowID("this")})
			another := activityapi.Caller{WorkflowID: activityapi.CallerWorkflowID("another")}
			s.env.OnSignalExternalWorkflow(mock.Anything, another.WorkflowID, "", activityapi.SignalGoesOn, nil).
				Return(nil)
			heard := func() {
				err := s.env.SignalWorkflowByID(stemflow.CatalogWorkflowID(in), activityapi.SignalCaller, another)
				require.NoError(t, err)
				another.Left = true
			}
			s.after(time.Second, heard)
			s.after(2*time.Second, heard)
			s.env.ExecuteWorkflow(activityapi.WorkflowJoinCatalog, in)
			require.NoError(t, s.env.GetWorkflowError(), "it goes on for the caller that has begun it")
			require.Equal(t, []string{"a1", "a1"}, s.started)
		})
	}
}
