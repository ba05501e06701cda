package callbackbridge

import (
	"sync"
	"time"

	"stemflow"
	"stemflow/internal/token"
)

const (
	// maxPerRun bounds the callbacks for one run that say different things and come at once. A run
	// has one separation, or a few if it submits again after a refusal; a stolen token can name any
	// number.
	maxPerRun = 16
	// refillPerRun lets one more come each time: what a stolen token used up must not keep the
	// genuine callback out, which the provider repeats.
	refillPerRun = 10 * time.Minute
	// rememberedRuns bounds the memory: some 20 MB when every run has one separation.
	rememberedRuns = 1 << 16
)

// delivered remembers what Temporal has accepted, so that a repeated callback costs a run nothing.
// The provider repeats a callback whose answer it did not get, and a stranger can repeat a captured
// one for as long as its token is valid. The runs that were heard of last are remembered: half of
// rememberedRuns at least.
type delivered struct {
	now               func() time.Time
	mu                sync.Mutex
	current, previous map[runKey]*heard
}

// heard is what a run was told, true once Temporal has accepted it, and how much more it takes now.
type heard struct {
	told     map[news]bool
	room     int
	refilled time.Time
}

// runKey is whose callbacks they are, by the token.
type runKey struct{ namespace, workflowID, runID string }

// news is what a callback says to its run. One that says the same is a repeat, whatever its body.
type news struct {
	separationTaskID string
	code, stems      int
}

func newDelivered() *delivered {
	return &delivered{now: time.Now, current: map[runKey]*heard{}}
}

func runOf(claims token.Claims) runKey {
	return runKey{claims.Namespace, claims.WorkflowID, claims.RunID}
}

func newsOf(callback stemflow.Callback) news {
	return news{callback.TaskID, callback.Code, len(callback.Stems)}
}

// has reports whether a run was told before.
func (d *delivered) has(run runKey, n news) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.heard(run)
	return h != nil && h.told[n]
}

// reserve makes room for news ahead of its delivery, which commit or release follows. It fails if
// the run has had as much as it may.
func (d *delivered) reserve(run runKey, n news) (ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.heard(run)
	if h == nil {
		h = &heard{told: map[news]bool{}, room: maxPerRun, refilled: d.now()}
		d.current[run] = h
	}
	for ; h.room < maxPerRun && d.now().Sub(h.refilled) >= refillPerRun; h.room++ {
		h.refilled = h.refilled.Add(refillPerRun)
	}
	if h.room == maxPerRun {
		h.refilled = d.now()
	}
	if h.room == 0 {
		return false
	}
	h.room--
	h.told[n] = false
	return true
}

// commit remembers what was reserved as delivered.
func (d *delivered) commit(run runKey, n news) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if h := d.heard(run); h != nil {
		h.told[n] = true
	}
}

// release forgets what was reserved and not delivered.
func (d *delivered) release(run runKey, n news) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if h := d.heard(run); h != nil {
		delete(h.told, n)
		h.room = min(h.room+1, maxPerRun)
	}
}

// heard is what a run was told; nil for one that was not heard of, or long ago.
func (d *delivered) heard(run runKey) *heard {
	if h, ok := d.current[run]; ok {
		return h
	}
	if len(d.current) >= rememberedRuns/2 {
		d.current, d.previous = map[runKey]*heard{}, d.current
	}
	h, ok := d.previous[run]
	if ok {
		d.current[run] = h
	}
	return h
}
