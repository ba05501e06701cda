package devtools

import (
	"sync"
	"time"
)

// Status is how far a build is.
type Status struct {
	// What is being built.
	What string
	// Downloaded counts modules, before anything is compiled.
	Downloaded int
	// Begun counts packages of Packages, which is 0 until they are known.
	Begun, Packages int
	// Share of the work is done, from 0 to 1.
	Share float64
	// Elapsed is how long it takes so far, Left how much longer it will; 0 is not known yet.
	Elapsed, Left time.Duration
	// planned is set once it is known what has to be built.
	planned bool
}

// meter estimates how far a build is. Packages differ a thousandfold, so it counts what they weigh
// instead of how many there are.
type meter struct {
	mu       sync.Mutex
	what     string
	parallel int

	begun      time.Time
	downloaded int

	weights  map[string]float64
	total    float64
	compiles time.Time // since when
	started  int
	ended    float64 // weight of what is known to be compiled
	running  []running
}

type running struct {
	weight float64
	since  time.Time
}

func newMeter(what string, parallel int) *meter {
	return &meter{what: what, parallel: parallel, begun: time.Now()}
}

// downloads counts a module.
func (m *meter) downloads() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.downloaded++
}

// plan gives what has to be compiled, with its weight.
func (m *meter) plan(weights map[string]float64, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.weights, m.compiles = weights, now
	for _, weight := range weights {
		m.total += weight
	}
}

// begin notes that one of what was planned is being compiled now. There are as many at once as the
// machine has processors: one more begins when one of them has ended, which is taken to be the one
// with the least left to do.
func (m *meter) begin(path string, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	weight, planned := m.weights[path]
	if !planned {
		return
	}
	delete(m.weights, path)
	m.started++
	if len(m.running) == m.parallel {
		rate, nearest := m.rate(now), 0
		left := func(r running) float64 { return r.weight - rate*now.Sub(r.since).Seconds() }
		for i, r := range m.running {
			if left(r) < left(m.running[nearest]) {
				nearest = i
			}
		}
		m.ended += m.running[nearest].weight
		m.running = append(m.running[:nearest], m.running[nearest+1:]...)
	}
	m.running = append(m.running, running{weight, now})
}

// rate is what one processor compiles in a second: what is known of it so far, and of the first
// packages what was measured elsewhere.
func (m *meter) rate(now time.Time) float64 {
	return (m.ended + usualRate*usualFor) / (now.Sub(m.compiles).Seconds()*float64(m.parallel) + usualFor)
}

const (
	// usualRate is that of one processor at 2.5 GHz, and counts as if it had been seen for usualFor
	// seconds.
	usualRate = 400_000
	usualFor  = 2
	// nearlyDone is the most that is thought to be done of a package that is still being compiled.
	nearlyDone = 0.95
	// Before so much is known, an estimate would be a guess.
	knownAfter = 5 * time.Second
	knownShare = 0.02
)

func (m *meter) status(now time.Time) Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Status{
		What: m.what, Downloaded: m.downloaded, Elapsed: now.Sub(m.begun), Begun: m.started,
		Packages: m.started + len(m.weights), planned: m.weights != nil,
	}
	if m.total == 0 {
		return s
	}
	done, rate := m.ended, m.rate(now)
	for _, r := range m.running {
		done += min(rate*now.Sub(r.since).Seconds(), nearlyDone*r.weight)
	}
	s.Share = done / m.total
	if since := now.Sub(m.compiles); since >= knownAfter && s.Share >= knownShare {
		s.Left = time.Duration(float64(since) * (1 - s.Share) / s.Share)
	}
	return s
}
