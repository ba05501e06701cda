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
	attributes := map[string]enumspb.IndexedValueType{}
	for _, name := range stemflow.SearchAttributes() {
		attributes[name] = enumspb.INDEXED_VALUE_TYPE_KEYWORD
	}
	_, err = s.client.OperatorService().AddSearchAttributes(t.Context(), &operatorservice.AddSearchAttributesRequest{
		Namespace: "default", SearchAttributes: attributes,
	})
	require.NoError(t, err)
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
