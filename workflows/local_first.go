package workflows

import (
	"errors"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// localFirst runs a short activity within the workflow task at hand, as a local one: no dispatch,
// no workflow task to hear of its end, one event in place of six. What fails there for a passing
// reason is scheduled as an ordinary activity, with the options that ctx carries: the engine
// retries that, in everybody's sight.
func localFirst(ctx workflow.Context, activity string, in, out any) error {
	local := localOptions(ctx, workflow.GetActivityOptions(ctx).Summary)
	err := workflow.ExecuteLocalActivity(local, activity, in).Get(ctx, out)
	var app *temporal.ApplicationError
	if err == nil || temporal.IsCanceledError(err) || errors.As(err, &app) && app.NonRetryable() {
		return err
	}
	return workflow.ExecuteActivity(ctx, activity, in).Get(ctx, out)
}
