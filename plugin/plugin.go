// Package plugin hosts stemflow in any Temporal worker: as a plugin in worker.Options.Plugins, or
// with one call of [Register].
//
// Either serves both queues that stemflow needs: the host's own, and the rate-limited one of the
// paid call.
package plugin

import (
	"context"
	"errors"
	"sync"

	"go.temporal.io/sdk/worker"

	"stemflow/workflows"
)

// Plugin is a Temporal worker plugin. It goes into worker.Options.Plugins (not into those of the
// client), of one worker or of several.
type Plugin struct {
	worker.PluginBase
	host *host

	mu sync.Mutex
	// hosted are the workers it serves, by their instance keys.
	hosted map[string]*hosted
	// fatal is the first error that ended a submit worker for good.
	fatal error
}

// hosted is one worker that the plugin serves.
type hosted struct {
	taskQueue string
	// options are the host's own, and complete only when the worker starts: plugins that come after
	// this one change them too.
	options *worker.Options
	submit  worker.Worker
}

var _ worker.Plugin = (*Plugin)(nil)

// New makes the plugin. It connects to nothing yet; a wrong configuration is an error here.
func New(cfg Config) (*Plugin, error) {
	h, err := newHost(cfg)
	if err != nil {
		return nil, err
	}
	return &Plugin{host: h, hosted: map[string]*hosted{}}, nil
}

// Name implements worker.Plugin.
func (p *Plugin) Name() string { return "stemflow" }

// Err returns the error that ended the worker of a submit queue for good, or nil. Such an error
// also stops the host, whose Run then returns nil: the SDK has no way to hand it another worker's
// error. So a host that ends when Run does asks Err for the reason. The host's OnFatalError is
// called with it too.
func (p *Plugin) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fatal
}

// ConfigureWorker implements worker.Plugin: it remembers the worker that it is going to serve.
func (p *Plugin) ConfigureWorker(_ context.Context, options worker.PluginConfigureWorkerOptions) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hosted[options.WorkerInstanceKey] = &hosted{taskQueue: options.TaskQueue, options: options.WorkerOptions}
	return nil
}

// StartWorker implements worker.Plugin: it registers workflows and activities and starts the submit
// worker before the host's.
func (p *Plugin) StartWorker(
	ctx context.Context,
	options worker.PluginStartWorkerOptions,
	next func(context.Context, worker.PluginStartWorkerOptions) error,
) error {
	p.mu.Lock()
	w := p.hosted[options.WorkerInstanceKey]
	p.mu.Unlock()

	// A real worker can be stopped, the registry of a test environment cannot.
	stopper, stoppable := options.WorkerRegistry.(interface{ Stop() })
	workflows.Register(options.WorkerRegistry)
	options.WorkerRegistry.RegisterNexusService(workflows.NexusService(p.host.nexusLimits()))
	if !stoppable && p.host.cfg.Client == nil {
		set := p.host.activities("")
		set.Register(options.WorkerRegistry)
		set.RegisterSubmit(options.WorkerRegistry)
		return next(ctx, options)
	}
	if p.host.cfg.Client == nil {
		return errors.New("stemflow: Config.Client is missing: the queue of the paid call needs a worker of its own")
	}

	if w == nil {
		return errors.New("stemflow: the plugin was started for a worker that it was not configured for")
	}
	submitQueue, err := p.host.submitQueue(w.taskQueue)
	if err != nil {
		return err
	}
	p.host.register(options.WorkerRegistry, submitQueue, *w.options)
	stop := func() {}
	if stoppable {
		stop = stopper.Stop
	}
	w.submit = p.host.newSubmitWorker(p.host.cfg.Client, submitQueue, *w.options, p.failed, stop)
	if err := startSubmitWorker(w.submit, submitQueue); err != nil {
		return err
	}
	if err := next(ctx, options); err != nil {
		w.submit.Stop()
		return err
	}
	return nil
}

// failed keeps the first error that ended a submit worker for good.
func (p *Plugin) failed(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fatal == nil {
		p.fatal = err
	}
}

// StopWorker implements worker.Plugin: both workers finish what they hold at the same time. With
// the last of them the connections to the provider, its file hosts and the store are closed.
func (p *Plugin) StopWorker(
	ctx context.Context,
	options worker.PluginStopWorkerOptions,
	next func(context.Context, worker.PluginStopWorkerOptions),
) {
	p.mu.Lock()
	w := p.hosted[options.WorkerInstanceKey]
	delete(p.hosted, options.WorkerInstanceKey)
	last := len(p.hosted) == 0
	p.mu.Unlock()

	var submitStopped sync.WaitGroup
	if w != nil && w.submit != nil {
		submitStopped.Go(w.submit.Stop)
	}
	next(ctx, options)
	submitStopped.Wait()
	if last {
		p.host.close()
	}
}

// ReplayWorkflow implements worker.Plugin: a replayer needs the workflows only.
func (p *Plugin) ReplayWorkflow(
	ctx context.Context,
	options worker.PluginReplayWorkflowOptions,
	next func(context.Context, worker.PluginReplayWorkflowOptions) error,
) error {
	workflows.Register(options.WorkflowReplayRegistry)
	return next(ctx, options)
}
