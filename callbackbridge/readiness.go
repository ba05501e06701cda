package callbackbridge

import (
	"context"
	"sync"
	"time"
)

const (
	// readyTimeout leaves a load balancer's usual patience some room.
	readyTimeout = 2 * time.Second
	// readyFor is how long an answer holds: a flood of questions costs Temporal one a second.
	readyFor = time.Second
)

// readiness asks whether callbacks can be delivered, and remembers the answer for a second.
type readiness struct {
	ask func(context.Context) error

	mu    sync.Mutex
	until time.Time
	err   error
}

// check waits for an answer that another caller asked for, rather than ask as well. fresh says that
// this call has asked.
func (r *readiness) check(ctx context.Context) (fresh bool, err error) {
	if r.ask == nil {
		return false, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Now().Before(r.until) {
		return false, r.err
	}
	// A caller that hangs up must not make the answer for all others.
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTimeout)
	defer cancel()
	r.err = r.ask(bounded)
	r.until = time.Now().Add(readyFor)
	return true, r.err
}
