package callbackbridge

import (
	"sync"

	"stemflow"
	"stemflow/internal/token"
)

const (
	// maxPerRun bounds the callbacks for one run that say different things. A run has one
	// separation, or a few if it submits again after a refusal; a stolen token can name any number.
	maxPerRun = 16
	// rememberedRuns bounds the memory: some 20 MB when every run has one separation.
	rememberedRuns = 1 << 16
)

// delivered remembers what Temporal has accepted, so that a repeated callback costs a run nothing.
// The provider repeats a callback whose answer it did not get, and a stranger can repeat a captured
// one for as long as its token is valid. The runs that were heard of last are remembered: half of
// rememberedRuns at least.
type delivered struct {
	mu                sync.Mutex
	current, previous map[runKey]map[news]struct{}
}

// runKey is whose callbacks they are, by the token.
type runKey struct{ namespace, workflowID, runID string }

// news is what a callback says to its run. One that says the same is a repeat, whatever its body.
type news struct {
	separationTaskID string
	code, stems      int
}

func newDelivered() *delivered {
	return &delivered{current: map[runKey]map[news]struct{}{}}
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
	_, ok := d.told(run)[n]
	return ok
}

// reserve remembers news ahead of its delivery; release takes that back. It fails if the run has
// had as much as it may.
func (d *delivered) reserve(run runKey, n news) (ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	told := d.told(run)
	if len(told) >= maxPerRun {
		return false
	}
	if told == nil {
		told = map[news]struct{}{}
		d.current[run] = told
	}
	told[n] = struct{}{}
	return true
}

func (d *delivered) release(run runKey, n news) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.told(run), n)
}

// told is what a run was told; nil for one that was not heard of, or long ago.
func (d *delivered) told(run runKey) map[news]struct{} {
	if told, ok := d.current[run]; ok {
		return told
	}
	if len(d.current) >= rememberedRuns/2 {
		d.current, d.previous = map[runKey]map[news]struct{}{}, d.current
	}
	told, ok := d.previous[run]
	if ok {
		d.current[run] = told
	}
	return told
}
