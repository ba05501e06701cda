package devtools

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// simulate has so many processors compile packages of the given weights, each at one unit a second,
// and calls look every second. It returns when the last one is done.
func simulate(m *meter, weights []float64, parallel int, look func(now time.Duration)) time.Duration {
	start := m.compiles
	var now float64
	running := map[int]float64{} // when each ends
	looked := 0.0
	advance := func(to float64) {
		for looked+1 <= to {
			looked++
			look(time.Duration(looked * float64(time.Second)))
		}
		now = to
	}
	first := func() (package_ int) {
		package_ = -1
		for i, end := range running {
			if package_ < 0 || end < running[package_] {
				package_ = i
			}
		}
		return package_
	}
	for i, weight := range weights {
		if len(running) == parallel {
			ended := first()
			advance(running[ended])
			delete(running, ended)
		}
		m.begin(fmt.Sprint(i), start.Add(time.Duration(now*float64(time.Second))))
		running[i] = now + weight
	}
	for len(running) > 0 {
		ended := first()
		advance(running[ended])
		delete(running, ended)
	}
	return time.Duration(now * float64(time.Second))
}

// Where weights are right, the share of the work that is done is nearly right all the time, and
// never goes back.
func TestMeterKnowsHowFarABuildIs(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 50 {
		parallel, speed := 1+round%4, []float64{0.2, 1, 3}[round%3]
		var weights []float64
		planned := map[string]float64{}
		for i := range 200 {
			weights = append(weights, math.Exp(random.NormFloat64()))
			planned[fmt.Sprint(i)] = weights[i] * usualRate * speed
		}
		m := newMeter("something", parallel)
		m.plan(planned, m.begun)
		var shares []float64
		var lefts []time.Duration
		total := simulate(m, weights, parallel, func(now time.Duration) {
			s := m.status(m.begun.Add(now))
			shares, lefts = append(shares, s.Share), append(lefts, s.Left)
		})
		previous := 0.0
		for i, share := range shares {
			now := time.Duration(i+1) * time.Second
			part := now.Seconds() / total.Seconds()
			require.InDelta(t, part, share, 0.12, "round %d, %v of %v", round, now, total)
			require.GreaterOrEqual(t, share, previous-0.03, "round %d, %v of %v", round, now, total)
			previous = max(previous, share)
			if part > 0.3 && part < 0.8 {
				require.InEpsilon(t, (total - now).Seconds(), lefts[i].Seconds(), 0.6)
			}
		}
		require.LessOrEqual(t, previous, 1.0)
	}
}

func TestMeterOfNothing(t *testing.T) {
	m := newMeter("something", 2)
	require.Zero(t, m.status(m.begun).Share)
	m.downloads()
	require.Equal(t, 1, m.status(m.begun).Downloaded)
	m.plan(nil, m.begun)
	m.begin("not planned", m.begun)
	s := m.status(m.begun.Add(time.Minute))
	require.Zero(t, s.Packages)
	require.Zero(t, s.Left)
}

func TestMeterMovesWhileALargePackageIsCompiled(t *testing.T) {
	m := newMeter("something", 1)
	m.plan(map[string]float64{"small": 10 * usualRate, "large": 90 * usualRate}, m.begun)
	m.begin("small", m.begun)
	m.begin("large", m.begun.Add(10*time.Second))
	previous := m.status(m.begun.Add(10 * time.Second)).Share
	for second := 20; second < 90; second += 10 {
		share := m.status(m.begun.Add(time.Duration(second) * time.Second)).Share
		require.Greater(t, share, previous)
		previous = share
	}
	require.Less(t, m.status(m.begun.Add(time.Hour)).Share, 1.0, "it is not done")
}
