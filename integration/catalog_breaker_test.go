package integration

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/kiesim"
)

// setScenarioOfAll sets the scenario of all tracks of a catalogue.
func (s *stack) setScenarioOfAll(tracks []stemflow.SeparateStemsInput, scenario kiesim.Scenario) {
	for _, in := range tracks {
		s.sim.SetScenario(in.AudioID, scenario)
	}
}

// awaitOwnPause waits until a catalogue has paused by itself and nothing is under way.
func (s *stack) awaitOwnPause(run client.WorkflowRun) (p stemflow.CatalogProgress) {
	s.t.Helper()
	s.await("the catalogue has paused by itself", func() bool {
		p = s.catalogProgress(run)
		return p.Paused != nil && p.Paused.Reason != stemflow.PauseRequested && p.Running == 0
	})
	return p
}

// A provider that fails every task is paid for three tracks of forty. After the pause one more
// shows that it still fails, and when it is mended the rest is separated.
func TestADeadProviderCostsACatalogAHandful(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in, tracks := s.listed(40)
	s.setScenarioOfAll(tracks, kiesim.Scenario{Outcome: kiesim.Outcome{Failure: &kiesim.Failure{}}})
	run := s.startCatalog(in)

	p := s.awaitOwnPause(run)
	require.Equal(t, stemflow.ErrorSeparationFailed, p.Paused.Reason)
	require.Contains(t, p.Paused.Message, "the last 3 tracks that were paid for failed and cost 10 + 10 + 10 credits")
	require.Equal(t, 3, p.Failed)
	require.Equal(t, 30, p.Credits)
	require.Len(t, s.sim.Bill().Charges, 3)

	require.True(t, s.control(run, stemflow.UpdateResume).Trial)
	p = s.awaitOwnPause(run)
	require.Contains(t, p.Paused.Message, "the one track that was tried after the pause failed too and cost 10 credits")
	require.Len(t, s.sim.Bill().Charges, 4)

	s.setScenarioOfAll(tracks, kiesim.Scenario{})
	s.control(run, stemflow.UpdateResume)
	result := s.catalogResult(run, patience)
	require.Equal(t, stemflow.CatalogCounts{Archived: 36, Failed: 4}, result.CatalogCounts)
	require.Equal(t, 400, result.Credits)
	require.Len(t, s.sim.Bill().Charges, 40)
	s.report(result)
}

// Two catalogues share tracks, and the one that has started them is cancelled: the other separates
// them, and pays for what is not paid for.
func TestACatalogTakesOverWhatAnotherOneGivesUp(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in, tracks := s.listed(3)
	s.setScenarioOfAll(tracks, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	first := s.startCatalog(in)
	s.await("all are paid for", func() bool { return len(s.sim.Bill().Charges) == 3 })
	more := append([]stemflow.SeparateStemsInput{track(stemflow.SeparateVocal)}, tracks...)
	second := s.startCatalog(s.list(more))
	s.await("the second has joined them", func() bool {
		p := s.catalogProgress(second)
		return p.Archived == 1 && p.Running == 3 && p.Reserved == 0
	})
	require.NoError(t, s.client.CancelWorkflow(t.Context(), first.GetID(), ""))
	var cancelled *temporal.CanceledError
	require.ErrorAs(t, first.Get(t.Context(), nil), &cancelled)

	s.await("the second has runs of its own", func() bool {
		for _, in := range tracks {
			d, err := s.client.DescribeWorkflow(t.Context(), stemflow.WorkflowID(in), "")
			if err != nil ||
				d.RawResponse.GetWorkflowExecutionInfo().GetParentExecution().GetWorkflowId() != second.GetID() {
				return false
			}
		}
		return true
	})
	for _, charge := range s.sim.Bill().Charges[:3] {
		require.NoError(t, s.sim.Settle(charge.TaskID))
	}
	result := s.catalogResult(second, patience)
	require.Equal(t, stemflow.CatalogCounts{Archived: 4}, result.CatalogCounts)
	require.Equal(t, 10, result.Credits, "the first has paid for the others")
	for _, outcome := range s.report(result) {
		require.False(t, outcome.Joined)
	}
	require.Len(t, s.sim.Bill().Charges, 4)
}
