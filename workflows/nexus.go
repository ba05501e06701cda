package workflows

import (
	"context"

	"github.com/nexus-rpc/sdk-go/nexus"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/temporalnexus"

	"stemflow"
)

// NexusService offers the workflows as asynchronous Nexus operations of the same names, for callers in other namespaces.
func NexusService() *nexus.Service {
	service := nexus.NewService(stemflow.NexusService)
	service.MustRegister(temporalnexus.NewWorkflowRunOperation(stemflow.WorkflowSeparateStems, SeparateStems, separateStemsOptions))
	return service
}

// separateStemsOptions let all who ask for one track wait for one run. What is wrong with an input is told here: it would not reach the
// workflow as it was typed.
func separateStemsOptions(
	_ context.Context, in stemflow.SeparateStemsInput, _ nexus.StartOperationOptions,
) (client.StartWorkflowOptions, error) {
	if err := in.WithDefaults().Validate(); err != nil {
		return client.StartWorkflowOptions{}, &nexus.OperationError{
			State: nexus.OperationStateFailed,
			Cause: temporal.NewNonRetryableApplicationError(err.Error(), stemflow.ErrorInvalidInput, nil, stemflow.ErrorDetails{}),
		}
	}
	return client.StartWorkflowOptions{
		ID:                       stemflow.WorkflowID(in),
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
	}, nil
}
