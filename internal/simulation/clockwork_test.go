package simulation

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"stemflow/activities"
)

// dice draws all decisions from the seed and from what is decided, never from the order in which
// somebody asks.
type dice uint64

// roll draws a number from 0 to n-1.
func (d dice) roll(n int, about ...any) int {
	h := fnv.New64a()
	fmt.Fprint(h, uint64(d), "|")
	for _, a := range about {
		fmt.Fprint(h, a, "|")
	}
	// FNV's low bits are weak.
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	x ^= x >> 33
	return int(x % uint64(n))
}

// chance is true once in n times.
func (d dice) chance(n int, about ...any) bool { return d.roll(n, about...) == 0 }

func pick[T any](d dice, from []T, about ...any) T { return from[d.roll(len(from), about...)] }

// sim is the world of one seed.
type sim struct {
	dice
	seed  uint64
	began time.Time
	// over is closed when the seed ends: what is still parked then never goes on.
	over     chan struct{}
	ending   sync.Once
	arrivals chan *turn
	running  sync.WaitGroup

	// From here on all is guarded by mu. Who has the turn is alone with it, all the same: others
	// may read on their way to theirs.
	mu     sync.Mutex
	steps  int
	trace  []string
	faults []*fault
	// calm is set once no fault is to happen any more.
	calm bool
	// endless is set when the seed does not come to an end by itself.
	endless bool
	// seen counts the steps of each scope, for faults that wait for the n-th.
	seen map[string]int
	runs []*run
	live []*execution
	// heard are the callbacks that Temporal took, and recordings the runs that record those for
	// runs that were over.
	heard      []heard
	recordings []*recording

	store    *store
	provider *provider
	// bridge is nil where the workers know of none.
	bridge     http.Handler
	activities activities.Set
	breakage   breakage
	// withWAV says that the same music is converted to WAV, too.
	withWAV bool
}

// maxSteps is far above what any seed takes that comes to an end.
const maxSteps = 20_000

// end ends the seed: what is parked goes away, and runs that are open end.
func (s *sim) end() {
	s.ending.Do(func() {
		close(s.over)
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, r := range s.runs {
			if r.open {
				r.env.SignalWorkflow(terminate, nil)
			}
		}
		for _, r := range s.recordings {
			if r.open {
				r.env.SignalWorkflow(terminate, nil)
			}
		}
	})
}

// turn is one who waits for the next step.
type turn struct {
	key     string
	granted chan struct{}
}

func newSim(seed uint64) *sim {
	s := &sim{
		dice: dice(seed), seed: seed, began: time.Now(), over: make(chan struct{}), arrivals: make(chan *turn, 1000),
		seen: map[string]int{},
	}
	s.faults = drawFaults(s.dice)
	return s
}

// schedule grants one step after the other until the seed is over. A step is granted once everybody
// has come to rest.
func (s *sim) schedule() {
	var waiting []*turn
	for {
		if len(waiting) == 0 {
			select {
			case t := <-s.arrivals:
				waiting = append(waiting, t)
			case <-s.over:
				return
			}
		}
		synctest.Wait()
		for len(s.arrivals) > 0 {
			waiting = append(waiting, <-s.arrivals)
		}
		slices.SortFunc(waiting, func(a, b *turn) int { return strings.Compare(a.key, b.key) })
		s.mu.Lock()
		s.steps++
		i := s.roll(len(waiting), "turn", s.steps)
		s.endless = s.endless || s.steps > maxSteps
		endless := s.endless
		s.mu.Unlock()
		if endless {
			s.end()
			return
		}
		next := waiting[i]
		waiting = slices.Delete(waiting, i, i+1)
		close(next.granted)
	}
}

// turn waits for the next step of its own. The key must be unique among those who wait.
func (s *sim) turn(key string) {
	t := &turn{key: key, granted: make(chan struct{})}
	s.arrivals <- t
	select {
	case <-t.granted:
	case <-s.over:
		runtime.Goexit()
	}
}

func (s *sim) sleep(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.over:
		runtime.Goexit()
	}
}

// die parks for ever.
func (s *sim) die() {
	<-s.over
	runtime.Goexit()
}

func (s *sim) spawn(f func()) { s.running.Go(f) }

// note writes a line of the trace.
func (s *sim) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trace = append(s.trace, fmt.Sprintf("%4d %12v  ", s.steps,
		time.Since(s.began).Round(time.Millisecond))+fmt.Sprintf(format, args...))
}

// execution is one execution of an activity: what a worker's process does for one attempt. It may
// outlive the attempt.
type execution struct {
	sim *sim
	run *run
	// id names it: run, activity, attempt.
	id, kind string
	attempt  int32
	// scheduledAt is when the engine scheduled the activity.
	scheduledAt time.Time
	// before and beats are the heartbeat details of attempts before, and of this one.
	before, beats *heartbeat
	// parked is set while it is frozen or dead.
	parked bool
	dead   bool
	calls  int
	// special is the fault of the step under way, where the provider is what fails.
	special *fault
}

type executionKey struct{}

func executionOf(ctx context.Context) *execution { return ctx.Value(executionKey{}).(*execution) }

// effect takes a step: the one place where the world is touched, and where faults happen to it.
// What apply did may be lost to the one who asked for it.
func (x *execution) effect(ctx context.Context, op string, apply func() error) error {
	s := x.sim
	f := x.step(op)
	if f.kind == freezeBefore {
		x.freeze(f)
	}
	// A request whose context has ended is not made, except one that was on its way when the
	// process froze.
	if ctx.Err() != nil && !(f.kind == freezeBefore && s.chance(2, "races", x.id, op)) {
		return ctx.Err()
	}
	if err := s.away(op); err != nil {
		s.note("    %v", err)
		return err
	}
	switch f.kind {
	case failBefore:
		return errLost
	case failAfter:
		_ = apply()
		return errLost
	case dieBefore:
		x.die()
	case dieAfter:
		_ = apply()
		x.die()
	case freezeAfter:
		err := apply()
		x.freeze(f)
		return err
	case hang:
		return x.hang(ctx)
	case arriveLate:
		s.spawn(func() {
			s.sleep(f.d)
			s.turn(x.id + "/" + op + "/late")
			s.note("%s %s arrives late", x.id, op)
			_ = apply()
		})
		return x.hang(ctx)
	}
	x.special = f
	err := apply()
	x.special = &fault{}
	return err
}

// hang waits for an answer that never comes.
func (x *execution) hang(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-x.sim.over:
		runtime.Goexit()
	}
	return nil
}

// step waits for the turn and returns what is to happen at it. The start and the end of an
// execution are steps, too.
func (x *execution) step(op string) *fault {
	s := x.sim
	x.calls++
	s.turn(fmt.Sprintf("%s/%03d %s", x.id, x.calls, op))
	s.mu.Lock()
	dead := x.dead
	s.mu.Unlock()
	if dead {
		s.die()
	}
	f := s.happens(x, op)
	if f.kind == "" {
		s.note("%s %s", x.id, op)
	} else {
		s.note("%s %s: %s %v", x.id, op, f.kind, f.d)
	}
	return f
}

func (x *execution) die() {
	x.sim.mu.Lock()
	x.dead, x.parked = true, true
	x.sim.mu.Unlock()
	x.sim.die()
}

func (x *execution) freeze(f *fault) {
	s := x.sim
	s.mu.Lock()
	x.parked = true
	s.mu.Unlock()
	s.sleep(f.d)
	s.turn(x.id + "/thaw")
	s.mu.Lock()
	x.parked = x.dead
	dead := x.dead
	s.mu.Unlock()
	if dead {
		s.die()
	}
	s.note("%s thaws", x.id)
}
