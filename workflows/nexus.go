package workflows

import (
	"context"

	"github.com/nexus-rpc/sdk-go/nexus"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/temporalnexus"

	"stemflow"
	"stemflow/internal/activityapi"
)

// NexusService offers the workflows as asynchronous Nexus operations of the same names, for callers
// in other namespaces.
//
// All callers who ask for one thing share one run. One that is cancelled leaves it: its operation
// ends as cancelled at once, and the run goes on for the others. The last one to leave cancels the
// run, if the run was begun for a Nexus caller; one that a starter or a parent workflow has begun
// goes on for that. Who awaits a run without having started it is counted only as a Nexus caller.
func NexusService() *nexus.Service {
	service := nexus.NewService(stemflow.NexusService)
	service.MustRegister(
		join[stemflow.SeparateStemsInput, *stemflow.SeparateStemsResult](
			stemflow.WorkflowSeparateStems, activityapi.WorkflowJoinStems,
			func(in stemflow.SeparateStemsInput) (string, error) {
				return stemflow.WorkflowID(in), in.WithDefaults().Validate()
			}),
		join[stemflow.SeparateCatalogInput, *stemflow.SeparateCatalogResult](
			stemflow.WorkflowSeparateCatalog, activityapi.WorkflowJoinCatalog,
			func(in stemflow.SeparateCatalogInput) (string, error) {
				return stemflow.CatalogWorkflowID(in), in.Validate()
			}),
	)
	return service
}

// join is the operation that gives each caller a workflow of its own. What is wrong with an input
// is told here: it would not reach the workflow as it was typed.
func join[In, Out any](name, workflow string, check func(In) (workflowID string, err error)) nexus.Operation[In, Out] {
	return temporalnexus.MustNewWorkflowRunOperationWithOptions(temporalnexus.WorkflowRunOperationOptions[In, Out]{
		Name: name,
		Handler: func(
			ctx context.Context, in In, operation nexus.StartOperationOptions,
		) (temporalnexus.WorkflowHandle[Out], error) {
			workflowID, err := check(in)
			if err != nil {
				return nil, &nexus.OperationError{
					State: nexus.OperationStateFailed,
					Cause: temporal.NewNonRetryableApplicationError(
						err.Error(), stemflow.ErrorInvalidInput, nil, stemflow.ErrorDetails{}),
				}
			}
			return temporalnexus.ExecuteUntypedWorkflow[Out](ctx, operation, client.StartWorkflowOptions{
				ID:            activityapi.CallerWorkflowID(operation.RequestID),
				StaticSummary: "a Nexus caller waits for " + workflowID,
			}, workflow, in)
		},
	})
}
