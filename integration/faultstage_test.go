package integration

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/internal/devservers"
	"stemflow/internal/devservers/serverstest"
)

const (
	// An outage lasts until a request has met it. One that none meets is over after this time.
	outageMost = 100 * time.Second
	// A server that hangs, hangs for longer than any one request to it may take.
	hangTime = 12 * time.Second
	// While the paid call is under way, Temporal hangs for longer than the activity may take: the
	// engine gives it up.
	hangOverSubmit = 80 * time.Second
)

// faultStage is a stack whose parts can be killed and frozen: worker and bridge are programs under
// supervision, Temporal and the store are servers of its own where they are to be hit, and there is
// a checkpoint in front of each.
type faultStage struct {
	*stack
	engine   *devservers.Process
	engineBy *line // how worker and bridge reach Temporal
	minio    *devservers.Process
	bridge   *supervised
	worker   *supervised
	frozen   []*supervised // workers that another one has replaced

	storeDoor, providerDoor, bridgeDoor *checkpoint
}

// stageOptions are the servers that a stage has for itself, and the passages of each checkpoint.
type stageOptions struct {
	ownTemporal, ownStore   bool
	store, provider, bridge []*passage
	// worker are more variables of the worker.
	worker []string
}

func newFaultStage(t testing.TB, opts stageOptions) *faultStage {
	t.Helper()
	serverstest.SkipIfShort(t)
	s := &faultStage{}
	if opts.ownTemporal {
		var err error
		database := filepath.Join(t.TempDir(), "temporal.db")
		s.engine, err = devservers.Temporal(t.Context(), devservers.TemporalOptions{DBFile: database})
		require.NoError(t, err)
		t.Cleanup(func() { s.engine.Kill() })
	} else {
		s.engine = serverstest.Temporal(t)
	}
	s.stack = newStackAt(t, s.engine.Addr)
	retries := make([]time.Duration, 60)
	for i := range retries {
		retries[i] = 2 * time.Second
	}
	s.serveProvider(retries...) // it sends a callback again for longer than anything is away
	if opts.ownStore {
		s.minio = s.newStore()
		require.NoError(t, s.store.EnsureBucket(t.Context(), s.bucket))
	}
	s.storeDoor = newCheckpoint(t, "http://"+s.cfg.MinIO.Endpoint, opts.store...)
	s.providerDoor = newCheckpoint(t, s.cfg.BaseURL, opts.provider...)
	s.engineBy = newLine(t, s.engine.Addr)
	s.server = s.engineBy.addr

	command, addr := bridgeCommand(t, s.server)
	s.bridge = supervise(t, command)
	ready := devservers.HTTPReady("http://" + addr + "/readyz")
	s.await("the bridge is ready", func() bool { return ready(t.Context()) == nil })
	s.bridgeDoor = newCheckpoint(t, "http://"+addr, opts.bridge...)

	s.cfg.MinIO.Endpoint = s.storeDoor.addr
	s.cfg.BaseURL, s.cfg.CallbackBaseURL = "http://"+s.providerDoor.addr, "http://"+s.bridgeDoor.addr
	s.worker = supervise(t, s.workerCommand(buildWorker(t), opts.worker...))
	return s
}

// inject kills or freezes a part. The provider's faults are part of the scenario, and happen by
// themselves.
func (s *faultStage) inject(f fault) {
	s.t.Helper()
	switch f {
	case killWorker:
		s.worker.kill()
	case freezeWorker:
		s.worker.freeze(s.t)
	case killStore:
		s.minio.Kill()
	case freezeStore:
		require.NoError(s.t, s.minio.Freeze())
	case killTemporal:
		s.engine.Kill()
	case freezeTemporal:
		require.NoError(s.t, s.engine.Freeze())
	case killBridge:
		s.bridge.kill()
	case freezeBridge:
		s.bridge.freeze(s.t)
	}
}

// meet waits until a request has met an outage, or it has lasted for long enough.
func (s *faultStage) meet(f fault) {
	var count func() int64
	switch f {
	case killStore, freezeStore:
		count = s.storeDoor.failed.Load
	case killTemporal:
		count = s.engineBy.refused.Load
	case killBridge, freezeBridge:
		count = s.bridgeDoor.failed.Load
	case freezeTemporal:
		time.Sleep(hangTime)
		return
	default:
		return
	}
	before := count()
	s.soon(func() bool { return count() > before })
}

// soon waits until something has come about, or an outage has lasted for long enough.
func (s *faultStage) soon(met func() bool) {
	timeout := time.After(outageMost)
	for !met() {
		select {
		case <-timeout:
			return
		case <-s.t.Context().Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// back brings a part back. In place of a frozen worker there is another one then; the old one stays
// frozen until it is thawed.
func (s *faultStage) back(f fault) {
	s.t.Helper()
	switch f {
	case killWorker:
		s.worker.revive()
	case freezeWorker:
		s.frozen = append(s.frozen, s.worker)
		s.worker = supervise(s.t, s.worker.command)
	case killStore:
		s.restart(&s.minio)
	case freezeStore:
		require.NoError(s.t, s.minio.Thaw())
	case killTemporal:
		s.restart(&s.engine)
	case freezeTemporal:
		require.NoError(s.t, s.engine.Thaw())
	case killBridge:
		s.bridge.revive()
	case freezeBridge:
		s.bridge.thaw()
	}
}

func (s *faultStage) restart(server **devservers.Process) {
	s.t.Helper()
	again, err := (*server).Restart(s.t.Context())
	require.NoError(s.t, err)
	s.t.Cleanup(again.Kill)
	*server = again
}

// stopWorkers lets the workers finish what they have begun: whatever they still pay for is on the
// bill then.
func (s *faultStage) stopWorkers() {
	for _, worker := range append(s.frozen, s.worker) {
		worker.thaw()
		worker.stop()
	}
}
