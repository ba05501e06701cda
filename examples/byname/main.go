// Command byname is an example: it runs a worker for the workflow in package remix, has the drums
// of a track separated, and prints where they are. It knows stemflow's names and its JSON, and
// imports nothing of it.
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

	"stemflow/examples/byname/remix"
)

// taskQueue is this program's own. stemflow's worker polls another one.
const taskQueue = "byname"

func main() {
	log.SetFlags(0)
	slog.SetLogLoggerLevel(slog.LevelWarn)
	taskID := flag.String("task-id", "", "`ID` of the music task; a made-up one by default, which kiesim takes")
	audioID := flag.String("audio-id", "track-1", "`ID` of the track within it")
	stemsTaskQueue := flag.String("stems-task-queue", "stemflow", "task `queue` of stemflow's worker")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	key, err := run(ctx, cmp.Or(*taskID, "song-"+strings.ToLower(rand.Text()[:8])), *audioID, *stemsTaskQueue)
	if err != nil {
		log.Fatalf("byname: %v", err)
	}
	fmt.Println(key)
}

func run(ctx context.Context, taskID, audioID, stemsTaskQueue string) (key string, err error) {
	options, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return "", err
	}
	options.Logger = sdklog.NewStructuredLogger(slog.Default())
	c, err := client.DialContext(ctx, options)
	if err != nil {
		return "", fmt.Errorf("cannot reach Temporal, run \"go run ./localstack\" or set TEMPORAL_ADDRESS: %w", err)
	}
	defer c.Close()

	w := worker.New(c, taskQueue, worker.Options{})
	w.RegisterWorkflow(remix.Drums)
	if err := w.Start(); err != nil {
		return "", err
	}
	defer w.Stop()

	drums, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                       "drums:" + taskID + ":" + audioID,
		TaskQueue:                taskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
	}, remix.Drums, taskID, audioID, stemsTaskQueue)
	if err != nil {
		return "", err
	}
	log.Printf("Running %s.", drums.GetID())
	err = drums.Get(ctx, &key)
	return key, err
}
