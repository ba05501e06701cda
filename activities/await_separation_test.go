package activities

import (
	"context"
	"testing"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/activityapi"
)

// runOfStatus is a client that knows one run, which nobody may wait for.
type runOfStatus struct {
	client.Client
	status enumspb.WorkflowExecutionStatus
}

func (c runOfStatus) DescribeWorkflow(
	context.Context, string, string,
) (*client.WorkflowExecutionDescription, error) {
	return &client.WorkflowExecutionDescription{RawResponse: &workflowservice.DescribeWorkflowExecutionResponse{
		WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{
			Type: &commonpb.WorkflowType{Name: stemflow.WorkflowSeparateStems}, Status: c.status,
		},
	}}, nil
}

func TestOpenRunsAreAskedAboutAgain(t *testing.T) {
	for _, status := range []enumspb.WorkflowExecutionStatus{
		enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED,
	} {
		await := AwaitSeparation{Client: runOfStatus{status: status}}
		_, err := await.Execute(t.Context(), activityapi.AwaitSeparationInput{WorkflowID: "stems:split_stem:5c79:e231"})
		requireType(t, err, activityapi.ActivityErrorStillRunning)
	}
}
