package simulation

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// kind is what a fault does.
type kind string

const (
	// What happens to the execution that takes the step. "Before" and "after" are seen from what
	// the step does to the world.
	failBefore   kind = "fails"
	failAfter    kind = "done, and the answer is lost"
	dieBefore    kind = "dies before"
	dieAfter     kind = "dies after"
	freezeBefore kind = "freezes before"
	freezeAfter  kind = "freezes after"
	hang         kind = "hangs"
	arriveLate   kind = "hangs and arrives late"

	// What happens to a paid call.
	refuse         kind = "refused"
	acceptAndLose  kind = "accepted, and the answer is lost"
	notConnected   kind = "not connected"
	failTheTask    kind = "accepted, and the task will fail"
	loseUnaccepted kind = "lost on the way"

	// What happens to a file.
	expire   kind = "the link has expired"
	truncate kind = "the file is cut off"

	// What happens to the world at a step.
	storeAway    kind = "the store goes away"
	providerAway kind = "the provider goes away"
	cancelRun    kind = "the run is cancelled"
	terminateRun kind = "the run is terminated"
	resetRun     kind = "the run is reset"
	killWorkers  kind = "all workers are killed"

	// What the engine does with a submit.
	notTaken   kind = "nobody takes the task"
	twice      kind = "the task is executed twice"
	secondTime kind = "the task is executed again, as attempt 2"
	resetTask  kind = "the task is executed, reset, and then nobody takes it"
)

// fault is one thing that goes wrong: at the n-th step of its scope.
type fault struct {
	scope string
	n     int
	kind  kind
	d     time.Duration
	// choice is for what the kind leaves open.
	choice int
	spent  bool
}

func (f *fault) String() string {
	return fmt.Sprintf("%s at step %d of scope %s (%v)", f.kind, f.n, f.scope, f.d)
}

// The scopes of steps.
const (
	scopeAny    = "any"    // of any execution
	scopeSubmit = "submit" // of a submit
	scopeCall   = "call"   // a paid call
	scopeFile   = "file"   // the fetch of a stem
	scopeWorld  = "world"  // any step, and something happens to the world
	scopeTask   = "task"   // a submit is scheduled
)

// faultsOf are the faults of each scope, and before which step they happen. The most of them aim at
// paying.
var faultsOf = []struct {
	scope  string
	steps  int
	weight int
	kinds  []kind
}{
	{scopeSubmit, 12, 5, []kind{failBefore, failAfter, dieBefore, dieAfter, freezeBefore, freezeAfter, hang,
		arriveLate}},
	{scopeAny, 45, 4, []kind{failBefore, failAfter, dieBefore, dieAfter, freezeBefore, freezeAfter, hang, arriveLate}},
	{scopeCall, 3, 4, []kind{refuse, refuse, acceptAndLose, loseUnaccepted, notConnected, failTheTask, freezeBefore,
		dieAfter}},
	{scopeFile, 4, 1, []kind{expire, truncate}},
	{scopeWorld, 45, 4, []kind{storeAway, storeAway, providerAway, cancelRun, terminateRun, resetRun, killWorkers}},
	{scopeTask, 3, 2, []kind{notTaken, twice, secondTime, resetTask}},
}

// The odd lengths keep ends of waiting from falling together with the product's own times.
var (
	pauses = []time.Duration{3100 * time.Millisecond, 17300 * time.Millisecond, 77700 * time.Millisecond,
		211 * time.Second, 41 * time.Minute, 3*time.Hour + 7*time.Second}
	outages = []time.Duration{2900 * time.Millisecond, 31 * time.Second, 302 * time.Second, 99 * time.Minute}
)

func drawFaults(d dice) []*fault {
	var total int
	for _, f := range faultsOf {
		total += f.weight
	}
	faults := make([]*fault, 2+d.roll(2, "faults"))
	for i := range faults {
		at := d.roll(total, "scope", i)
		for _, of := range faultsOf {
			if at -= of.weight; at >= 0 {
				continue
			}
			f := &fault{scope: of.scope, n: 1 + d.roll(of.steps, "step", i), kind: pick(d, of.kinds, "kind", i),
				choice: d.roll(1000, "choice", i)}
			f.d = pick(d, pauses, "pause", i)
			if f.kind == storeAway || f.kind == providerAway {
				f.d = pick(d, outages, "outage", i)
			}
			faults[i] = f
			break
		}
	}
	return faults
}

var errLost = errors.New("simulated: the connection was lost")

// happens returns the fault of a step, and counts it. What happens to the world happens here.
func (s *sim) happens(x *execution, op string) *fault {
	scopes := []string{scopeAny, scopeWorld}
	if isSubmit(x.kind) {
		scopes = append(scopes, scopeSubmit)
	}
	switch op {
	case opCall:
		scopes = append(scopes, scopeCall)
	case opFile:
		scopes = append(scopes, scopeFile)
	}
	found := &fault{}
	for _, scope := range scopes {
		f := s.due(scope)
		switch {
		case f == nil:
		case scope == scopeWorld:
			s.happensToWorld(f)
		default:
			found = f
		}
	}
	s.mu.Lock()
	dead := x.dead
	s.mu.Unlock()
	if dead {
		s.die()
	}
	return found
}

// due counts a step of the scope and returns the fault that was waiting for it, if there is one.
func (s *sim) due(scope string) *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[scope]++
	if s.calm {
		return nil
	}
	for _, f := range s.faults {
		if f.scope == scope && f.n == s.seen[scope] && !f.spent {
			f.spent = true
			return f
		}
	}
	return nil
}

func (s *sim) happensToWorld(f *fault) {
	s.note("%s %v", f.kind, f.d)
	switch f.kind {
	case storeAway:
		s.store.awayUntil = time.Now().Add(f.d)
	case providerAway:
		s.provider.awayUntil = time.Now().Add(f.d)
	case killWorkers:
		s.mu.Lock()
		for _, x := range s.live {
			x.dead, x.parked = true, true
		}
		s.store.proved = map[string]bool{}
		s.mu.Unlock()
	default:
		if r := s.openRun(f.choice); r != nil {
			r.interrupt(f.kind)
		}
	}
}

// openRun is one of the runs that are open.
func (s *sim) openRun(choice int) *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	var open []*run
	for _, r := range s.runs {
		if r.open {
			open = append(open, r)
		}
	}
	if len(open) == 0 {
		return nil
	}
	return open[choice%len(open)]
}

// away is the error of a server that cannot be reached at the moment.
func (s *sim) away(op string) error {
	until := s.store.awayUntil
	switch {
	case op == opCall || op == opRecord || op == opFile || op == opLink:
		until = s.provider.awayUntil
	case !strings.HasPrefix(op, "store "):
		return nil
	}
	if time.Now().Before(until) {
		return errAway
	}
	return nil
}

var errAway = errors.New("simulated: connection refused")
