package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"stemflow"
)

var cancelCommand = command{
	name:    "cancel",
	summary: "cancel a separation that is running",
	about: `
  starter cancel --task-id 5c79...be8e --audio-id e231...c7dc --type split_stem
  starter cancel --workflow-id stems:split_stem:5c79...be8e:e231...c7dc

What was paid is not lost: the provider finishes it, and starting the same track again takes it up.`,
	flags: func(p *cli, set *flag.FlagSet) func(context.Context, []string) error {
		in := &stemflow.SeparateStemsInput{}
		trackFlags(set, in)
		workflowID := set.String("workflow-id", "", "`ID` of the workflow, in place of a track")
		asJSON := set.Bool("json", false, "print JSON only")
		return func(ctx context.Context, _ []string) error { return p.cancel(ctx, *in, *workflowID, *asJSON) }
	},
}

func (p *cli) cancel(ctx context.Context, in stemflow.SeparateStemsInput, workflowID string, asJSON bool) error {
	switch {
	case workflowID == "":
		if err := checkInput(in); err != nil {
			return err
		}
		workflowID = stemflow.WorkflowID(in)
	case in.TaskID+in.AudioID+in.StemName != "" || in.Type != "":
		return usageError("cancel", "--workflow-id goes without the flags of a track")
	}
	c, err := dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := requestCancel(ctx, c, workflowID); err != nil {
		return err
	}
	if asJSON {
		p.printJSON(cancelledRun{workflowID})
		return nil
	}
	fmt.Fprintf(p.stdout, "Asked %s to stop.\n"+
		"Starting the track again goes on from there: what was paid is taken up, not paid twice.\n", workflowID)
	return nil
}

// cancelledRun is what --json prints of a run that is asked to stop.
type cancelledRun struct {
	WorkflowID string `json:"workflowId"`
}

func requestCancel(ctx context.Context, c client.Client, workflowID string) error {
	description, err := describe(ctx, c, workflowID, "")
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return notRunning(workflowID)
	}
	if err != nil {
		return temporalFailure("the separation cannot be looked at", err)
	}
	// Temporal takes the request for a run that has ended too, and nothing comes of it.
	info := description.GetWorkflowExecutionInfo()
	if info.GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return notRunning(workflowID)
	}
	if err := c.CancelWorkflow(ctx, workflowID, info.GetExecution().GetRunId()); err != nil {
		return temporalFailure("the separation cannot be cancelled", err)
	}
	return nil
}
