package verify

import (
	"context"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"stemflow/internal/outcome"
)

// RunsIn asks a Temporal client. A run that Temporal does not know is over: its retention has
// passed.
func RunsIn(c client.Client) func(ctx context.Context, workflowID string) (Run, error) {
	return func(ctx context.Context, workflowID string) (Run, error) {
		run, err := c.DescribeWorkflow(ctx, workflowID, "")
		switch err.(type) {
		case nil:
			if outcome.IsOpen(run.Status) {
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
