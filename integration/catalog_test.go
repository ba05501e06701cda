package integration

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/devservers"
	"stemflow/internal/devservers/serverstest"
	"stemflow/kiesim"
)

// listed lists new tracks.
func (s *stack) listed(n int) (stemflow.SeparateCatalogInput, []stemflow.SeparateStemsInput) {
	s.t.Helper()
	tracks := make([]stemflow.SeparateStemsInput, n)
	for i := range tracks {
		tracks[i] = track(stemflow.SeparateVocal)
	}
	return s.list(tracks), tracks
}

// list puts a list of tracks into the bucket, and returns an input that names it, with timings fit
// for a test.
func (s *stack) list(tracks []stemflow.SeparateStemsInput) stemflow.SeparateCatalogInput {
	s.t.Helper()
	var list strings.Builder
	list.WriteString("taskId,audioId\n")
	for _, track := range tracks {
		list.WriteString(track.TaskID + "," + track.AudioID + "\n")
	}
	name := "list-" + newID()
	_, err := s.store.Put(
		s.t.Context(),
		s.bucket,
		"lists/"+name+".csv",
		"text/csv",
		strings.NewReader(list.String()),
		int64(list.Len()),
	)
	require.NoError(s.t, err)
	return stemflow.SeparateCatalogInput{
		Name: name, Source: &stemflow.ObjectRef{Key: "lists/" + name + ".csv"},
		PollInterval: tracks[0].PollInterval, CallbackGrace: tracks[0].CallbackGrace,
	}
}

// startCatalog starts a catalogue as the starter does.
func (s *stack) startCatalog(in stemflow.SeparateCatalogInput) client.WorkflowRun {
	s.t.Helper()
	run, err := s.client.ExecuteWorkflow(s.t.Context(), client.StartWorkflowOptions{
		ID: stemflow.CatalogWorkflowID(in), TaskQueue: s.queue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
	}, stemflow.WorkflowSeparateCatalog, in)
	require.NoError(s.t, err)
	return run
}

// catalogResult waits for a catalogue that must come to its end.
func (s *stack) catalogResult(run client.WorkflowRun, within time.Duration) stemflow.SeparateCatalogResult {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), within)
	defer cancel()
	var result stemflow.SeparateCatalogResult
	err := run.Get(ctx, &result)
	s.logIfOpen(ctx, run)
	require.NoError(s.t, err)
	return result
}

// report reads the report of a catalogue, which must agree with its result, and both forms of it
// with each other.
func (s *stack) report(result stemflow.SeparateCatalogResult) []stemflow.TrackOutcome {
	s.t.Helper()
	var report stemflow.CatalogReport
	require.NoError(s.t, json.Unmarshal(s.object(result.Report.JSON.Key), &report))
	require.Equal(s.t, result, report.SeparateCatalogResult)
	rows, err := csv.NewReader(strings.NewReader(string(s.object(result.Report.CSV.Key)))).ReadAll()
	require.NoError(s.t, err)
	require.Len(s.t, rows, len(report.Outcomes)+1)
	var counts stemflow.CatalogCounts
	credits := 0
	for i, outcome := range report.Outcomes {
		counts.Add(outcome.Status)
		credits += outcome.Credits
		require.Equal(
			s.t,
			[]string{outcome.TaskID, outcome.AudioID, string(outcome.Status)},
			[]string{rows[i+1][1], rows[i+1][2], rows[i+1][5]},
		)
		require.True(s.t, i == 0 || outcome.Number > report.Outcomes[i-1].Number)
	}
	require.Equal(s.t, counts, result.CatalogCounts)
	require.Equal(s.t, credits, result.Credits)
	return report.Outcomes
}

func (s *stack) catalogProgress(run client.WorkflowRun) (p stemflow.CatalogProgress) {
	s.t.Helper()
	s.await("the catalogue reports its progress", func() bool {
		answer, err := s.client.QueryWorkflow(s.t.Context(), run.GetID(), "", stemflow.QueryProgress)
		return err == nil && answer.Get(&p) == nil
	})
	return p
}

// control sends an update to a catalogue.
func (s *stack) control(run client.WorkflowRun, name string, args ...any) (p stemflow.CatalogProgress) {
	s.t.Helper()
	handle, err := s.client.UpdateWorkflow(s.t.Context(), client.UpdateWorkflowOptions{
		WorkflowID: run.GetID(), UpdateName: name, Args: args, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	require.NoError(s.t, err)
	require.NoError(s.t, handle.Get(s.t.Context(), &p))
	return p
}

func TestACatalogFromItsListToItsReport(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in, tracks := s.listed(8)
	before := s.result(s.start(tracks[2]))
	in.Window = 3
	result := s.catalogResult(s.startCatalog(in), patience)
	require.Equal(t, stemflow.CatalogCounts{Archived: 7, Found: 1}, result.CatalogCounts)
	require.Equal(t, 70, result.Credits)
	outcomes := s.report(result)
	for i, outcome := range outcomes {
		require.Equal(t, i+2, outcome.Line)
		require.Equal(t, tracks[i].AudioID, outcome.AudioID)
		require.Equal(t, 1, s.billed(tracks[i]))
		manifest, found := s.manifest(tracks[i])
		require.True(t, found)
		require.Equal(t, manifest.Manifest, *outcome.Manifest)
		require.Equal(t, manifest.SeparationTaskID, outcome.SeparationTaskID)
	}
	require.Equal(t, before.SeparationTaskID, outcomes[2].SeparationTaskID)

	again := s.catalogResult(s.startCatalog(in), patience)
	require.Equal(t, stemflow.CatalogCounts{Found: 8}, again.CatalogCounts)
	require.Zero(t, again.Credits)
	require.Len(t, s.sim.Bill().Charges, 8, "a second run pays only for what is not archived")
	require.NotEqual(t, result.Report, again.Report, "each run has a report of its own")
}

func TestInlineTracksAreACatalogToo(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := stemflow.SeparateCatalogInput{PollInterval: stemflow.Duration(time.Second), Prefix: "albums"}
	for range 3 {
		in.Tracks = append(in.Tracks, stemflow.SeparateStemsInput{TaskID: newID(), AudioID: newID()})
	}
	result := s.catalogResult(s.startCatalog(in), patience)
	require.Equal(t, 3, result.Archived)
	require.True(t, strings.HasPrefix(result.Report.CSV.Key, "albums/_catalogs/inline-"), result.Report.CSV.Key)
	for _, outcome := range s.report(result) {
		require.True(t, strings.HasPrefix(outcome.Manifest.Key, "albums/"+outcome.TaskID+"/"))
	}
}

func TestAWrongListIsRefusedBeforeAnythingIsPaid(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	for name, c := range map[string]struct{ list, want string }{
		"a line":  {"taskId,audioId,type\nt,a,\nt,b,karaoke\nt,a,\n", "line 3, column 3: type: is unknown, use separate_vocal, split_stem or split_stem_advanced; line 4: is the same separation as line 2"},
		"no list": {"", "source: there is no object lists/no list.csv"},
	} {
		key := "lists/" + name + ".csv"
		if c.list != "" {
			_, err := s.store.Put(t.Context(), s.bucket, key, "text/csv", strings.NewReader(c.list), int64(len(c.list)))
			require.NoError(t, err)
		}
		err := s.startCatalog(stemflow.SeparateCatalogInput{Source: &stemflow.ObjectRef{Key: key}}).
			Get(t.Context(), nil)
		var app *temporal.ApplicationError
		require.ErrorAs(t, err, &app)
		require.Equal(t, stemflow.ErrorInvalidInput, app.Type())
		require.Contains(t, app.Message(), c.want)
	}
	require.Empty(t, s.sim.Bill().Charges)
}

func TestABudgetHoldsOnTheProvidersBill(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in, _ := s.listed(12)
	budget := 75
	in.CreditBudget = &budget
	result := s.catalogResult(s.startCatalog(in), patience)
	require.Equal(t, stemflow.CatalogCounts{Archived: 7, Skipped: 5}, result.CatalogCounts)
	require.Len(t, s.sim.Bill().Charges, 7)
	for _, outcome := range s.report(result) {
		require.True(t, outcome.Status == stemflow.TrackArchived || outcome.Reason == stemflow.ReasonCreditBudget)
	}
}

// The key is refused while tracks wait; it is mended, and the catalogue goes on with every track.
func TestARefusedKeyIsMendedAndTheCatalogResumed(t *testing.T) {
	t.Parallel()
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	right := s.cfg.APIKey
	program := buildWorker(t)
	in, tracks := s.listed(6)
	in.Window = 2
	for _, track := range tracks[3:] {
		s.sim.SetScenario(
			track.AudioID,
			kiesim.Scenario{Submit: kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 401, Times: 1}},
		)
	}
	s.startProgram(program)
	run := s.startCatalog(in)
	s.await("it pauses itself", func() bool { p := s.catalogProgress(run); return p.Paused != nil && p.Running == 0 })
	p := s.catalogProgress(run)
	require.Equal(t, stemflow.ErrorUnauthorized, p.Paused.Reason)
	require.Contains(t, p.Paused.Message, "the API key is refused")
	require.Equal(t, 3, p.Archived)
	require.Zero(t, p.Failed)
	s.cfg.APIKey = right
	for s.catalogProgress(run).Phase != stemflow.CatalogDone {
		s.control(run, stemflow.UpdateResume)
		s.await("it goes on, or pauses again", func() bool {
			p := s.catalogProgress(run)
			return p.Phase == stemflow.CatalogDone || p.Paused != nil && p.Running == 0
		})
	}
	require.Equal(t, stemflow.CatalogCounts{Archived: 6}, s.catalogResult(run, patience).CatalogCounts)
	require.Len(t, s.sim.Bill().Charges, 6)
}

// A run of a track that is under way is joined by the catalogue, and left alone when the catalogue
// is cancelled; its own tracks are cancelled, and taken up by the next run.
func TestACatalogIsCancelledAndRunAgain(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in, tracks := s.listed(6)
	in.Window = 3
	for _, track := range tracks {
		s.sim.SetScenario(track.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	}
	other := s.start(tracks[0])
	run := s.startCatalog(in)
	s.await("three tracks are paid for", func() bool { return len(s.sim.Bill().Charges) == 3 })
	require.NoError(t, s.client.CancelWorkflow(t.Context(), run.GetID(), ""))
	var cancelled *temporal.CanceledError
	require.ErrorAs(t, run.Get(t.Context(), nil), &cancelled)
	var result stemflow.SeparateCatalogResult
	require.NoError(t, cancelled.Details(&result))
	require.Equal(t, 3, result.Cancelled)
	require.Equal(t, 20, result.Credits, "what the joined run pays is its own")
	outcomes := s.report(result)
	require.Len(t, outcomes, 3)
	require.True(t, outcomes[0].Joined)
	require.NotEmpty(t, outcomes[1].SeparationTaskID)
	for _, track := range tracks {
		s.sim.SetScenario(track.AudioID, kiesim.Scenario{})
	}
	for _, charge := range s.sim.Bill().Charges {
		require.NoError(t, s.sim.Settle(charge.TaskID))
	}
	require.Len(t, s.result(other).Stems, 2)

	again := s.catalogResult(s.startCatalog(in), patience)
	require.Equal(t, stemflow.CatalogCounts{Archived: 5, Found: 1}, again.CatalogCounts)
	require.Equal(t, 30, again.Credits)
	require.Len(t, s.sim.Bill().Charges, 6)
}

// smallHistories is a server that suggests to continue as new when a history has so few events.
func smallHistories(t *testing.T, events string) *devservers.Process {
	t.Helper()
	serverstest.SkipIfShort(t)
	server, err := devservers.Temporal(t.Context(), devservers.TemporalOptions{
		DynamicConfig: map[string]string{"limit.historyCount.suggestContinueAsNew": events},
	})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	return server
}

// A catalogue that continues as new again and again separates each track once, awaits what an
// earlier run of it has started, and can be paused, changed and cancelled as if it were one run.
func TestACatalogOfManyGenerations(t *testing.T) {
	t.Parallel()
	s := newStackAt(t, smallHistories(t, "60").Addr)
	s.startWorker()
	in, tracks := s.listed(24)
	in.Window = 4
	for i, track := range tracks {
		s.sim.SetScenario(
			track.AudioID,
			kiesim.Scenario{Delay: kiesim.Duration(time.Duration(i%5) * 300 * time.Millisecond)},
		)
	}
	run := s.startCatalog(in)
	first := run.GetRunID()
	s.await("some are archived", func() bool { return s.catalogProgress(run).Archived > 10 })
	require.NotNil(t, s.control(run, stemflow.UpdatePause).Paused)
	s.await("those under way have ended", func() bool { return s.catalogProgress(run).Running == 0 })
	archived := s.catalogProgress(run).Archived
	require.Equal(t, archived*10, s.catalogProgress(run).Credits)
	require.Equal(t, 6, s.control(run, stemflow.UpdateSetWindow, 6).Window)
	require.Nil(t, s.control(run, stemflow.UpdateResume).Paused)
	result := s.catalogResult(run, patience)
	require.Equal(t, stemflow.CatalogCounts{Archived: 24}, result.CatalogCounts)
	require.Equal(t, 240, result.Credits)
	require.Len(t, s.sim.Bill().Charges, 24)
	require.Len(t, s.report(result), 24)

	description, err := s.client.DescribeWorkflow(t.Context(), run.GetID(), "")
	require.NoError(t, err)
	require.NotEqual(t, first, description.RawResponse.WorkflowExecutionInfo.Execution.RunId)
	require.Less(t, description.RawResponse.WorkflowExecutionInfo.HistoryLength, int64(150))
}

// A catalogue that is cancelled while no worker is there to hear of it, and has to continue as new
// in the same workflow task, ends: the next run would not know that it is cancelled.
func TestACatalogIsCancelledWhenItWouldContinueAsNew(t *testing.T) {
	t.Parallel()
	s := newStackAt(t, smallHistories(t, "60").Addr)
	program := buildWorker(t)
	worker := s.startProgram(program)
	in, tracks := s.listed(2)
	in.Window = 1
	for _, track := range tracks {
		s.sim.SetScenario(track.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	}
	run := s.startCatalog(in)
	s.await(
		"the second track waits for the first",
		func() bool { return s.catalogProgress(run).Running == 1 && s.billed(tracks[0]) == 1 },
	)
	worker.Kill()
	for range 60 {
		require.NoError(t, s.client.SignalWorkflow(t.Context(), run.GetID(), run.GetRunID(), "nobody-listens", nil))
	}
	require.NoError(t, s.client.CancelWorkflow(t.Context(), run.GetID(), run.GetRunID()))
	s.startProgram(program)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var cancelled *temporal.CanceledError
	require.ErrorAs(t, run.Get(ctx, nil), &cancelled)
	var result stemflow.SeparateCatalogResult
	require.NoError(t, cancelled.Details(&result))
	require.Equal(t, stemflow.CatalogCounts{Cancelled: 1}, result.CatalogCounts)
	require.Equal(t, 1, s.billed(tracks[0]))
	require.Zero(t, s.billed(tracks[1]))
}

func TestACatalogOfManyGenerationsIsCancelled(t *testing.T) {
	t.Parallel()
	s := newStackAt(t, smallHistories(t, "60").Addr)
	s.startWorker()
	in, tracks := s.listed(40)
	in.Window = 5
	for _, track := range tracks[15:] {
		s.sim.SetScenario(track.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	}
	run := s.startCatalog(in)
	s.await(
		"those that end have ended",
		func() bool { p := s.catalogProgress(run); return p.Archived == 15 && p.Running == 5 },
	)
	s.await("those that do not are paid for", func() bool { return len(s.sim.Bill().Charges) == 20 })
	require.NoError(t, s.client.CancelWorkflow(t.Context(), run.GetID(), ""))
	var cancelled *temporal.CanceledError
	require.ErrorAs(t, run.Get(t.Context(), nil), &cancelled)
	var result stemflow.SeparateCatalogResult
	require.NoError(t, cancelled.Details(&result))
	require.Equal(t, stemflow.CatalogCounts{Archived: 15, Cancelled: 5}, result.CatalogCounts)
	require.Equal(t, 200, result.Credits)
	for _, outcome := range s.report(result) {
		require.NotEmpty(t, outcome.SeparationTaskID, "what is paid for is told")
	}
}
