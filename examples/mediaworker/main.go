// Command mediaworker is an example: the worker of another product, which hosts stemflow beside a workflow of its own. Temporal is found by the
// variables of its command line; stemflow is configured by those in docs/configuration.md.
package main

import (
	"log"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/worker"

	"stemflow/examples/pipeline"
	"stemflow/plugin"
)

func main() {
	c, err := client.Dial(envconfig.MustLoadDefaultClientOptions())
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	config, err := plugin.FromEnv(c)
	if err != nil {
		log.Fatal(err)
	}
	stems, err := plugin.New(config)
	if err != nil {
		log.Fatal(err)
	}
	w := worker.New(c, "media", worker.Options{
		Plugins: []worker.Plugin{stems},
		// A transfer learns with its next heartbeat that its run was cancelled.
		MaxHeartbeatThrottleInterval: 2 * time.Second,
	})
	w.RegisterWorkflow(pipeline.Karaoke)
	if err := w.Run(worker.InterruptCh()); err != nil {
		log.Fatal(err)
	}
	if err := stems.Err(); err != nil {
		log.Fatal(err) // the worker of the paid call has failed, and stopped this one
	}
}
