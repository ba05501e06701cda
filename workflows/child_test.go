package workflows_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
)

// pipeline is a parent that knows only the contract.
func pipeline(ctx workflow.Context, in stemflow.SeparateStemsInput) (string, error) {
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: stemflow.WorkflowID(in)})
	var result stemflow.SeparateStemsResult
	err := workflow.ExecuteChildWorkflow(ctx, stemflow.WorkflowSeparateStems, in).Get(ctx, &result)
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return app.Type(), nil
	}
	return result.SeparationTaskID, err
}

func TestParentCallsItAsAChild(t *testing.T) {
	for name, c := range map[string]struct {
		in   stemflow.SeparateStemsInput
		want string
	}{
		"and takes its result":         {input(), separationID},
		"and branches on its failures": {stemflow.SeparateStemsInput{TaskID: "task"}, stemflow.ErrorInvalidInput},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t)
			w.env.RegisterWorkflow(pipeline)
			w.env.RegisterDelayedCallback(func() {
				_ = w.env.SignalWorkflowByID(
					stemflow.WorkflowID(c.in),
					stemflow.SignalSeparationCallback,
					success(separationID),
				)
			}, time.Minute)
			w.env.ExecuteWorkflow(pipeline, c.in)
			require.NoError(t, w.env.GetWorkflowError())
			var got string
			require.NoError(t, w.env.GetWorkflowResult(&got))
			require.Equal(t, c.want, got)
		})
	}
}
