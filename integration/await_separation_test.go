package integration

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"stemflow"
	"stemflow/activities"
	"stemflow/internal/activityapi"
	"stemflow/kiesim"
)

// However a run ends that a catalogue awaits by looking at it, the catalogue learns it as if it
// were its own child.
func TestHowAnAwaitedRunEnded(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	look := func(run client.WorkflowRun, runID string) (end activityapi.EndedSeparation, err error) {
		var suite testsuite.WorkflowTestSuite
		suite.SetLogger(quiet())
		env := suite.NewTestActivityEnvironment()
		await := &activities.AwaitSeparation{Client: s.client}
		env.RegisterActivity(await.Execute)
		value, err := env.ExecuteActivity(
			await.Execute,
			activityapi.AwaitSeparationInput{WorkflowID: run.GetID(), RunID: runID},
		)
		if err == nil {
			require.NoError(t, value.Get(&end))
		}
		return end, err
	}
	pending := kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}}
	in := track(stemflow.SeparateVocal)
	s.sim.SetScenario(in.AudioID, pending)
	run := s.start(in)
	_, err := look(run, run.GetRunID())
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, activityapi.ActivityErrorStillRunning, app.Type())
	s.settle(in)
	result := s.result(run)
	for _, runID := range []string{run.GetRunID(), ""} {
		end, err := look(run, runID)
		require.NoError(t, err)
		require.Equal(t, activityapi.EndedSeparation{Result: &result}, end)
	}

	failing := track(stemflow.SeparateVocal)
	s.sim.SetScenario(failing.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Failure: &kiesim.Failure{Code: 531}}})
	run = s.start(failing)
	_, message, details := s.failure(run)
	end, err := look(run, run.GetRunID())
	require.NoError(t, err)
	require.Equal(
		t,
		activityapi.EndedSeparation{Reason: stemflow.ErrorSeparationFailed, Message: message, Details: &details},
		end,
	)
	require.True(t, end.Details.Paid)

	cancelled := track(stemflow.SeparateVocal)
	s.sim.SetScenario(cancelled.AudioID, pending)
	run = s.start(cancelled)
	s.awaitPhase(run, stemflow.PhaseWaiting)
	id := s.cancelled(run)
	end, err = look(run, run.GetRunID())
	require.NoError(t, err)
	require.Equal(t, stemflow.ReasonCanceled, end.Reason)
	require.Equal(t, stemflow.ErrorDetails{SeparationTaskID: id, Paid: true}, *end.Details)

	reset := track(stemflow.SeparateVocal)
	s.sim.SetScenario(reset.AudioID, pending)
	run = s.start(reset)
	s.awaitPhase(run, stemflow.PhaseWaiting)
	goesOn := s.reset(run, s.afterSubmit(run))
	_, err = look(run, run.GetRunID())
	require.ErrorAs(t, err, &app)
	require.Equal(t, activityapi.ActivityErrorStillRunning, app.Type())
	s.settle(reset)
	result = s.result(goesOn)
	end, err = look(run, run.GetRunID())
	require.NoError(t, err)
	require.Equal(t, activityapi.EndedSeparation{Result: &result}, end)

	terminated := track(stemflow.SeparateVocal)
	s.sim.SetScenario(terminated.AudioID, pending)
	run = s.start(terminated)
	require.NoError(t, s.client.TerminateWorkflow(t.Context(), run.GetID(), run.GetRunID(), "test"))
	end, err = look(run, run.GetRunID())
	require.NoError(t, err)
	require.Equal(t, stemflow.ReasonTerminated, end.Reason)
	require.Nil(t, end.Details, "it could not tell whether it had paid")

	end, err = look(run, "11111111-2222-3333-4444-555555555555")
	require.NoError(t, err)
	require.Equal(t, stemflow.ReasonLost, end.Reason)
}
