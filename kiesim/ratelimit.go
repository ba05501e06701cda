package kiesim

import "time"

// RateLimit is how many new tasks an account may start in a time. A zero field is as documented: 20
// in 10 seconds.
type RateLimit struct {
	// Tasks below 0 lift the limit.
	Tasks  int
	Window time.Duration
}

// limiter looks at the tasks of the last window. What it refuses does not count, for it is not
// queued either.
type limiter struct {
	limit  RateLimit
	recent []time.Time
}

func newLimiter(limit RateLimit) *limiter {
	if limit.Tasks == 0 {
		limit.Tasks = 20
	}
	if limit.Window == 0 {
		limit.Window = 10 * time.Second
	}
	return &limiter{limit: limit}
}

func (l *limiter) allow(now time.Time) bool {
	if l.limit.Tasks < 0 {
		return true
	}
	for len(l.recent) > 0 && now.Sub(l.recent[0]) >= l.limit.Window {
		l.recent = l.recent[1:]
	}
	if len(l.recent) >= l.limit.Tasks {
		return false
	}
	l.recent = append(l.recent, now)
	return true
}
