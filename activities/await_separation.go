package activities

import (
	"context"
	"errors"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/outcome"
)

// AwaitSeparation reports how a run of a separation ended that is not, or no longer, a child of the
// run that asks.
type AwaitSeparation struct {
	// Client is the host's. It may be missing only where no worker runs.
	Client client.Client
}

// Execute fails, to be retried, with ActivityErrorStillRunning: between two looks it occupies no
// worker, whose room the run that is awaited may need.
func (a *AwaitSeparation) Execute(
	ctx context.Context,
	in activityapi.AwaitSeparationInput,
) (*activityapi.EndedSeparation, error) {
	if a.Client == nil {
		return nil, final("", "this host has no client with which to look at "+in.WorkflowID, nil)
	}
	description, err := a.Client.DescribeWorkflow(ctx, in.WorkflowID, in.RunID)
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return &activityapi.EndedSeparation{
			Reason: stemflow.ReasonLost,
			Message: "Temporal does not know the run any more: start the catalogue again, which pays for nothing " +
				"that is paid for",
		}, nil
	}
	if err != nil {
		return nil, err
	}
	info := description.RawResponse.GetWorkflowExecutionInfo()
	if info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return nil, expected(activityapi.ActivityErrorStillRunning, in.WorkflowID+" goes on")
	}
	result := &stemflow.SeparateStemsResult{}
	err = a.Client.GetWorkflow(ctx, in.WorkflowID, info.GetExecution().GetRunId()).Get(ctx, result)
	if err == nil {
		return &activityapi.EndedSeparation{Result: result}, nil
	}
	if end, ok := outcome.FromError(err); ok {
		return &end, nil
	}
	return nil, err
}
