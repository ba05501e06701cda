package integration

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/worker"

	"stemflow"
	"stemflow/internal/devservers/serverstest"
	"stemflow/kiesim"
	"stemflow/plugin"
)

// All goes by the jobs route as by the dedicated one, with callbacks and without.
func TestJobsRoute(t *testing.T) {
	t.Parallel()
	s := newStack(t, func(s *stack) { s.cfg.Route = "jobs" })
	for name, test := range map[string]struct {
		scenario kiesim.Scenario
		settled  stemflow.SettledBy
		kind     stemflow.SeparationType
	}{
		"called back":           {kiesim.Scenario{}, stemflow.SettledByCallback, stemflow.SplitStem},
		"called back, advanced": {kiesim.Scenario{}, stemflow.SettledByCallback, stemflow.SplitStemAdvanced},
		"polled": {
			kiesim.Scenario{Callback: kiesim.Callback{Lost: true}}, stemflow.SettledByPoll, stemflow.SeparateVocal,
		},
		"links alone": {
			kiesim.Scenario{Record: kiesim.Record{Links: kiesim.LinksResultURLs}}, stemflow.SettledByCallback,
			stemflow.SplitStem,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.on(t)
			in := track(test.kind)
			in.CallbackGrace = stemflow.Duration(3 * time.Second)
			if test.settled == stemflow.SettledByCallback {
				in.CallbackGrace = stemflow.Duration(time.Minute)
			}
			s.sim.SetScenario(in.AudioID, test.scenario)
			result := s.result(s.start(in))
			require.Equal(t, test.settled, result.SettledBy)
			s.requireArchived(in, result)
		})
	}
	t.Cleanup(func() {
		bill := s.sim.Bill()
		require.Equal(t, 4, bill.Requests["createTask"])
		require.Zero(t, bill.Requests["generate"])
		require.Len(t, bill.Charges, 4)
	})
}

// A separation that was submitted by one route is read after the host was moved to the other.
func TestRouteChangesUnderWay(t *testing.T) {
	t.Parallel()
	for _, routes := range [][2]string{{"dedicated", "jobs"}, {"jobs", "dedicated"}} {
		t.Run(routes[0]+" to "+routes[1], func(t *testing.T) {
			t.Parallel()
			s := newStackAt(t, serverstest.Temporal(t).Addr)
			in := track(stemflow.SplitStem)
			in.CallbackGrace = stemflow.Duration(time.Second)
			s.sim.SetScenario(in.AudioID, kiesim.Scenario{
				Outcome: kiesim.Outcome{Pending: true}, Callback: kiesim.Callback{Lost: true},
			})
			stop := s.startWorkerBy(routes[0])
			run := s.start(in)
			s.await("the separation is paid for", func() bool { return s.memo(run) != "" })
			stop()
			stop = s.startWorkerBy(routes[1])
			defer stop()
			require.NoError(t, s.sim.Settle(s.memo(run)))
			result := s.result(run)
			require.Equal(t, stemflow.SettledByPoll, result.SettledBy)
			s.requireArchived(in, result)
			require.Len(t, s.sim.Bill().Charges, 1)
		})
	}
}

// startWorkerBy starts a worker that submits by a route.
func (s *stack) startWorkerBy(route string) (stop func()) {
	s.t.Helper()
	cfg := s.cfg
	cfg.Route = route
	p, err := plugin.New(cfg)
	require.NoError(s.t, err)
	w := worker.New(s.client, s.queue, worker.Options{
		Plugins: []worker.Plugin{p}, WorkerStopTimeout: 5 * time.Second, MaxHeartbeatThrottleInterval: time.Second,
	})
	require.NoError(s.t, w.Start())
	return w.Stop
}
