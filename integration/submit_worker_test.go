package integration

import (
	"bytes"
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/proxy"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/grpc"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/devservers/serverstest"
	"stemflow/kiesim"
	"stemflow/plugin"
)

// contextValue is what a host gives to its activities by their root context.
type contextValue struct{}

// latecomer is a plugin of the host's that changes the worker's options after stemflow's has seen
// them.
type latecomer struct {
	worker.PluginBase
	interceptor.WorkerInterceptorBase
	mu     sync.Mutex
	values map[string]any
}

func (*latecomer) Name() string { return "latecomer" }

func (l *latecomer) ConfigureWorker(_ context.Context, options worker.PluginConfigureWorkerOptions) error {
	options.WorkerOptions.Interceptors = append(options.WorkerOptions.Interceptors, l)
	return nil
}

func (l *latecomer) InterceptActivity(
	ctx context.Context, next interceptor.ActivityInboundInterceptor,
) interceptor.ActivityInboundInterceptor {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.values[activity.GetInfo(ctx).ActivityType.Name] = ctx.Value(contextValue{})
	return next
}

func TestTheSubmitWorkerTakesItsHostsOptions(t *testing.T) {
	t.Parallel()
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	p, err := plugin.New(s.cfg)
	require.NoError(t, err)
	late := &latecomer{values: map[string]any{}}
	w := worker.New(s.client, s.queue, worker.Options{
		Plugins:                   []worker.Plugin{p, late},
		BackgroundActivityContext: context.WithValue(context.Background(), contextValue{}, "given"),
	})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	s.result(s.start(track(stemflow.SeparateVocal)))
	late.mu.Lock()
	defer late.mu.Unlock()
	for _, name := range []string{activityapi.ActivitySubmitSeparation, activityapi.ActivityArchiveStem} {
		require.Equal(t, "given", late.values[name], name)
	}
}

// register hosts stemflow with one call of Register.
func (s *stack) register(options worker.Options, cfg plugin.Config) {
	s.t.Helper()
	w := worker.New(s.client, s.queue, options)
	stop, err := plugin.Register(s.client, s.queue, w, cfg)
	require.NoError(s.t, err)
	require.NoError(s.t, w.Start())
	s.t.Cleanup(func() { w.Stop(); stop() })
}

// A catalogue looks at runs that others have started through the client that Register was given.
func TestRegisterWithoutAClientInTheConfig(t *testing.T) {
	t.Parallel()
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	cfg := s.cfg
	cfg.Client = nil
	s.register(worker.Options{}, cfg)
	in := track(stemflow.SeparateVocal)
	s.sim.SetScenario(in.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	single := s.start(in)
	s.await("the track is paid for", func() bool { return s.billed(in) == 1 })
	catalog, err := s.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: s.queue},
		stemflow.WorkflowSeparateCatalog, stemflow.SeparateCatalogInput{Tracks: []stemflow.SeparateStemsInput{in}})
	require.NoError(t, err)
	s.await("the catalogue looks at the run", func() bool {
		pending := s.pending(catalog)
		return len(pending) == 1 && pending[0].ActivityType.Name == activityapi.ActivityAwaitSeparation
	})
	s.settle(in)
	s.result(single)
	require.Equal(t, stemflow.CatalogCounts{Archived: 1}, s.catalogResult(catalog, patience).CatalogCounts)
	require.Equal(t, 1, s.billed(in))
}

// A versioned host works whether it hands its options over or not; if it does, its version has the
// submit queue too.
func TestRegisterInAVersionedHost(t *testing.T) {
	t.Parallel()
	for name, handedOver := range map[string]bool{"with its options": true, "without its options": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStackAt(t, serverstest.Temporal(t).Addr)
			deployment := "registered-" + newID()
			options := worker.Options{DeploymentOptions: worker.DeploymentOptions{
				UseVersioning: true, Version: worker.WorkerDeploymentVersion{DeploymentName: deployment, BuildID: "one"},
				DefaultVersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
			}}
			cfg := s.cfg
			if handedOver {
				cfg.WorkerOptions = options
			}
			s.register(options, cfg)
			handle := s.client.WorkerDeploymentClient().GetHandle(deployment)
			s.await("one is the current version", func() bool {
				_, err := handle.SetCurrentVersion(
					t.Context(),
					client.WorkerDeploymentSetCurrentVersionOptions{BuildID: "one"},
				)
				return err == nil
			})
			in := track(stemflow.SeparateVocal)
			s.requireArchived(in, s.result(s.start(in)))
			version, err := handle.DescribeVersion(
				t.Context(),
				client.WorkerDeploymentDescribeVersionOptions{BuildID: "one"},
			)
			require.NoError(t, err)
			versioned := false
			for _, queue := range version.Info.TaskQueuesInfos {
				versioned = versioned || queue.Name == stemflow.SubmitTaskQueue(s.queue)
			}
			require.Equal(t, handedOver, versioned)
		})
	}
}

// deniedSubmitQueue is a Temporal that does not know the namespace when it is asked for tasks of a
// submit queue.
func deniedSubmitQueue(t *testing.T, temporalAddr string) (addr string) {
	t.Helper()
	behind, err := client.Dial(client.Options{HostPort: temporalAddr, Logger: quiet()})
	require.NoError(t, err)
	t.Cleanup(behind.Close)
	forward, err := proxy.NewWorkflowServiceProxyServer(
		proxy.WorkflowServiceProxyOptions{Client: behind.WorkflowService()},
	)
	require.NoError(t, err)
	server := grpc.NewServer(grpc.UnaryInterceptor(
		func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
			poll, ok := request.(*workflowservice.PollActivityTaskQueueRequest)
			if ok && strings.HasSuffix(poll.GetTaskQueue().GetName(), "-submit") {
				return nil, serviceerror.NewNamespaceNotFound(poll.GetNamespace()).(serviceerror.ServiceError).Status().
					Err()
			}
			answer, err := handle(ctx, request)
			return answer, serviceerror.ToStatus(err).Err()
		}))
	workflowservice.RegisterWorkflowServiceServer(server, forward)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

// The worker of the submit queue fails for good, which takes the two minutes for which the SDK
// tries again. Anyone who hosts stemflow ends then and says why.
func TestAHostEndsWithItsSubmitWorker(t *testing.T) {
	t.Parallel()
	s := newStackAt(t, deniedSubmitQueue(t, serverstest.Temporal(t).Addr))
	submitQueue := func(s *stack) string { return stemflow.SubmitTaskQueue(s.queue) }
	requireReason := func(t *testing.T, s *stack, err error) {
		t.Helper()
		require.ErrorContains(t, err, submitQueue(s))
		var unknown *serviceerror.NamespaceNotFound
		require.ErrorAs(t, err, &unknown)
	}
	t.Run("with the plugin", func(t *testing.T) {
		t.Parallel()
		s := s.on(t)
		s.queue += "-plugin"
		p, err := plugin.New(s.cfg)
		require.NoError(t, err)
		var told error
		w := worker.New(s.client, s.queue, worker.Options{
			Plugins: []worker.Plugin{p}, OnFatalError: func(err error) { told = err },
		})
		require.NoError(t, p.Err())
		require.NoError(t, w.Run(nil), "the SDK has no way to hand it another worker's error")
		requireReason(t, s, p.Err())
		require.Equal(t, told, p.Err())
	})
	t.Run("with Register", func(t *testing.T) {
		t.Parallel()
		s := s.on(t)
		s.queue += "-register"
		var told error
		options := worker.Options{OnFatalError: func(err error) { told = err }}
		w := worker.New(s.client, s.queue, options)
		cfg := s.cfg
		cfg.WorkerOptions = options
		stop, err := plugin.Register(s.client, s.queue, w, cfg)
		require.NoError(t, err)
		t.Cleanup(stop)
		require.NoError(t, w.Run(nil))
		requireReason(t, s, told)
	})
	t.Run("as the worker's program", func(t *testing.T) {
		t.Parallel()
		s := s.on(t)
		s.queue += "-program"
		var log bytes.Buffer
		s.workerLog = &log
		program := s.startProgram(buildWorker(t))
		select {
		case <-program.Done():
		case <-time.After(patience):
			require.FailNow(t, "the program goes on without its submit queue")
		}
		require.ErrorContains(t, program.Err(), "exit status 1")
		lines := logged(t, &log)
		require.Equal(t, "worker ends", lines[len(lines)-1]["msg"])
		require.Contains(t, lines[len(lines)-1]["error"], submitQueue(s))
	})
}
