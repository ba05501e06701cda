package main

import (
	"context"

	"github.com/spf13/cobra"

	"stemflow"
	"stemflow/internal/outcome"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/observe"
)

func init() { register(groupSeparations, newCancelCommand) }

func newCancelCommand(c *cli) *cobra.Command {
	cmd := c.newCommand("cancel", "cancel a separation that is running", `
What was paid is not lost: the provider finishes it, and starting the same track again takes it up.`,
		"cancel 5c79...be8e e231...c7dc split_stem",
		"cancel --workflow-id stems:split_stem:5c79...be8e:e231...c7dc")
	in := &stemflow.SeparateStemsInput{}
	c.trackFlags(cmd, in)
	workflowID := cmd.Flags().String("workflow-id", "", "`ID` of the workflow, in place of a track")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *workflowID != "" && (in.TaskID+in.AudioID+in.StemName != "" || in.Type != "") {
			return failure.Usage(nameOf(cmd), "--workflow-id goes without the flags of a track")
		}
		return c.cancel(cmd.Context(), *in, *workflowID)
	}
	return cmd
}

func (c *cli) cancel(ctx context.Context, in stemflow.SeparateStemsInput, workflowID string) error {
	byTrack := workflowID == ""
	if byTrack {
		if err := failure.Input(paidInput{in}); err != nil {
			return err
		}
		workflowID = stemflow.WorkflowID(in)
	}
	t, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer t.Close()
	canceled, err := requestCancel(ctx, t, workflowID, "the separation")
	if err != nil {
		return err
	}
	if !canceled {
		f := notRunning(workflowID)
		if byTrack && in.Type == "" {
			f.AddOtherTypes("running", t.OtherTypes(ctx, in, true))
		}
		return f
	}
	if c.wantsJSON() {
		c.printJSON(cancelledRun{workflowID})
		return nil
	}
	c.printf("Asked %s to stop.\n", workflowID)
	if !c.global.quiet {
		c.printf("Starting the track again goes on from there: what was paid is taken up, not paid twice.\n")
	}
	return nil
}

// cancelledRun is what --json prints of a run that is asked to stop.
type cancelledRun struct {
	WorkflowID string `json:"workflowId"`
}

// requestCancel asks the open run of a workflow to stop. It reports whether there is one; what
// names it in a failure.
func requestCancel(ctx context.Context, t *observe.Temporal, workflowID, what string) (bool, error) {
	description, err := t.Describe(ctx, workflowID, "")
	if observe.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, failure.Temporal(what+" cannot be looked at", err)
	}
	// Temporal takes the request for a run that has ended too, and nothing comes of it. It is made
	// for this run alone: the next one may be another caller's.
	info := description.GetWorkflowExecutionInfo()
	if !outcome.IsOpen(info.GetStatus()) {
		return false, nil
	}
	if err := t.Cancel(ctx, workflowID, info.GetExecution().GetRunId()); err != nil {
		return false, failure.Temporal(what+" cannot be cancelled", err)
	}
	return true, nil
}
