package integration

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"

	"stemflow"
	"stemflow/internal/devservers"
	"stemflow/internal/devservers/serverstest"
	"stemflow/kiesim"
)

// A namespace that knows the search attributes lists runs by them; on the shared server, which does
// not know them, every other test shows that nothing fails for the want of them.
func TestRunsAreListedBySearchAttribute(t *testing.T) {
	serverstest.SkipIfShort(t)
	t.Parallel()
	server, err := devservers.Temporal(t.Context(), devservers.TemporalOptions{})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	s := newStackAt(t, server.Addr)
	s.addSearchAttributes()
	s.startWorker()
	in := track(stemflow.SeparateVocal)
	result := s.result(s.start(in))
	query := fmt.Sprintf(
		"%s = '%s' AND %s = '%s' AND %s = 'separate_vocal' AND %s = '%s' AND %s = 'callback'",
		stemflow.SearchAttributeTaskID,
		in.TaskID,
		stemflow.SearchAttributeAudioID,
		in.AudioID,
		stemflow.SearchAttributeType,
		stemflow.SearchAttributeSeparationTaskID,
		result.SeparationTaskID,
		stemflow.SearchAttributeSettledBy,
	)
	s.await("the run is listed", func() bool {
		list, err := s.client.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: query})
		return err == nil && len(list.Executions) == 1 &&
			list.Executions[0].Execution.WorkflowId == stemflow.WorkflowID(in)
	})
}

// Runs under way go on without the search attributes once these are taken away: after a while, and
// in the very moment in which a run has been told that they are there.
func TestSearchAttributesAreTakenAway(t *testing.T) {
	serverstest.SkipIfShort(t)
	t.Parallel()
	for name, c := range map[string]struct {
		settledAtOnce bool
	}{
		"long before they are set": {false},
		"just before they are set": {true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, err := devservers.Temporal(t.Context(), devservers.TemporalOptions{})
			require.NoError(t, err)
			t.Cleanup(server.Stop)
			s := newStackAt(t, server.Addr)
			s.addSearchAttributes()
			s.startWorker()
			in := track(stemflow.SeparateVocal)
			s.sim.SetScenario(in.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
			run := s.start(in)
			s.awaitPhase(run, stemflow.PhaseWaiting)
			if c.settledAtOnce {
				// Another run makes the worker ask, so that it takes its answer for a fresh one.
				s.result(s.start(track(stemflow.SeparateVocal)))
			}
			_, err = s.client.OperatorService().RemoveSearchAttributes(t.Context(),
				&operatorservice.RemoveSearchAttributesRequest{
					Namespace: "default", SearchAttributes: stemflow.SearchAttributes(),
				})
			require.NoError(t, err)
			s.await("they are gone", func() bool {
				_, err := s.client.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
					Query: stemflow.SearchAttributeTaskID + " = 'x'",
				})
				return err != nil
			})
			s.settle(in)
			s.requireArchived(in, s.result(run))
			failed := 0
			for _, event := range s.history(run) {
				if event.GetWorkflowTaskFailedEventAttributes() != nil {
					failed++
				}
			}
			t.Logf("%d workflow tasks failed", failed)
			require.Equal(t, 1, s.billed(in))
		})
	}
}

// hasSearchAttributes reports whether stemflow's are registered.
func (s *stack) hasSearchAttributes() bool {
	s.t.Helper()
	known, err := s.client.OperatorService().ListSearchAttributes(s.t.Context(),
		&operatorservice.ListSearchAttributesRequest{Namespace: "default"})
	require.NoError(s.t, err)
	_, found := known.CustomAttributes[stemflow.SearchAttributeTaskID]
	return found
}

// addSearchAttributes registers stemflow's search attributes, and returns when they can be used.
func (s *stack) addSearchAttributes() {
	s.t.Helper()
	attributes := map[string]enumspb.IndexedValueType{}
	for _, name := range stemflow.SearchAttributes() {
		attributes[name] = enumspb.INDEXED_VALUE_TYPE_KEYWORD
	}
	_, err := s.client.OperatorService().AddSearchAttributes(s.t.Context(), &operatorservice.AddSearchAttributesRequest{
		Namespace: "default", SearchAttributes: attributes,
	})
	require.NoError(s.t, err)
	s.await("they are there", func() bool {
		_, err := s.client.ListWorkflow(s.t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
			Query: stemflow.SearchAttributeTaskID + " = 'x'",
		})
		return err == nil
	})
}
