package callbackbridge

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDeliveredRemembersTheLatestRuns(t *testing.T) {
	d := newDelivered()
	run := func(i int) runKey { return runKey{"music", "stems", strconv.Itoa(i)} }
	said := news{"task", 200, 2}
	for i := range 3 * rememberedRuns {
		require.True(t, d.reserve(run(i), said))
		require.False(t, d.has(run(i), said), "it is not delivered yet")
		d.commit(run(i), said)
		require.True(t, d.has(run(0), said), "what is asked for stays")
	}
	for i := range rememberedRuns/2 - 10 {
		require.True(t, d.has(run(3*rememberedRuns-1-i), said))
	}
	require.LessOrEqual(t, len(d.current)+len(d.previous), rememberedRuns)
	require.False(t, d.has(run(1), said))
}

// A stolen token uses up what a run may be told. The genuine callback, which is repeated, gets
// through later, and the stranger's next ones do not come in a burst again.
func TestARunThatHeardItsFillHearsOneMoreAtATime(t *testing.T) {
	d, now := newDelivered(), time.Now()
	d.now = func() time.Time { return now }
	run := runKey{"music", "stems", "run"}
	told := 0
	tell := func() bool {
		told++
		n := news{strconv.Itoa(told), 200, 0}
		ok := d.reserve(run, n)
		if ok {
			d.commit(run, n)
		}
		return ok
	}
	for range maxPerRun {
		require.True(t, tell())
	}
	require.False(t, tell())
	now = now.Add(refillPerRun - time.Second)
	require.False(t, tell())
	now = now.Add(time.Second)
	require.True(t, tell())
	require.False(t, tell())
	now = now.Add(14 * 24 * time.Hour)
	for range maxPerRun {
		require.True(t, tell())
	}
	require.False(t, tell(), "waiting earns no more than at first")
}

func TestWhatWasNotDeliveredTakesNoRoom(t *testing.T) {
	d := newDelivered()
	run, n := runKey{"music", "stems", "run"}, news{"task", 200, 2}
	for range 3 * maxPerRun {
		require.True(t, d.reserve(run, n))
		d.release(run, n)
		require.False(t, d.has(run, n))
	}
}

func TestWhatWasNotDeliveredEarnsNoRoom(t *testing.T) {
	d, now := newDelivered(), time.Now()
	d.now = func() time.Time { return now }
	run, n := runKey{"music", "stems", "run"}, news{"task", 200, 2}
	require.True(t, d.reserve(run, n))
	now = now.Add(refillPerRun)
	require.True(t, d.reserve(run, n))
	d.release(run, n)
	d.release(run, n)
	for range maxPerRun {
		require.True(t, d.reserve(run, n))
	}
	require.False(t, d.reserve(run, n))
}
