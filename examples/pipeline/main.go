// Command pipeline is an example: it runs a worker for the workflow in package media, has a track
// made into a karaoke release, and prints the release. stemflow's own worker separates the track.
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
	"stemflow/examples/pipeline/media"
)

// taskQueue is this program's own. stemflow's worker polls another one.
const taskQueue = "pipeline"

func main() {
	log.SetFlags(0)
	slog.SetLogLoggerLevel(slog.LevelWarn)
	var track media.Track
	flag.StringVar(&track.TaskID, "task-id", "", "`ID` of the music task; a made-up one by default, which kiesim takes")
	flag.StringVar(&track.AudioID, "audio-id", "track-1", "`ID` of the track within it")
	flag.BoolVar(&track.MayPayAgain, "may-pay-again", false, "pay for a second separation if the first one is lost")
	flag.StringVar(&track.StemsTaskQueue, "stems-task-queue", stemflow.TaskQueue, "task `queue` of stemflow's worker")
	flag.Parse()
	track.TaskID = cmp.Or(track.TaskID, "song-"+strings.ToLower(rand.Text()[:8]))

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, track); err != nil {
		log.Fatalf("pipeline: %v", err)
	}
}

func run(ctx context.Context, track media.Track) error {
	options, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return err
	}
	options.Logger = sdklog.NewStructuredLogger(slog.Default())
	c, err := client.DialContext(ctx, options)
	if err != nil {
		return fmt.Errorf("cannot reach Temporal, run \"go run ./localstack\" or set TEMPORAL_ADDRESS: %w", err)
	}
	defer c.Close()

	w := worker.New(c, taskQueue, worker.Options{})
	w.RegisterWorkflow(media.Karaoke)
	if err := w.Start(); err != nil {
		return err
	}
	defer w.Stop()

	// The id is the track's: who starts it twice joins the run that is under way.
	karaoke, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                       "karaoke:" + track.TaskID + ":" + track.AudioID,
		TaskQueue:                taskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
	}, media.Karaoke, track)
	if err != nil {
		return err
	}
	log.Printf("Running %s. Its separation can be watched from another terminal:\n"+
		"  go run ./starter watch --task-id %s --audio-id %s --type %s",
		karaoke.GetID(), track.TaskID, track.AudioID, stemflow.SplitStem)
	var release media.Release
	if err := karaoke.Get(ctx, &release); err != nil {
		return err
	}
	fmt.Print(release)
	return nil
}
