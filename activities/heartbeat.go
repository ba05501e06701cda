package activities

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
)

// heartbeatInterval is well within the heartbeat timeouts of the workflows' policies.
const heartbeatInterval = 5 * time.Second

// startHeartbeat sends heartbeats for an activity that takes long, until it is stopped. Their
// answers also bring it the cancellation, and what earlier attempts have left is lost unless it is
// among their details.
func startHeartbeat(ctx context.Context, details ...any) (stop func()) {
	done := make(chan struct{})
	var beating sync.WaitGroup
	beating.Go(func() {
		ticker := time.NewTicker(heartbeatInterval)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				recordHeartbeat(ctx, details...)
			}
		}
	})
	return func() {
		close(done)
		beating.Wait()
	}
}

// recordHeartbeat records a heartbeat that is sent to its end. The context of the activity ends
// with it, and a heartbeat that is on its way then would be broken off, with a warning of the SDK
// that something is wrong. Who ends an activity waits for its heartbeats instead.
func recordHeartbeat(ctx context.Context, details ...any) {
	if ctx.Err() == nil {
		activity.RecordHeartbeat(context.WithoutCancel(ctx), details...)
	}
}
