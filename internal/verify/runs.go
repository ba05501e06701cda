package verify

import (
	"context"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
)

// RunsIn asks a Temporal client. A run that Temporal does not know is over: its retention has
// passed.
func RunsIn(c client.Client) func(ctx context.Context, workflowID string) (Run, error) {
	return func(ctx context.Context, workflowID string) (Run, error) {
		run, err := c.DescribeWorkflow(ctx, workflowID, "")
		switch err.(type) {
		case nil:
			switch run.Status {
			case enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED:
				return RunOpen, nil
			}
			return RunOver, nil
		case *serviceerror.NotFound, *serviceerror.InvalidArgument: // a ledger may name anything
			return RunOver, nil
		default:
			return RunUnknown, err
		}
	}
}
