package activities

import (
	"context"
	"errors"
	"fmt"
	"stemflow/internal/activityapi"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"

	"stemflow"
)

const (
	// A heartbeat carries the progress that a person watches, and its answer the cancellation. The
	// SDK sends no more of them than the worker's throttle allows.
	progressInterval = time.Second
	// stopGrace is how long a stem may still take once the worker has begun to stop: less than the
	// time-out of the stop, so that the engine learns at once that another worker must take over.
	stopGrace = 20 * time.Second
)

// errWorkerStopping hands a stem back to the engine, for another worker.
var errWorkerStopping = errors.New("the worker is stopping and another one takes over")

// progress sends the heartbeats of one transfer, until it is stopped.
type progress struct {
	name         string
	bytes, total atomic.Int64
	failures     atomic.Int64
	short        atomic.Pointer[activityapi.ShortContent]
	heartbeat    func()
	cancel       context.CancelCauseFunc
	done         chan struct{}
}

// startProgress returns a context that also ends when the worker has been stopping for the grace.
func startProgress(ctx context.Context, name string) (context.Context, *progress) {
	p := &progress{name: name, done: make(chan struct{})}
	var before activityapi.ArchiveStemHeartbeat
	if activity.HasHeartbeatDetails(ctx) && activity.GetHeartbeatDetails(ctx, &before) == nil {
		p.failures.Store(int64(before.SourceFailures))
		p.short.Store(before.Short)
	}
	p.heartbeat = func() {
		activity.RecordHeartbeat(ctx, activityapi.ArchiveStemHeartbeat{
			Name: name, Bytes: p.bytes.Load(), Total: p.total.Load(), SourceFailures: int(p.failures.Load()),
			Short: p.short.Load(),
		})
	}
	transfer, cancel := context.WithCancelCause(ctx)
	p.cancel = cancel
	stopping := activity.GetWorkerStopChannel(ctx)
	go func() {
		ticker := time.NewTicker(progressInterval)
		defer ticker.Stop()
		var handBack <-chan time.Time
		for {
			select {
			case <-p.done:
				return
			case <-ticker.C:
				p.heartbeat()
			case <-stopping:
				stopping, handBack = nil, time.After(stopGrace)
			case <-handBack:
				cancel(errWorkerStopping)
				return
			}
		}
	}()
	return transfer, p
}

func (p *progress) stop() {
	close(p.done)
	p.cancel(nil)
}

// sourceFailed counts one more attempt that failed at the source, over all attempts of the
// activity.
func (p *progress) sourceFailed() int {
	n := int(p.failures.Add(1))
	p.heartbeat()
	return n
}

// cameShort notes content that was served as a whole and is too short, over all attempts of the
// activity. It returns what is known of it now, and whether the very same has come before. Content
// that is shorter than what came before is no news: some hosts have several copies of a file.
func (p *progress) cameShort(size int64, sum string) (known activityapi.ShortContent, repeated bool) {
	switch before := p.short.Load(); {
	case before != nil && before.SHA256 != "" && size < before.Size:
		return *before, false
	case before != nil && size == before.Size && sum != "" && sum == before.SHA256:
		known, repeated = *before, true
		known.Times++
	default:
		known = activityapi.ShortContent{Size: size, SHA256: sum, Times: 1, Since: time.Now()}
	}
	p.short.Store(&known)
	p.heartbeat()
	return known, repeated
}

// interrupted is err, unless the transfer was ended from outside: then it is that which the engine
// must know.
func (p *progress) interrupted(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errWorkerStopping) {
		return expected(stemflow.ErrorArchiveUnavailable, errWorkerStopping.Error())
	}
	if ctx.Err() != nil {
		return fmt.Errorf(
			"the transfer was interrupted: %w",
			context.Cause(ctx),
		) // a cancellation, or what the heartbeat was answered with
	}
	return err
}
