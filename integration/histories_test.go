package integration

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/kiesim"
	"stemflow/plugin"
)

// Histories that the replay test of package workflows replays for ever. They are recorded with
//
//	go test ./integration -run TestHistoriesReplay -record
//
// and frozen from the first tag on: a change of the workflow that they do not replay goes through
// workflow.GetVersion.
var record = flag.Bool("record", false, "write the histories of each path to workflows/testdata")

// Each path that a run can take replays through the plugin, twice, as it does in a host's own
// replay tests.
func TestHistoriesReplay(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]struct {
		input    func(*stemflow.SeparateStemsInput)
		scenario kiesim.Scenario
		then     func(*stack, client.WorkflowRun)
	}{
		"callback": {},
		"polling": {
			input:    func(in *stemflow.SeparateStemsInput) { in.CallbackGrace = stemflow.Duration(time.Second) },
			scenario: kiesim.Scenario{Delay: kiesim.Duration(4 * time.Second), Callback: kiesim.Callback{Lost: true}},
		},
		"failed": {scenario: kiesim.Scenario{Outcome: kiesim.Outcome{Failure: &kiesim.Failure{}}}},
		"unknown": {scenario: kiesim.Scenario{
			Delay: kiesim.Duration(time.Second), Submit: kiesim.Fault{Answer: kiesim.AnswerCut, Accept: true, Times: 1},
		}},
		"timed-out": {
			input: func(in *stemflow.SeparateStemsInput) {
				in.CallbackGrace, in.Deadline = stemflow.Duration(time.Second), stemflow.Duration(3*time.Second)
			},
			scenario: kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}},
		},
		"renewed": {scenario: kiesim.Scenario{Files: map[string]kiesim.File{"vocals": {Expired: kiesim.ExpiredAtOnce}}}},
		"partial": {
			input: func(in *stemflow.SeparateStemsInput) { in.AllowPartial = true },
			scenario: kiesim.Scenario{Files: map[string]kiesim.File{
				"vocals": {Expired: kiesim.ExpiredAtOnce, RenewedBy: kiesim.RenewedNever},
			}},
		},
		"cancelled": {
			scenario: kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}},
			then: func(s *stack, run client.WorkflowRun) {
				require.Eventually(s.t, func() bool { return s.memo(run) != "" }, patience, 50*time.Millisecond)
				require.NoError(s.t, s.client.CancelWorkflow(s.t.Context(), run.GetID(), run.GetRunID()))
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t)
			in := track(stemflow.SplitStem)
			if path.input != nil {
				path.input(&in)
			}
			s.sim.SetScenario(in.AudioID, path.scenario)
			run := s.start(in)
			if path.then != nil {
				path.then(s, run)
			}
			_ = run.Get(t.Context(), nil) // how it ends is the other tests' affair
			s.replay(name, s.history(run))
			if name == "callback" || name == "timed-out" {
				again := s.start(in) // archived, and resumed from the ledger
				_ = again.Get(t.Context(), nil)
				s.replay("again-after-"+name, s.history(again))
			}
		})
	}
}

// The same for catalogues: one that ends, one that continues as new and the run that adopts what it
// has started, one that is paused and cancelled, and one that pauses by itself and takes a track
// over from another run.
func TestHistoriesOfCatalogsReplay(t *testing.T) {
	t.Parallel()
	t.Run("catalog", func(t *testing.T) {
		t.Parallel()
		s := newStack(t)
		in, tracks := s.listed(4)
		in.Window = 2
		budget := 30
		in.CreditBudget = &budget
		s.sim.SetScenario(tracks[1].AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Failure: &kiesim.Failure{}}})
		run := s.startCatalog(in)
		s.catalogResult(run, patience)
		s.replay("catalog", s.history(run))
	})
	t.Run("catalog-generations", func(t *testing.T) {
		t.Parallel()
		s := newStackAt(t, smallHistories(t, "40").Addr)
		s.startWorker()
		in, _ := s.listed(6)
		in.Window = 2
		run := s.startCatalog(in)
		first := run.GetRunID()
		s.catalogResult(run, patience)
		s.replay("catalog-continued", s.history(s.client.GetWorkflow(t.Context(), run.GetID(), first)))
		s.replay("catalog-adopting", s.history(s.client.GetWorkflow(t.Context(), run.GetID(), "")))
	})
	t.Run("catalog-cancelled", func(t *testing.T) {
		t.Parallel()
		s := newStack(t)
		in, tracks := s.listed(3)
		in.Window = 2
		for _, track := range tracks {
			s.sim.SetScenario(track.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
		}
		joined := s.start(tracks[0])
		run := s.startCatalog(in)
		s.await("tracks are under way", func() bool { return len(s.sim.Bill().Charges) == 2 })
		s.control(run, stemflow.UpdatePause)
		s.control(run, stemflow.UpdateSetWindow, 5)
		require.NoError(t, s.client.CancelWorkflow(t.Context(), run.GetID(), ""))
		require.Error(t, run.Get(t.Context(), nil))
		s.cancelled(joined)
		s.replay("catalog-cancelled", s.history(run))
	})
	t.Run("catalog-breaker", func(t *testing.T) {
		t.Parallel()
		s := newStack(t)
		in, tracks := s.listed(8)
		s.setScenarioOfAll(tracks[1:], kiesim.Scenario{Outcome: kiesim.Outcome{Failure: &kiesim.Failure{}}})
		s.sim.SetScenario(tracks[0].AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
		joined := s.start(tracks[0])
		s.await("the joined track is paid for", func() bool { return s.billed(tracks[0]) == 1 })
		run := s.startCatalog(in)
		s.await("it has paused by itself", func() bool {
			p := s.catalogProgress(run)
			return p.Paused != nil && p.Running == 1
		})
		s.setScenarioOfAll(tracks, kiesim.Scenario{})
		s.cancelled(joined)
		require.True(t, s.control(run, stemflow.UpdateResume).Trial)
		s.settle(tracks[0])
		require.Equal(t, stemflow.CatalogCounts{Archived: 5, Failed: 3}, s.catalogResult(run, patience).CatalogCounts)
		s.replay("catalog-breaker", s.history(run))
	})
}

// The same for checks of an archive: of one that is whole, and of one that is repaired.
func TestHistoriesOfChecksReplay(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	result := s.result(s.start(in))
	check := func(name string, in stemflow.VerifyArchiveInput) stemflow.VerifyArchiveResult {
		id := name + "-" + s.queue
		run, err := s.client.ExecuteWorkflow(t.Context(),
			client.StartWorkflowOptions{ID: id, TaskQueue: s.queue}, stemflow.WorkflowVerifyArchive, in)
		require.NoError(t, err)
		var found stemflow.VerifyArchiveResult
		require.NoError(t, run.Get(t.Context(), &found))
		s.replay(name, s.history(run))
		return found
	}
	require.Empty(t, check("verify-archive", stemflow.VerifyArchiveInput{ReadData: "all"}).Findings)
	raw, err := minio.New(s.root.Endpoint,
		&minio.Options{Creds: credentials.NewStaticV4(s.root.AccessKey, s.root.SecretKey, "")})
	require.NoError(t, err)
	for _, key := range []string{result.Stems[0].Key, archive.SubmissionKey(s.location(in))} {
		require.NoError(t, raw.RemoveObject(t.Context(), s.bucket, key, minio.RemoveObjectOptions{}))
	}
	repaired := check("verify-archive-looked-repair", stemflow.VerifyArchiveInput{Repair: true})
	require.Zero(t, repaired.Damage)
	require.NotZero(t, repaired.Repaired)
}

// replay replays a finished run, and records it when asked to.
func (s *stack) replay(name string, events []*historypb.HistoryEvent) {
	s.t.Helper()
	history := &historypb.History{Events: events}
	cfg := s.cfg
	cfg.Client = nil
	p, err := plugin.New(cfg)
	require.NoError(s.t, err)
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{Plugins: []worker.Plugin{p}})
	require.NoError(s.t, err)
	for range 2 {
		require.NoError(s.t, replayer.ReplayWorkflowHistory(nil, history))
	}
	size := 0
	for _, event := range history.Events {
		size += event.Size()
	}
	s.t.Logf("%s: %d events, %d bytes", name, len(history.Events), size)
	if *record {
		data, err := temporalproto.CustomJSONMarshalOptions{Indent: " "}.Marshal(history)
		require.NoError(s.t, err)
		require.NoError(
			s.t,
			os.WriteFile(filepath.Join("..", "workflows", "testdata", name+".json"), append(data, '\n'), 0o644),
		)
	}
}
