package signalgate

import (
	"crypto/sha256"
	"sync"
	"time"
)

// What one workflow may be signalled. Temporal ends a run whose history has 50 MB, and takes no
// more than 10,000 signals for one. These bounds are below that for two gates and the longest
// deadline, and far above what bridges hand over.
const (
	burst     = 4 << 20
	perSecond = float64(1<<20) / (24 * 60 * 60)
	// leastSize is what a signal counts at least, in bytes.
	leastSize = 4 << 10
	// rememberedWorkflows bounds the memory: some megabytes. Two hundred a second can be signalled
	// for good.
	rememberedWorkflows = 1 << 16
)

// workflowKey stands for a workflow. It is a hash: an id of the caller's may have any length.
type workflowKey [sha256.Size]byte

func keyOf(namespace, id string) workflowKey { return sha256.Sum256([]byte(namespace + "\x00" + id)) }

// flood bounds what each workflow is signalled, in bytes: a bucket for each that was signalled
// lately. If there are too many, others are not signalled: to forget one would let it be flooded.
type flood struct {
	now     func() time.Time
	mu      sync.Mutex
	buckets map[workflowKey]bucket
	swept   time.Time
}

type bucket struct {
	room   float64
	filled time.Time
}

func newFlood() *flood { return &flood{now: time.Now, buckets: map[workflowKey]bucket{}} }

// take reports whether there is room for a signal of so many bytes, and takes it.
func (f *flood) take(workflow workflowKey, size int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	b, known := f.buckets[workflow]
	if !known {
		if f.sweep(now); len(f.buckets) >= rememberedWorkflows {
			return false
		}
		b = bucket{burst, now}
	}
	b = bucket{b.roomAt(now) - cost(size), now}
	if b.room < 0 {
		return false
	}
	f.buckets[workflow] = b
	return true
}

// giveBack returns what was taken for a signal that Temporal has not.
func (f *flood) giveBack(workflow workflowKey, size int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	b := bucket{f.buckets[workflow].roomAt(now) + cost(size), now}
	if b.room >= burst {
		delete(f.buckets, workflow)
		return
	}
	f.buckets[workflow] = b
}

func cost(size int) float64 { return float64(max(size, leastSize)) }

func (b bucket) roomAt(now time.Time) float64 {
	return min(burst, b.room+now.Sub(b.filled).Seconds()*perSecond)
}

// sweep forgets the workflows whose buckets are full again, if there are many, once a second.
func (f *flood) sweep(now time.Time) {
	if len(f.buckets) < rememberedWorkflows || now.Sub(f.swept) < time.Second {
		return
	}
	f.swept = now
	for workflow, b := range f.buckets {
		if b.roomAt(now) >= burst {
			delete(f.buckets, workflow)
		}
	}
}
