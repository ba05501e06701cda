package plugin

import (
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"stemflow/workflows"
)

// Register hosts stemflow in a worker without the plugin: w, made from c, polls taskQueue and is not started yet. The worker of
// the submit queue is started here, and the returned function stops it and closes stemflow's connections; call it when w has stopped.
func Register(c client.Client, taskQueue string, w worker.Worker, cfg Config) (stop func(), err error) {
	h, err := newHost(cfg)
	if err != nil {
		return nil, err
	}
	queue := h.submitQueue(taskQueue)
	workflows.Register(w)
	w.RegisterNexusService(workflows.NexusService())
	h.activities(queue).Register(w)
	submit := h.newSubmitWorker(c, queue, worker.Options{}, func(error) { w.Stop() })
	if err := submit.Start(); err != nil {
		return nil, err
	}
	return func() {
		submit.Stop()
		h.close()
	}, nil
}
