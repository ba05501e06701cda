// Command worker is stemflow's own worker: it polls one task queue and, by the plugin, the queue of
// the paid call too. All its configuration comes from the environment; docs/configuration.md has
// the table.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"stemflow/internal/config"
	"stemflow/internal/program"
	"stemflow/internal/reach"
	"stemflow/internal/redact"
	"stemflow/internal/series/workerseries"
	"stemflow/internal/telemetry"
	"stemflow/plugin"
)

const (
	// Stems under way are finished or handed back within this time. The plugin gives a paid call
	// more, and a container's grace must be longer than that.
	stopTimeout = 30 * time.Second
	// Heartbeats carry the progress that a person watches, and their answers the cancellation of
	// the run: a transfer learns of it after some two seconds. A Temporal that is slow to answer
	// costs nothing, because a heartbeat that times out does not end the transfer, only a missed
	// heartbeat timeout does.
	heartbeatThrottle = 2 * time.Second
	// A poller waits for a round trip after every task: with as many as a track has stems they
	// begin all at once.
	pollers = 16
	// A run that waits takes some 90 KiB of the worker while it is in memory, and waits for
	// minutes. At the provider's limit some hundred wait at once. More of them than this are read
	// from Temporal again when their callback comes: the SDK's 10,000 would take a gigabyte.
	cachedRuns = 500
)

func main() {
	program.AnswerVersion()
	program.TakeNoArguments(
		"worker separates tracks: it runs stemflow's workflows and activities, and makes the paid calls.")
	secrets := redact.New(config.AllSecrets(os.LookupEnv)...)
	slog.SetDefault(program.NewLogger(os.Stderr, secrets))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		program.Fail(os.Stderr, "worker", err, secrets)
		os.Exit(1)
	}
}

// run works until ctx ends.
func run(ctx context.Context) error {
	env, err := config.LoadWorker(os.LookupEnv)
	traces, tracesErr := config.LoadTracing(os.LookupEnv)
	if err := errors.Join(err, tracesErr); err != nil {
		return err
	}
	for _, warning := range env.Warnings() {
		slog.Warn(warning)
	}
	options, err := config.Temporal()
	if err != nil {
		return err
	}
	place := workerseries.Place{
		Namespace: options.Namespace, TaskQueue: env.TaskQueue, SubmitTaskQueue: env.SubmitTaskQueue,
	}
	metrics, err := telemetry.NewMetrics(workerseries.All(place)...)
	if err != nil {
		return err
	}
	defer metrics.Close()
	metrics.Start(workerseries.SDKStart(place))
	options.MetricsHandler = metrics.Handler()
	// Messages are small, since only the events that are new travel to a worker: to compress them
	// takes longer than to send them.
	options.ConnectionOptions.GrpcCompression = &client.GrpcCompressionNone{}
	tracing, err := telemetry.NewTracing(ctx, "stemflow-worker", traces)
	if err != nil {
		return err
	}
	defer tracing.Close()
	tracing.Join(&options)
	probes := newProbes()
	metricsAddr, err := metrics.Listen(env.MetricsAddr, probes)
	if err != nil {
		return err
	}
	// Lazy: what is wrong in the configuration is said before Temporal is waited for.
	c, err := client.NewLazyClient(options)
	if err != nil {
		return fmt.Errorf("cannot make a Temporal client: %w", err)
	}
	defer c.Close()
	hosting, err := plugin.FromEnv(c)
	if err != nil {
		return err
	}
	stemflow, err := plugin.New(hosting)
	if err != nil {
		return err
	}
	server := reach.Server{Address: options.HostPort, Namespace: options.Namespace}
	if err := reach.Temporal(ctx, c, server, probes.notReady); err != nil {
		if ctx.Err() != nil {
			slog.Info("worker is stopped before it has reached Temporal", "address", options.HostPort)
			return nil
		}
		return err
	}
	worker.SetStickyWorkflowCacheSize(cachedRuns)
	w := worker.New(c, env.TaskQueue, workerOptions(env, stemflow))
	stopLookups, err := startLookups(env, place, c, metrics)
	if err != nil {
		return err
	}
	defer stopLookups()
	slog.Info("worker is starting", "address", options.HostPort, "namespace", options.Namespace,
		"taskQueue", env.TaskQueue, "submitTaskQueue", env.SubmitTaskQueue, "bucket", env.Bucket,
		"metricsAddress", metricsAddr.String(), "tracing", traces.Enabled)
	probes.notReady(nil)
	interrupted := make(chan any, 1)
	context.AfterFunc(ctx, func() { interrupted <- context.Cause(ctx) })
	if err := w.Run(interrupted); err != nil {
		return err
	}
	return stemflow.Err() // Run returns nil when the submit worker's failure has stopped it
}

func workerOptions(env config.Worker, stemflow worker.Plugin) worker.Options {
	return worker.Options{
		Plugins:                          []worker.Plugin{stemflow},
		DisableRegistrationAliasing:      true,
		WorkerStopTimeout:                stopTimeout,
		MaxHeartbeatThrottleInterval:     heartbeatThrottle,
		DefaultHeartbeatThrottleInterval: heartbeatThrottle,
		MaxConcurrentActivityTaskPollers: pollers,
		MaxConcurrentWorkflowTaskPollers: pollers,
		DeploymentOptions: worker.DeploymentOptions{
			UseVersioning: env.Deployment != "",
			Version:       worker.WorkerDeploymentVersion{DeploymentName: env.Deployment, BuildID: env.BuildID},
		},
	}
}
