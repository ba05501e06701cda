package activities

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"

	"stemflow"
	"stemflow/internal/activityapi"
)

const (
	// A heartbeat carries the progress that a person watches, and its answer the cancellation.
	progressInterval = time.Second
	// The SDK keeps heartbeats back that come before the worker's throttle is over, and sends the
	// last of them when it is. Such a heartbeat may leave just as the activity ends. Up to this
	// throttle none comes too early; with a longer one they would be too rare.
	longestThrottle = 10 * time.Second
	// afterThrottle is how much later than the throttle the next heartbeat comes.
	afterThrottle = 100 * time.Millisecond
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
	beating      sync.WaitGroup
}

// progressEvery is how long after a heartbeat the next one comes, with a throttle of the worker; 0
// is the SDK's own.
func progressEvery(throttle time.Duration) time.Duration {
	if throttle == 0 || throttle > longestThrottle {
		return progressInterval
	}
	return max(progressInterval, throttle+afterThrottle)
}

// startProgress returns a context that also ends when the worker has been stopping for the grace.
// Throttle is the worker's, of heartbeats.
func startProgress(ctx context.Context, name string, throttle time.Duration) (context.Context, *progress) {
	p := &progress{name: name, done: make(chan struct{})}
	var before activityapi.ArchiveStemHeartbeat
	if activity.HasHeartbeatDetails(ctx) && activity.GetHeartbeatDetails(ctx, &before) == nil {
		p.failures.Store(int64(before.SourceFailures))
		p.short.Store(before.Short)
	}
	p.heartbeat = func() {
		recordHeartbeat(ctx, activityapi.ArchiveStemHeartbeat{
			Name: name, Bytes: p.bytes.Load(), Total: p.total.Load(), SourceFailures: int(p.failures.Load()),
			Short: p.short.Load(),
		})
	}
	transfer, cancel := context.WithCancelCause(ctx)
	p.cancel = cancel
	stopping := activity.GetWorkerStopChannel(ctx)
	p.beating.Go(func() {
		next := time.NewTimer(progressInterval)
		defer next.Stop()
		var handBack <-chan time.Time
		for {
			select {
			case <-p.done:
				return
			case <-next.C:
				p.heartbeat()
				next.Reset(progressEvery(throttle))
			case <-stopping:
				stopping, handBack = nil, time.After(stopGrace)
			case <-handBack:
				cancel(errWorkerStopping)
				return
			}
		}
	})
	return transfer, p
}

func (p *progress) stop() {
	close(p.done)
	p.cancel(nil)
	p.beating.Wait()
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
		// A cancellation, or what the heartbeat was answered with.
		return fmt.Errorf("the transfer was interrupted: %w", context.Cause(ctx))
	}
	return err
}
