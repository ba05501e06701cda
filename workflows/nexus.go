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

// NexusService offers the workflows as asynchronous Nexus operations of the same names, for callers
// in other namespaces.
func NexusService() *nexus.Service {
	service := nexus.NewService(stemflow.NexusService)
	service.MustRegister(
		temporalnexus.NewWorkflowRunOperation(stemflow.WorkflowSeparateStems, SeparateStems, separateStemsOptions),
		temporalnexus.MustNewWorkflowRunOperationWithOptions(
			temporalnexus.WorkflowRunOperationOptions[stemflow.SeparateCatalogInput, *stemflow.SeparateCatalogResult]{
				Name: stemflow.WorkflowSeparateCatalog, Handler: startCatalog,
			}),
	)
	return service
}

func separateStemsOptions(
	_ context.Context, in stemflow.SeparateStemsInput, _ nexus.StartOperationOptions,
) (client.StartWorkflowOptions, error) {
	return sharedRun(stemflow.WorkflowID(in), in.WithDefaults().Validate())
}

// startCatalog leaves out the state, which the operation has no place for.
func startCatalog(
	ctx context.Context, in stemflow.SeparateCatalogInput, operation nexus.StartOperationOptions,
) (temporalnexus.WorkflowHandle[*stemflow.SeparateCatalogResult], error) {
	options, err := sharedRun(stemflow.CatalogWorkflowID(in), in.Validate())
	if err != nil {
		return nil, err
	}
	return temporalnexus.ExecuteUntypedWorkflow[*stemflow.SeparateCatalogResult](
		ctx,
		operation,
		options,
		stemflow.WorkflowSeparateCatalog,
		in,
	)
}

// sharedRun are options that let all who ask for one thing wait for one run. What is wrong with an
// input is told here: it would not reach the workflow as it was typed.
func sharedRun(workflowID string, invalid error) (client.StartWorkflowOptions, error) {
	if invalid != nil {
		return client.StartWorkflowOptions{}, &nexus.OperationError{
			State: nexus.OperationStateFailed,
			Cause: temporal.NewNonRetryableApplicationError(
				invalid.Error(),
				stemflow.ErrorInvalidInput,
				nil,
				stemflow.ErrorDetails{},
			),
		}
	}
	return client.StartWorkflowOptions{
		ID:                       workflowID,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
	}, nil
}
