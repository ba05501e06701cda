package integration

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/kiesim"
)

func TestPollNow(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	s.sim.SetScenario(
		in.AudioID,
		kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}, Callback: kiesim.Callback{Lost: true}},
	)
	run := s.start(in)
	s.await("the separation is paid for", func() bool { return s.memo(run) != "" })
	ask := func() (answer stemflow.PollNowResult, err error) {
		s.await("the record is read", func() bool { // the one attempt of an update may be lost
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			answer = stemflow.PollNowResult{}
			var handle client.WorkflowUpdateHandle
			handle, err = s.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
				WorkflowID: run.GetID(), UpdateName: stemflow.UpdatePollNow,
				WaitForStage: client.WorkflowUpdateStageCompleted,
			})
			if err == nil {
				err = handle.Get(ctx, &answer)
			}
			return err != nil || answer.State != stemflow.RecordUnknown
		})
		return answer, err
	}
	answer, err := ask()
	require.NoError(t, err)
	require.Equal(t, stemflow.PollNowResult{SeparationTaskID: s.memo(run), State: stemflow.RecordPending}, answer)
	s.settle(in)
	answer, err = ask()
	require.NoError(t, err)
	require.Equal(t, stemflow.RecordDone, answer.State)
	require.Len(t, answer.Stems, 2)
	result := s.result(run)
	require.Equal(t, stemflow.SettledByPoll, result.SettledBy)
	s.requireArchived(in, result)
	_, err = ask()
	require.Error(t, err, "the run is over")
}
