package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
)

// beatEvery is well within the heartbeat time-outs of the workflows' policies.
const beatEvery = 5 * time.Second

// startBeating sends heartbeats for an activity that takes long, until it is stopped. They also bring it the cancellation.
func startBeating(ctx context.Context) (stop func()) {
	done := make(chan struct{})
	go func() {
		ticker := time.NewTicker(beatEvery)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				activity.RecordHeartbeat(ctx)
			}
		}
	}()
	return func() { close(done) }
}
