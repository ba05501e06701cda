package program

import (
	"sync"
	"time"
)

// sampledPerSecond is how many lines of one kind a log takes in a second.
const sampledPerSecond = 5

// Sampler keeps what strangers cause from filling a log: of each kind of line a few in a second,
// and the number of those left out. Kinds must be few: each is remembered.
type Sampler struct {
	mu    sync.Mutex
	kinds map[string]*sampled
}

type sampled struct {
	second          int64
	logged, leftOut int
}

// Admit reports whether a line of a kind is logged at a time, and how many of its kind were left
// out since the last one that was.
func (s *Sampler) Admit(kind string, at time.Time) (leftOut int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kinds == nil {
		s.kinds = map[string]*sampled{}
	}
	k := s.kinds[kind]
	if k == nil {
		k = &sampled{}
		s.kinds[kind] = k
	}
	if second := at.Unix(); second != k.second {
		k.second, k.logged = second, 0
	}
	if k.logged >= sampledPerSecond {
		k.leftOut++
		return 0, false
	}
	k.logged++
	leftOut, k.leftOut = k.leftOut, 0
	return leftOut, true
}
