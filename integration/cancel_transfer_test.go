package integration

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/devservers/serverstest"
	"stemflow/kiesim"
)

// A run that is cancelled ends its transfers, and not only itself: their connections to the file
// server are closed long before the files, which take a quarter of an hour, are through.
func TestACancellationEndsRunningTransfers(t *testing.T) {
	t.Parallel()
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	var began, open atomic.Int64
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && !strings.HasPrefix(r.URL.Path, "/api/") {
			began.Add(1)
			open.Add(1)
			defer open.Add(-1)
		}
		s.held.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { _ = s.sim.Close(); provider.Close() })
	s.cfg.BaseURL = provider.URL
	s.startProgram(buildWorker(t))
	in := track(stemflow.SeparateVocal)
	s.sim.SetScenario(
		in.AudioID,
		kiesim.Scenario{Files: map[string]kiesim.File{kiesim.AllStems: {Size: 900_000, BytesPerSecond: 1_000}}},
	)
	run := s.start(in)
	s.await("both stems are fetched", func() bool { return open.Load() == 2 })
	require.Equal(t, s.charges(in)[0].TaskID, s.cancelled(run))
	s.awaitWithin(2*time.Minute, "the transfers have ended", func() bool { return open.Load() == 0 })
	require.EqualValues(t, 2, began.Load(), "and no other attempt has begun")
}
