package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"stemflow"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/observe"
	"stemflow/starter/internal/view"
)

func init() { register(groupSeparations, newWatchCommand) }

func newWatchCommand(c *cli) *cobra.Command {
	cmd := c.newCommand("watch", "show the progress of a separation, without ever starting one", `
Shows the separation of a track until it ends, as "start --wait" does. If it has ended already, its
end is shown.`,
		"watch 5c79...be8e e231...c7dc split_stem")
	in := &stemflow.SeparateStemsInput{}
	c.trackFlags(cmd, in)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return c.watch(cmd.Context(), *in) }
	return cmd
}

func (c *cli) watch(ctx context.Context, in stemflow.SeparateStemsInput) error {
	if err := failure.Input(in); err != nil {
		return err
	}
	cfg, err := c.config()
	if err != nil {
		return failure.Configuration(err)
	}
	t, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer t.Close()
	id := stemflow.WorkflowID(in)
	description, err := t.Describe(ctx, id, "")
	if observe.IsNotFound(err) {
		f := notRunning(id)
		if in.Type == "" {
			f.AddOtherTypes("there", t.OtherTypes(ctx, in, false))
		}
		return f
	}
	if err != nil {
		return failure.Temporal("the separation cannot be looked at", err)
	}
	run := t.GetWorkflow(ctx, id, description.GetWorkflowExecutionInfo().GetExecution().GetRunId())
	fmt.Fprintf(c.progress(), "Watching %s\n", view.Title(in))
	return c.wait(ctx, t, cfg, run, in)
}

func notRunning(workflowID string) *failure.Failure {
	return &failure.Failure{
		Type: failure.TypeNotRunning, Message: "no separation " + workflowID + " is running", Code: failure.ExitFailed,
		Hint: `"` + failure.Command + ` show" reports whether it is archived; "temporal workflow list" lists what is ` +
			`running.`,
	}
}
