package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"strings"

	"go.temporal.io/sdk/client"

	"stemflow/examples/pipeline/media"
)

// demo has one track made into a karaoke release by this worker and prints the release. The channel
// that it returns stops the worker afterwards, or when the given one would.
func demo(c client.Client, interrupt <-chan any) <-chan any {
	ctx, cancel := context.WithCancel(context.Background())
	ended, stop := make(chan error, 1), make(chan any)
	go func() { ended <- release(ctx, c) }()
	go func() {
		defer close(stop)
		select {
		case <-interrupt:
		case err := <-ended:
			if err != nil {
				log.Fatal(err)
			}
		}
		cancel()
	}()
	return stop
}

func release(ctx context.Context, c client.Client) error {
	// stemsTaskQueue is left out: this worker separates the track itself.
	track := media.Track{TaskID: "song-" + strings.ToLower(rand.Text()[:8]), AudioID: "track-1"}
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: "karaoke:" + track.TaskID + ":" + track.AudioID, TaskQueue: taskQueue,
	}, media.Karaoke, track)
	if err != nil {
		return err
	}
	log.Printf("Running %s on task queue %q.", run.GetID(), taskQueue)
	var release media.Release
	if err := run.Get(ctx, &release); err != nil {
		return err
	}
	fmt.Print(release)
	return nil
}
