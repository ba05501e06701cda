package integration

import (
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/devservers"
	"stemflow/internal/devservers/serverstest"
	"stemflow/kiesim"
)

// slowFiles are served for long enough that something can happen meanwhile.
func slowFiles() map[string]kiesim.File {
	return map[string]kiesim.File{kiesim.AllStems: {BytesPerSecond: 25_000}}
}

// Temporal dies and comes back with its database: whatever a run was doing, it goes on.
func TestTemporalRestarted(t *testing.T) {
	serverstest.SkipIfShort(t)
	t.Parallel()
	for phase, scenario := range map[stemflow.Phase]kiesim.Scenario{
		stemflow.PhaseWaiting:   {Outcome: kiesim.Outcome{Pending: true}},
		stemflow.PhasePolling:   {Outcome: kiesim.Outcome{Pending: true}, Callback: kiesim.Callback{Lost: true}},
		stemflow.PhaseArchiving: {Files: slowFiles()},
	} {
		t.Run(string(phase), func(t *testing.T) {
			t.Parallel()
			server, err := devservers.Temporal(
				t.Context(),
				devservers.TemporalOptions{DBFile: filepath.Join(t.TempDir(), "temporal.db")},
			)
			require.NoError(t, err)
			t.Cleanup(func() { server.Stop() })
			s := newStackAt(t, server.Addr)
			s.startWorker()
			in := track(stemflow.SeparateVocal)
			in.CallbackGrace = stemflow.Duration(10 * time.Second)
			if phase == stemflow.PhasePolling {
				in.CallbackGrace = stemflow.Duration(time.Second)
			}
			s.sim.SetScenario(in.AudioID, scenario)
			run := s.start(in)
			s.awaitPhase(run, phase)
			server.Kill()
			if scenario.Outcome.Pending {
				s.settle(in)
			}
			server, err = server.Restart(t.Context())
			require.NoError(t, err)
			s.requireArchived(in, s.result(run))
			require.Equal(t, 1, s.billed(in))
		})
	}
}

// Temporal hangs for some seconds, as it does while its database fails over or its disk is busy:
// stems under way are not begun again.
func TestATemporalThatHangsInterruptsNoTransfer(t *testing.T) {
	serverstest.SkipIfShort(t)
	t.Parallel()
	program := buildWorker(t)
	server, err := devservers.Temporal(
		t.Context(),
		devservers.TemporalOptions{DBFile: filepath.Join(t.TempDir(), "temporal.db")},
	)
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	s := newStackAt(t, server.Addr)
	s.startProgram(program)
	in := track(stemflow.SeparateVocal)
	s.sim.SetScenario(
		in.AudioID,
		kiesim.Scenario{Files: map[string]kiesim.File{kiesim.AllStems: {BytesPerSecond: 12_500}}},
	)
	run := s.start(in)
	s.await("both stems have sent a heartbeat", func() bool {
		stems := s.pending(run)
		return len(stems) == 2 && stems[0].HeartbeatDetails != nil && stems[1].HeartbeatDetails != nil
	})

	require.NoError(t, syscall.Kill(server.PID(), syscall.SIGSTOP))
	time.Sleep(5 * time.Second)
	require.NoError(t, syscall.Kill(server.PID(), syscall.SIGCONT))
	s.requireArchived(in, s.result(run))
	require.Equal(t, 2, s.sim.Bill().Downloads, "each stem is fetched once")
	for _, event := range s.history(run) {
		if started := event.GetActivityTaskStartedEventAttributes(); started != nil {
			require.EqualValues(t, 1, started.Attempt, "%v", started.LastFailure)
		}
	}
}

// pending are the activities of a run that are under way, or wait for their next attempt.
func (s *stack) pending(run client.WorkflowRun) []*workflowpb.PendingActivityInfo {
	s.t.Helper()
	d, err := s.client.DescribeWorkflow(s.t.Context(), run.GetID(), run.GetRunID())
	require.NoError(s.t, err)
	return d.RawResponse.PendingActivities
}

// newStore gives the stack a MinIO of its own, which the test may stop.
func (s *stack) newStore() *devservers.Process {
	s.t.Helper()
	credentials := s.cfg.MinIO
	server, err := devservers.MinIO(s.t.Context(), devservers.MinIOOptions{
		Dir: s.t.TempDir(), AccessKey: credentials.AccessKey, SecretKey: credentials.SecretKey,
	})
	require.NoError(s.t, err)
	s.t.Cleanup(server.Stop)
	s.cfg.MinIO.Endpoint = server.Addr
	s.store, err = archive.New(archive.Options{
		Endpoint: server.Addr, AccessKey: credentials.AccessKey, SecretKey: credentials.SecretKey,
	})
	require.NoError(s.t, err)
	return server
}

// back starts a server that was stopped.
func (s *stack) back(server *devservers.Process) {
	s.t.Helper()
	again, err := server.Restart(s.t.Context())
	require.NoError(s.t, err)
	s.t.Cleanup(again.Stop)
}

func TestStoreDownBeforePaying(t *testing.T) {
	t.Parallel()
	t.Run("from the beginning", func(t *testing.T) {
		t.Parallel()
		var server *devservers.Process
		s := newStack(t, func(s *stack) { server = s.newStore() })
		server.Kill()
		in := track(stemflow.SeparateVocal)
		s.unpaid(in, s.start(in), server)
	})
	t.Run("when the intent is written", func(t *testing.T) {
		t.Parallel()
		var server *devservers.Process
		var intent *gate
		s := newStack(t, func(s *stack) {
			server = s.newStore()
			intent = newGate(t, "http://"+server.Addr, true, 1, upload("submission.json"))
			s.cfg.MinIO.Endpoint = intent.addr
		})
		in := track(stemflow.SeparateVocal)
		run := s.start(in)
		<-intent.reached
		server.Kill()
		s.unpaid(in, run, server)
	})
}

// unpaid demands that a run ends for want of the store, and that the next one finds nothing in its
// way.
func (s *stack) unpaid(in stemflow.SeparateStemsInput, run client.WorkflowRun, server *devservers.Process) {
	s.t.Helper()
	// On a busy machine Temporal may hand out a task that reaches no worker. Of a submit that got
	// lost so only the ledger can tell that it did not pay, and its run waits for the store.
	lost := s.timedOut(run)
	if lost {
		s.back(server)
	}
	kind, message, details := s.failure(run)
	require.Equal(s.t, stemflow.ErrorArchiveUnavailable, kind, message)
	require.Empty(s.t, details.SeparationTaskID)
	require.Zero(s.t, s.requests("generate"))
	if !lost {
		s.back(server)
	}
	s.requireArchived(in, s.result(s.start(in)))
	require.Equal(s.t, 1, s.billed(in))
}

// timedOut reports whether an activity of a run had no answer in its time.
func (s *stack) timedOut(run client.WorkflowRun) bool {
	s.t.Helper()
	return slices.ContainsFunc(s.history(run), func(event *historypb.HistoryEvent) bool {
		return event.GetActivityTaskTimedOutEventAttributes() != nil
	})
}

// What is paid for waits for the store, whenever it went.
func TestStoreDownAfterPaying(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		scenario kiesim.Scenario
		held     bool // the answer to the submit, until the store has gone
		gone     func(*stack, stemflow.SeparateStemsInput) bool
		fails    string // the activity that has met the outage before the store is back
	}{
		"before the ledger is completed": {
			held:  true,
			gone:  func(s *stack, in stemflow.SeparateStemsInput) bool { return s.billed(in) == 1 },
			fails: activityapi.ActivityRecordSubmission,
		},
		"while archiving": {
			scenario: kiesim.Scenario{Files: slowFiles()},
			gone:     func(s *stack, _ stemflow.SeparateStemsInput) bool { return s.sim.Bill().Downloads > 1 },
			fails:    activityapi.ActivityArchiveStem,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var server *devservers.Process
			s := newStack(t, func(s *stack) { server = s.newStore() })
			in := track(stemflow.SeparateVocal)
			s.sim.SetScenario(in.AudioID, c.scenario)
			release := func() {}
			if c.held {
				release = s.holdAnswer(in)
			}
			run := s.start(in)
			s.await("the store may go", func() bool { return c.gone(s, in) })
			server.Kill()
			release()
			s.await("its absence is felt", func() bool {
				for _, pending := range s.pending(run) {
					if pending.ActivityType.Name == c.fails && pending.Attempt > 2 {
						return true
					}
				}
				return false
			})
			s.back(server)
			result := s.result(run)
			s.requireArchived(in, result)
			require.Equal(t, s.charges(in)[0].TaskID, s.memo(run))
			require.Equal(t, 1, s.billed(in))
		})
	}
}
