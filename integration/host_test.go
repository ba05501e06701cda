package integration

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/devservers/serverstest"
	"stemflow/kiesim"
	"stemflow/plugin"
)

// priorities notes the priority of each type of activity. As a worker's interceptor it also shows
// that the submit queue's worker has those of its host.
type priorities struct {
	interceptor.WorkerInterceptorBase
	mu   sync.Mutex
	seen map[string]temporal.Priority
}

func (p *priorities) InterceptActivity(
	_ context.Context,
	next interceptor.ActivityInboundInterceptor,
) interceptor.ActivityInboundInterceptor {
	return &prioritiesOf{interceptor.ActivityInboundInterceptorBase{Next: next}, p}
}

type prioritiesOf struct {
	interceptor.ActivityInboundInterceptorBase
	*priorities
}

func (p *prioritiesOf) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	if info := activity.GetInfo(ctx); !info.IsLocalActivity { // which waits in no queue
		p.mu.Lock()
		p.seen[info.ActivityType.Name] = info.Priority
		p.mu.Unlock()
	}
	return p.Next.ExecuteActivity(ctx, in)
}

func TestPriorityAndFairnessHoldForEveryActivity(t *testing.T) {
	t.Parallel()
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	p, err := plugin.New(s.cfg)
	require.NoError(t, err)
	seen := &priorities{seen: map[string]temporal.Priority{}}
	w := worker.New(
		s.client,
		s.queue,
		worker.Options{Plugins: []worker.Plugin{p}, Interceptors: []interceptor.WorkerInterceptor{seen}},
	)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)

	given := temporal.Priority{PriorityKey: 2, FairnessKey: "a-customer", FairnessWeight: 3}
	run, err := s.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: s.queue, Priority: given},
		stemflow.WorkflowSeparateStems, track(stemflow.SeparateVocal))
	require.NoError(t, err)
	s.result(run)
	seen.mu.Lock()
	defer seen.mu.Unlock()
	require.Contains(t, seen.seen, activityapi.ActivitySubmitSeparation)
	require.Contains(t, seen.seen, activityapi.ActivityArchiveStem)
	for name, priority := range seen.seen {
		require.Equal(t, given, priority, name)
	}
}

// One call does without the plugin what the plugin does.
func TestRegisterHostsStemflow(t *testing.T) {
	t.Parallel()
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	w := worker.New(s.client, s.queue, worker.Options{WorkerStopTimeout: 5 * time.Second})
	cfg := s.cfg
	cfg.Client = nil // the one that is handed over serves
	stop, err := plugin.Register(s.client, s.queue, w, cfg)
	require.NoError(t, err)
	t.Cleanup(stop)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	in := track(stemflow.SplitStem)
	s.requireArchived(in, s.result(s.start(in)))
	require.Equal(t, 1, s.billed(in))

	// A catalogue looks with the client at a run that it has joined.
	joined := track(stemflow.SeparateVocal)
	s.sim.SetScenario(joined.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	single := s.start(joined)
	s.awaitPhase(single, stemflow.PhaseWaiting)
	run := s.startCatalog(stemflow.SeparateCatalogInput{
		Name: "c-" + newID(), Tracks: []stemflow.SeparateStemsInput{joined},
	})
	s.await("the run is joined", func() bool { return s.catalogProgress(run).Running == 1 })
	s.settle(joined)
	require.Equal(t, stemflow.CatalogCounts{Archived: 1}, s.catalogResult(run, patience).CatalogCounts)
	s.result(single)
}

// connections counts a server's connections.
type connections struct {
	mu   sync.Mutex
	open map[net.Conn]bool
	ever int
}

func (c *connections) note(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		c.open[conn] = true
		c.ever++
	case http.StateClosed, http.StateHijacked:
		delete(c.open, conn)
	}
}

func (c *connections) count() (open, ever int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open), c.ever
}

// A host that stops its worker and goes on with something else keeps nothing of stemflow's.
func TestThePluginClosesItsConnections(t *testing.T) {
	t.Parallel()
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	provider := httptest.NewUnstartedServer(s.sim)
	conns := &connections{open: map[net.Conn]bool{}}
	provider.Config.ConnState = conns.note
	provider.Start()
	t.Cleanup(provider.Close)
	s.cfg.BaseURL = provider.URL
	p, err := plugin.New(s.cfg)
	require.NoError(t, err)
	w := worker.New(s.client, s.queue, worker.Options{Plugins: []worker.Plugin{p}, WorkerStopTimeout: 5 * time.Second})
	require.NoError(t, w.Start())
	s.result(s.start(track(stemflow.SplitStem)))
	open, ever := conns.count()
	require.Positive(t, open, "they are kept for the next separation: %d were made", ever)
	w.Stop()
	s.await("they are closed", func() bool { open, _ := conns.count(); return open == 0 })
}
