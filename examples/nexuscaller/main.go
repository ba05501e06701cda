// Command nexuscaller is an example: it runs a worker in a namespace of its own for the workflow in
// package backing, has the vocals of a track removed by stemflow in another namespace, and prints
// what is left.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"stemflow"
	"stemflow/examples/nexuscaller/backing"
)

const (
	// namespace is the caller's. stemflow is in the one that TEMPORAL_NAMESPACE names.
	namespace = "callers"
	taskQueue = "nexuscaller"
)

func main() {
	log.SetFlags(0)
	slog.SetLogLoggerLevel(slog.LevelWarn)
	taskID := flag.String("task-id", "", "`ID` of the music task; a made-up one by default, which kiesim takes")
	audioID := flag.String("audio-id", "track-1", "`ID` of the track within it")
	stemsTaskQueue := flag.String("stems-task-queue", stemflow.TaskQueue, "task `queue` of stemflow's worker")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, cmp.Or(*taskID, "song-"+strings.ToLower(rand.Text()[:8])), *audioID,
		*stemsTaskQueue); err != nil {
		log.Fatalf("nexuscaller: %v", err)
	}
}

func run(ctx context.Context, taskID, audioID, stemsTaskQueue string) error {
	options, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return err
	}
	options.Logger = sdklog.NewStructuredLogger(slog.Default())
	if err := prepare(ctx, options, stemsTaskQueue); err != nil {
		return err
	}
	options.Namespace = namespace
	c, err := client.DialContext(ctx, options)
	if err != nil {
		return err
	}
	defer c.Close()

	w, err := startOnceNamespaceIsKnown(ctx, func() worker.Worker {
		w := worker.New(c, taskQueue, worker.Options{})
		w.RegisterWorkflow(backing.Instrumental)
		return w
	})
	if err != nil {
		return err
	}
	defer w.Stop()

	instrumental, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                       "instrumental:" + taskID + ":" + audioID,
		TaskQueue:                taskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
	}, backing.Instrumental, taskID, audioID)
	if err != nil {
		return err
	}
	log.Printf("Running %s in namespace %s.", instrumental.GetID(), namespace)
	var stem stemflow.Stem
	if err := instrumental.Get(ctx, &stem); err != nil {
		return err
	}
	fmt.Printf("s3://%s/%s\n", stem.Bucket, stem.Key)
	return nil
}
