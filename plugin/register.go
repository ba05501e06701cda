package plugin

import (
	"errors"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"stemflow/workflows"
)

// Register hosts stemflow in a worker without the plugin: w, made from c, polls taskQueue and is
// not started yet. The worker of the submit queue is started here, and the returned function stops
// it and closes stemflow's connections; call it when w has stopped.
//
// Whatever client cfg has, c serves. Set cfg.WorkerOptions to the options that w was made with: the
// worker of the submit queue needs some of them. If that worker fails for good, w is stopped and
// its Run returns nil, so a host that has to know the reason sets OnFatalError there.
func Register(c client.Client, taskQueue string, w worker.Worker, cfg Config) (stop func(), err error) {
	// One client for both workers: activities look at runs with it, which they would not find in
	// another namespace.
	cfg.Client = c
	if c == nil {
		return nil, errors.New("stemflow: the client is missing: give Register the one that the worker was made from")
	}
	h, err := newHost(cfg)
	if err != nil {
		return nil, err
	}
	queue, err := h.submitQueue(taskQueue)
	if err != nil {
		h.close()
		return nil, err
	}
	workflows.Register(w)
	w.RegisterNexusService(workflows.NexusService(h.nexusLimits()))
	h.register(w, queue, cfg.WorkerOptions)
	submit := h.newSubmitWorker(c, queue, cfg.WorkerOptions, func(error) {}, w.Stop)
	if err := startSubmitWorker(submit, queue); err != nil {
		h.close()
		return nil, err
	}
	return func() {
		submit.Stop()
		h.close()
	}, nil
}
