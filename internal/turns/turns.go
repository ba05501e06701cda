// Package turns gives the calls of all workers of one queue their turns, so that together they keep
// to a rate.
//
// Temporal's own limit of a task queue cannot: it gives each partition of the queue an equal share
// of the rate. Tasks fall on partitions by chance, so the last ones of a backlog leave at a
// fraction of the rate. And it counts when tasks leave the server, not when workers that are busy
// make their calls.
//
// Turns are taken with conditional writes of a small document in the object store that holds the
// ledgers. It says when the next turn is. Each minute has a document of its own: in a bucket that
// keeps versions a single one would pile up millions of them.
package turns

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"stemflow/internal/archive"
)

const (
	// SlowestRate is the slowest rate that turns are for, in calls a second. With slower ones a
	// call would wait in its worker for too long, and a provider that takes some in ten seconds
	// needs no turns.
	SlowestRate = 0.2

	// period is how long one document is used.
	period = time.Minute
	// atOnce is for how long turns are taken with one write at least, at rates above two a second.
	atOnce = 500 * time.Millisecond
	// lateness is how late a turn may be used. A worker that wakes later takes another one.
	lateness = time.Second
	// requestLimit is for one request to the store.
	requestLimit = 5 * time.Second
)

// ErrNoTurn says that the next turn is after the deadline.
var ErrNoTurn = errors.New("there is no turn in time")

// Store is the object store, whose methods [archive.Store] documents.
type Store interface {
	ReadJSON(ctx context.Context, bucket, key string, v any) (etag string, err error)
	CreateJSON(ctx context.Context, bucket, key string, v any) (etag string, err error)
	ReplaceJSON(ctx context.Context, bucket, key, etag string, v any) (newETag string, err error)
}

// Options are whose turns they are and where they are kept.
type Options struct {
	Store Store
	// Bucket and Prefix are those of the ledgers.
	Bucket, Prefix string
	// Queue is the task queue whose workers share the rate.
	Queue string
	// Rate is in calls a second.
	Rate float64
}

// Turns are the turns of one process. Others of the same queue share the rate with it.
type Turns struct {
	options  Options
	interval time.Duration
	// lock is held by the call whose turn is next. Those that wait count themselves: turns are
	// taken for all of them with one write.
	lock    chan struct{}
	waiting atomic.Int64

	// next is the turn after the last one that was used. left is how many of them are taken.
	next time.Time
	left int
	// delay is how long the store took to grant the last turns, if a turn may be over by then.
	delay time.Duration
	// key and etag are those of the document that was written last, and known is what it says.
	key, etag string
	known     document
}

// document is the object that turns are taken with.
type document struct {
	Version int `json:"version"`
	// Namespace and Queue are for people who find the object: its key has a hash of them.
	Namespace string `json:"namespace"`
	Queue     string `json:"queue"`
	// NextTurn is the first turn that nobody has taken.
	NextTurn time.Time `json:"nextTurn"`
}

// New makes the turns of a process.
func New(options Options) *Turns {
	interval := max(time.Duration(float64(time.Second)/options.Rate), 1)
	return &Turns{options: options, interval: interval, lock: make(chan struct{}, 1)}
}

// Take waits for a turn of the queue in the namespace. It fails with ErrNoTurn, and takes none, if
// the next one is after the deadline of ctx.
func (t *Turns) Take(ctx context.Context, namespace string) error {
	t.waiting.Add(1)
	defer t.waiting.Add(-1)
	select {
	case t.lock <- struct{}{}:
		defer func() { <-t.lock }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		// Turns that are far ahead are from a clock that has been set back since.
		if t.left == 0 || time.Since(t.next) > lateness || time.Until(t.next) > period {
			if err := t.claim(ctx, namespace); err != nil {
				return err
			}
		}
		turn := t.next
		if isAfterDeadline(ctx, turn) {
			return ErrNoTurn
		}
		t.next = turn.Add(t.interval)
		t.left--
		if err := sleepUntil(ctx, turn); err != nil {
			return err
		}
		if time.Since(turn) <= lateness {
			return nil
		}
	}
}

// claim takes the next turns: those from next on, as many as left.
func (t *Turns) claim(ctx context.Context, namespace string) error {
	began := time.Now()
	if err := t.claimNext(ctx, namespace, began.Add(t.delay).Round(0).UTC()); err != nil {
		return err
	}
	t.delay = 0
	if took := time.Since(began); took > lateness {
		t.delay = took
	}
	return nil
}

func (t *Turns) claimNext(ctx context.Context, namespace string, earliest time.Time) error {
	if t.next.After(earliest) && t.next.Sub(earliest) < period {
		earliest = t.next
	}
	for {
		if isAfterDeadline(ctx, earliest) {
			return ErrNoTurn
		}
		minute := earliest.Truncate(period)
		turn, err := t.claimIn(ctx, namespace, minute, earliest)
		if err != nil {
			return err
		}
		if end := minute.Add(period); !turn.Before(end) {
			earliest = end // this minute has no turn left
			continue
		}
		t.next = turn
		return nil
	}
}

// claimIn takes the next turns in the document of a minute, and returns the first of them. It
// takes none where the minute has none left, or where it comes after the deadline.
func (t *Turns) claimIn(ctx context.Context, namespace string, minute, earliest time.Time) (time.Time, error) {
	o := t.options
	if key := archive.TurnsKey(o.Prefix, namespace, o.Queue, minute); key != t.key {
		t.key, t.etag, t.known = key, "", document{}
	}
	for {
		turn := earliest
		if t.known.NextTurn.After(turn) {
			turn = t.known.NextTurn
		}
		// The next minute does not know of these turns, so its first comes after the last of them.
		left := minute.Add(period).Sub(turn)
		if left < t.interval {
			return minute.Add(period), nil
		}
		if isAfterDeadline(ctx, turn) {
			return time.Time{}, ErrNoTurn
		}
		count := max(int(atOnce/t.interval), int(t.waiting.Load()), 1)
		count = min(count, int(left/t.interval))
		claimed := document{
			Version: 1, Namespace: namespace, Queue: o.Queue,
			NextTurn: turn.Add(time.Duration(count) * t.interval),
		}
		etag, err := t.write(ctx, claimed)
		switch {
		case err == nil, errors.Is(err, archive.ErrUnconfirmed):
			// Whether such a store may be paid on is up to the ledger, which is written next.
			t.etag, t.known, t.left = etag, claimed, count
			return turn, nil
		case !errors.Is(err, archive.ErrPrecondition):
			// If it is written all the same, the next try is refused and reads it.
			return time.Time{}, err
		}
		refused := t.etag
		err = t.read(ctx)
		if errors.Is(err, archive.ErrCorrupt) || err == nil && t.etag == refused {
			// It is no document of ours, or nobody else has written it, and it cannot be: MinIO
			// that was killed in a write is so until it is healed. The next minute has another one.
			return minute.Add(period), nil
		}
		if err != nil {
			return time.Time{}, err
		}
	}
}

func (t *Turns) write(ctx context.Context, d document) (etag string, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	if t.etag == "" {
		return t.options.Store.CreateJSON(ctx, t.options.Bucket, t.key, d)
	}
	return t.options.Store.ReplaceJSON(ctx, t.options.Bucket, t.key, t.etag, d)
}

// read reads the document that another worker has written.
func (t *Turns) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	var d document
	etag, err := t.options.Store.ReadJSON(ctx, t.options.Bucket, t.key, &d)
	if errors.Is(err, archive.ErrNotFound) {
		etag, err = "", nil // somebody has removed it
	}
	if err != nil {
		return err
	}
	t.etag, t.known = etag, d
	return nil
}

func isAfterDeadline(ctx context.Context, at time.Time) bool {
	deadline, ok := ctx.Deadline()
	return ok && at.After(deadline)
}

func sleepUntil(ctx context.Context, at time.Time) error {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
