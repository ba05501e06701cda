package integration

import (
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/internal/devservers"
	"stemflow/internal/devservers/serverstest"
)

// traffic sends callbacks, each again until it is answered 200, as the provider would, and keeps
// which were.
type traffic struct {
	stop     chan struct{}
	senders  sync.WaitGroup
	answered atomic.Int64
	failed   atomic.Int64

	mu sync.Mutex
	ok []string
}

func (b *bridgeProgram) traffic(senders int) *traffic {
	tr := &traffic{stop: make(chan struct{})}
	for i := range senders {
		tr.senders.Go(func() {
			s := &sender{addr: b.addr}
			defer s.close()
			for {
				select {
				case <-tr.stop:
					return
				default:
				}
				task := newID()
				for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
					status, err := s.send(b.request(i%len(b.runs), task))
					if err == nil && status == http.StatusOK {
						break
					}
					tr.failed.Add(1)
					select {
					case <-tr.stop:
						return
					case <-time.After(pause):
					}
				}
				tr.mu.Lock()
				tr.ok = append(tr.ok, task)
				tr.mu.Unlock()
				tr.answered.Add(1)
			}
		})
	}
	return tr
}

// end stops the senders and returns the tasks whose callbacks were answered 200.
func (tr *traffic) end() []string {
	close(tr.stop)
	tr.senders.Wait()
	return tr.ok
}

// flows waits until more callbacks have been accepted.
func (b *bridgeProgram) flows(tr *traffic) {
	b.t.Helper()
	before := tr.answered.Load()
	require.Eventually(b.t, func() bool { return tr.answered.Load() >= before+30 }, time.Minute, 5*time.Millisecond)
}

// A callback that was answered 200 is in Temporal's history, whichever process is killed.
func TestAcceptedCallbacksSurviveKills(t *testing.T) {
	serverstest.SkipIfShort(t)
	t.Parallel()
	temporal, err := devservers.Temporal(
		t.Context(),
		devservers.TemporalOptions{DBFile: filepath.Join(t.TempDir(), "temporal.db")},
	)
	require.NoError(t, err)
	t.Cleanup(func() { temporal.Kill() })
	b := startBridge(t, temporal.Addr, 8)
	tr := b.traffic(16)
	for range 3 {
		b.flows(tr)
		b.process.Kill()
		b.restart()
	}
	b.flows(tr)
	require.Positive(t, tr.failed.Load(), "no callback met a killed bridge")

	failed := tr.failed.Load()
	temporal.Kill()
	require.Eventually(
		t,
		func() bool { return tr.failed.Load() > failed },
		time.Minute,
		time.Millisecond,
		"no callback met a killed Temporal",
	)
	temporal, err = temporal.Restart(t.Context())
	require.NoError(t, err)
	b.flows(tr) // and the bridge finds it again by itself

	b.process.Stop() // it finishes what it has accepted
	b.restart()
	b.flows(tr)
	ok := tr.end()
	inHistory := b.signalled()
	for _, task := range ok {
		require.Positive(t, inHistory[task], "a callback was answered 200 and is in no history: %s", task)
	}
	t.Logf(
		"%d callbacks answered 200, %d attempts were not, %d signals in the histories",
		len(ok),
		tr.failed.Load(),
		len(inHistory),
	)
}

// Temporal that is down or silent makes the provider try again, within its patience; then the
// callback is delivered.
func TestCallbackWhileTemporalIsAway(t *testing.T) {
	serverstest.SkipIfShort(t)
	t.Parallel()
	temporal, err := devservers.Temporal(
		t.Context(),
		devservers.TemporalOptions{DBFile: filepath.Join(t.TempDir(), "temporal.db")},
	)
	require.NoError(t, err)
	t.Cleanup(func() { temporal.Kill() })
	line := newLine(t, temporal.Addr)
	b := startBridge(t, line.addr, 1)
	post := func() int {
		s := &sender{addr: b.addr}
		defer s.close()
		status, err := s.send(b.request(0, newID()))
		require.NoError(t, err, "the bridge gives an answer")
		return status
	}
	ready := func() int {
		response, err := http.Get("http://" + b.addr + "/readyz")
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode
	}
	require.Equal(t, http.StatusOK, post())

	line.hold() // packets go nowhere, connections stay
	began := time.Now()
	require.Equal(t, http.StatusServiceUnavailable, post())
	require.Less(t, time.Since(began), 15*time.Second, "the provider has given up by then")
	require.Equal(t, http.StatusServiceUnavailable, ready())
	line.release()
	require.Eventually(t, func() bool { return post() == http.StatusOK }, time.Minute, 50*time.Millisecond)

	temporal.Kill()
	require.Equal(t, http.StatusServiceUnavailable, post())
	require.Equal(t, http.StatusServiceUnavailable, ready())
	temporal, err = temporal.Restart(t.Context())
	require.NoError(t, err)
	require.Eventually(t, func() bool { return post() == http.StatusOK }, time.Minute, 50*time.Millisecond)
	require.Eventually(t, func() bool { return ready() == http.StatusOK }, time.Minute, 50*time.Millisecond)
}
