// Command mediaworker is an example: the worker of another product, which hosts stemflow beside a
// workflow of its own. The standard TEMPORAL_ variables say where Temporal is; those in the README
// configure stemflow.
package main

import (
	"log"
	"log/slog"
	"os"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"stemflow/examples/pipeline/media"
	"stemflow/plugin"
)

// taskQueue is for the product's workflow and for stemflow's.
const taskQueue = "media"

func main() {
	log.SetFlags(0)
	slog.SetLogLoggerLevel(slog.LevelWarn)
	options, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		log.Fatal(err)
	}
	options.Logger = sdklog.NewStructuredLogger(slog.Default())
	c, err := client.Dial(options)
	if err != nil {
		log.Fatalf("cannot reach Temporal, run \"go run ./localstack\" or set TEMPORAL_ADDRESS: %v", err)
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
	w := worker.New(c, taskQueue, worker.Options{
		Plugins: []worker.Plugin{stems},
		// A transfer learns with its next heartbeat that its run was cancelled.
		MaxHeartbeatThrottleInterval: 2 * time.Second,
		// Transfers under way are finished, or handed back, within this time.
		WorkerStopTimeout: 30 * time.Second,
	})
	w.RegisterWorkflow(media.Karaoke)

	stop := worker.InterruptCh()
	if len(os.Args) == 2 && os.Args[1] == "demo" {
		stop = demo(c, stop)
	} else {
		log.Printf("Hosting Karaoke and SeparateStems on task queue %q. Ctrl-C stops it.", taskQueue)
	}
	if err := w.Run(stop); err != nil {
		log.Fatal(err)
	}
	if err := stems.Err(); err != nil {
		log.Fatal(err) // the worker of the paid call has failed, and stopped this one
	}
}
