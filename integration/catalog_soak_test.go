package integration

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/devservers/serverstest"
	"stemflow/kiesim"
)

var catalogTracks = flag.Int("catalog-tracks", 2000, "how many tracks BenchmarkCatalog separates")

// BenchmarkCatalog separates a catalogue with random faults at every joint, kills the worker in the
// middle, and accounts for every track: what the report says of it, what the provider billed, and
// what the archive holds. Then it runs the catalogue again, which pays for the rest alone; without
// the tracks that may have been paid for, about which a person has to decide.
//
//	go test ./integration -run '^$' -bench Catalog -benchtime 1x -timeout 1h [-seed N] [-catalog-tracks N]
func BenchmarkCatalog(b *testing.B) {
	for b.Loop() {
		took := soakCatalog(b, *catalogTracks, *soakSeed, time.Minute)
		b.ReportMetric(float64(*catalogTracks)/took.Minutes(), "tracks/min")
	}
}

// The same with a few tracks.
func TestACatalogWithFaultsWhoseWorkerIsKilled(t *testing.T) {
	t.Parallel()
	soakCatalog(t, 30, 0, 15*time.Second)
}

// soakCatalog returns how long the first run took. deadline is how long the provider may take, and
// a track whose submit's outcome is unknown.
func soakCatalog(t testing.TB, n int, seed uint64, deadline time.Duration) time.Duration {
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d: run with -seed %d for the same faults", seed, seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	program := buildWorker(t)
	in, tracks := s.listed(n)
	in.CallbackGrace, in.PollInterval = stemflow.Duration(5*time.Second), stemflow.Duration(3*time.Second)
	in.Deadline = stemflow.Duration(deadline)
	for _, track := range tracks {
		s.sim.SetScenario(track.AudioID, randomFaults(random))
	}

	began := time.Now()
	worker := s.startProgram(program)
	run := s.startCatalog(in)
	first := run.GetRunID()
	s.awaitWithin(time.Hour, "a third of the tracks have ended", func() bool {
		s.resumeOwnPause(run)
		return s.catalogProgress(run).Ended() > n/3
	})
	worker.Kill()
	s.startProgram(program)
	s.resumeUntilDone(run, time.Hour)
	result := s.catalogResult(run, time.Hour)
	took := time.Since(began)
	s.logHistories(run.GetID(), first)
	unpaid, resumed, known := s.accountFor(tracks, result)

	charges := len(s.sim.Bill().Charges)
	for _, track := range known {
		s.sim.SetScenario(track.AudioID, kiesim.Scenario{})
	}
	second := s.catalogResult(s.startCatalog(s.list(known)), time.Hour)
	require.Equal(t, stemflow.CatalogCounts{Found: result.Archived, Archived: unpaid + resumed}, second.CatalogCounts)
	require.Equal(t, unpaid*10, second.Credits)
	require.Len(
		t,
		s.sim.Bill().Charges,
		charges+unpaid,
		"a second run pays for what is not archived, and for nothing else",
	)
	t.Logf(
		"%d tracks in %v: %+v, %d charges; the second run: %+v, %d charges",
		n,
		took.Round(time.Second),
		result.CatalogCounts,
		charges,
		second.CatalogCounts,
		unpaid,
	)
	return took
}

// resumeOwnPause sends resume to a catalogue that has paused by itself for one of the many faults.
func (s *stack) resumeOwnPause(run client.WorkflowRun) {
	s.t.Helper()
	if p := s.catalogProgress(run); p.Paused != nil && p.Running == 0 && p.Phase == stemflow.CatalogSeparating {
		s.control(run, stemflow.UpdateResume)
	}
}

func (s *stack) resumeUntilDone(run client.WorkflowRun, within time.Duration) {
	s.t.Helper()
	s.awaitWithin(within, "the catalogue is done", func() bool {
		s.resumeOwnPause(run)
		return s.catalogProgress(run).Phase == stemflow.CatalogDone
	})
}

// accountFor compares what a report says of each track with the provider's bill and the archive. It
// returns how many tracks another run has to pay for, how many it takes up, and the tracks of which
// is known whether they were paid for.
func (s *stack) accountFor(
	tracks []stemflow.SeparateStemsInput, result stemflow.SeparateCatalogResult,
) (unpaid, resumed int, known []stemflow.SeparateStemsInput) {
	s.t.Helper()
	billed := map[string]int{}
	for _, charge := range s.sim.Bill().Charges {
		billed[charge.AudioID]++
	}
	outcomes := s.report(result)
	require.Len(s.t, outcomes, len(tracks))
	paid := 0
	for i, outcome := range outcomes {
		in := tracks[i]
		require.Equal(s.t, in.AudioID, outcome.AudioID)
		require.LessOrEqual(s.t, billed[in.AudioID], 1, "paid twice: %s", in.AudioID)
		paid += billed[in.AudioID]
		what := fmt.Sprintf("%s %s %s: %s", in.AudioID, outcome.Status, outcome.Reason, outcome.Message)
		if outcome.Reason != stemflow.ErrorSubmissionUnknown {
			known = append(known, in)
		}
		manifest, ok := s.manifest(in)
		require.Equal(s.t, outcome.Status == stemflow.TrackArchived, ok, what)
		switch outcome.Status {
		case stemflow.TrackArchived:
			require.Equal(s.t, 1, billed[in.AudioID], what)
			require.Equal(s.t, 10, outcome.Credits, what)
			require.Equal(s.t, manifest.SeparationTaskID, outcome.SeparationTaskID, what)
			require.Len(s.t, manifest.Stems, 2, what)
			require.Len(s.t, s.keys(in), 4, "two stems, manifest and ledger, and nothing else")
		case stemflow.TrackFailed:
			require.Equal(s.t, []string{archive.SubmissionKey(s.location(in))}, s.keys(in), what)
			switch outcome.Reason {
			case stemflow.ErrorInsufficientCredits:
				require.Zero(s.t, billed[in.AudioID], what)
				require.Zero(s.t, outcome.Credits, what)
				unpaid++
			case stemflow.ErrorSeparationFailed:
				require.Equal(s.t, 1, billed[in.AudioID], what)
				require.Equal(s.t, 10, outcome.Credits, what)
				unpaid++
			case stemflow.ErrorSeparationTimedOut, stemflow.ErrorNoStems: // on a busy machine
				require.Equal(s.t, 1, billed[in.AudioID], what)
				require.Equal(s.t, 10, outcome.Credits, what)
				resumed++
			case stemflow.ErrorSubmissionUnknown:
				require.Equal(s.t, 10, outcome.Credits, "what may be paid counts as paid: %s", what)
				require.Equal(s.t, stemflow.SubmissionIntended, s.ledger(in).State, what)
			default:
				require.Fail(s.t, "an end that none of the faults explains", what)
			}
		default:
			require.Fail(s.t, "an end that none of the faults explains", what)
		}
	}
	require.Len(s.t, s.sim.Bill().Charges, paid, "nothing is billed that is not in the report")
	return unpaid, resumed, known
}

// logHistories logs how large the histories of a catalogue's run were.
func (s *stack) logHistories(workflowID, runID string) {
	s.t.Helper()
	generations, events, bytes := 0, int64(0), int64(0)
	for runID != "" {
		d, err := s.client.DescribeWorkflow(s.t.Context(), workflowID, runID)
		require.NoError(s.t, err)
		generations++
		events = max(events, d.RawResponse.GetWorkflowExecutionInfo().GetHistoryLength())
		bytes = max(bytes, d.RawResponse.GetWorkflowExecutionInfo().GetHistorySizeBytes())
		last, err := s.client.GetWorkflowHistory(s.t.Context(), workflowID, runID, false,
			enumspb.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT).
			Next()
		require.NoError(s.t, err)
		runID = last.GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId()
	}
	s.t.Logf("%d generations; the longest history has %d events, the largest %d bytes", generations, events, bytes)
}
