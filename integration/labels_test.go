package integration

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/servers"
	"stemflow/kiesim"
)

// A namespace that knows the search attributes lists runs by them; on the shared server, which does not know them, every other test
// shows that nothing fails for the want of them.
func TestRunsAreListedBySearchAttribute(t *testing.T) {
	t.Parallel()
	server, err := servers.Temporal(t.Context(), servers.TemporalOptions{})
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
	query := fmt.Sprintf("%s = '%s' AND %s = '%s' AND %s = 'separate_vocal' AND %s = '%s' AND %s = 'callback'",
		stemflow.SearchAttributeTaskID, in.TaskID, stemflow.SearchAttributeAudioID, in.AudioID, stemflow.SearchAttributeType,
		stemflow.SearchAttributeSeparationTaskID, result.SeparationTaskID, stemflow.SearchAttributeSettledBy)
	s.await("the run is listed", func() bool {
		list, err := s.client.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: query})
		return err == nil && len(list.Executions) == 1 && list.Executions[0].Execution.WorkflowId == stemflow.WorkflowID(in)
	})
}

func TestPollNow(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	s.sim.SetKnobs(in.AudioID, kiesim.Knobs{Delay: kiesim.Duration(3 * time.Second), Callback: kiesim.Callback{Lost: true}})
	run := s.start(in)
	s.await("the separation is paid for", func() bool { return s.memo(run) != "" })
	ask := func() (answer stemflow.PollNowResult, err error) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		handle, err := s.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
			WorkflowID: run.GetID(), UpdateName: stemflow.UpdatePollNow, WaitForStage: client.WorkflowUpdateStageCompleted,
		})
		if err == nil {
			err = handle.Get(ctx, &answer)
		}
		return answer, err
	}
	answer, err := ask()
	require.NoError(t, err)
	require.Equal(t, stemflow.PollNowResult{SeparationTaskID: s.memo(run), State: stemflow.RecordPending}, answer)
	s.await("the provider is done", func() bool {
		answer, err = ask()
		return err != nil || answer.State == stemflow.RecordDone
	})
	require.NoError(t, err)
	require.Len(t, answer.Stems, 2)
	result := s.result(run)
	require.Equal(t, stemflow.SettledByPoll, result.SettledBy)
	s.requireArchived(in, result)
	_, err = ask()
	require.Error(t, err, "the run is over")
}
