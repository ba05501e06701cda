package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
)

// heartbeatInterval is well within the heartbeat timeouts of the workflows' policies.
const heartbeatInterval = 5 * time.Second

// startHeartbeat sends heartbeats for an activity that takes long, until it is stopped. Their
// answers also bring it the cancellation.
func startHeartbeat(ctx context.Context) (stop func()) {
	done := make(chan struct{})
	go func() {
		ticker := time.NewTicker(heartbeatInterval)
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
