package workflows

import (
	"context"
	"fmt"

	"github.com/nexus-rpc/sdk-go/nexus"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/temporalnexus"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/allowed"
)

// NexusLimits are what callers from other namespaces may ask for.
type NexusLimits struct {
	// Store is where they may read and archive to. The activities check it too.
	Store allowed.Limits
	// ForbidForce refuses what pays again for what is paid for.
	ForbidForce bool
	// CreditBudget is the most credits that one operation may spend; nil: as many as it asks for.
	CreditBudget *int
}

// NexusService offers the workflows as asynchronous Nexus operations of the same names, for callers
// in other namespaces.
//
// All callers who ask for one thing share one run. One that is cancelled leaves it: its operation
// ends as cancelled at once, and the run goes on for the others. The last one to leave cancels the
// run, if the run was begun for a Nexus caller; one that a starter or a parent workflow has begun
// goes on for that. Who awaits a run without having started it is counted only as a Nexus caller.
func NexusService(limits NexusLimits) *nexus.Service {
	service := nexus.NewService(stemflow.NexusService)
	service.MustRegister(
		join[stemflow.SeparateStemsInput, *stemflow.SeparateStemsResult](
			stemflow.WorkflowSeparateStems, activityapi.WorkflowJoinStems,
			limits.boundStems, stemflow.WorkflowID),
		join[stemflow.SeparateCatalogInput, *stemflow.SeparateCatalogResult](
			stemflow.WorkflowSeparateCatalog, activityapi.WorkflowJoinCatalog,
			limits.boundCatalog, stemflow.CatalogWorkflowID),
	)
	return service
}

// boundStems is a track's input, which must keep to the limits.
func (l NexusLimits) boundStems(in stemflow.SeparateStemsInput) (stemflow.SeparateStemsInput, error) {
	if err := in.WithDefaults().Validate(); err != nil {
		return in, err
	}
	return in, l.checkStems(in.WithDefaults())
}

func (l NexusLimits) checkStems(in stemflow.SeparateStemsInput) error {
	wrong := &stemflow.InputError{}
	if l.ForbidForce && in.Force {
		wrong.Add(stemflow.ForceForbidden())
	}
	if price := stemflow.Price(in.Type); l.CreditBudget != nil && price > *l.CreditBudget && in.SeparationTaskID == "" {
		wrong.Add(
			stemflow.InputProblem{Field: "type", Message: fmt.Sprintf("may cost %d credits, and an operation may "+
				"spend %d: give the separationTaskId of what is paid for, or let the operator raise "+
				"STEMFLOW_NEXUS_CREDIT_BUDGET",
				price, *l.CreditBudget)},
		)
	}
	if len(wrong.Problems) > 0 {
		return wrong
	}
	return l.Store.CheckTrack(in)
}

// boundCatalog is a catalogue's input with the limits that a run of it must keep.
func (l NexusLimits) boundCatalog(in stemflow.SeparateCatalogInput) (stemflow.SeparateCatalogInput, error) {
	in.ForbidForce = in.ForbidForce || l.ForbidForce
	if l.CreditBudget != nil && in.CreditBudget == nil {
		in.CreditBudget = l.CreditBudget
	}
	if err := in.Validate(); err != nil {
		return in, err
	}
	if l.CreditBudget != nil && *in.CreditBudget > *l.CreditBudget {
		return in, &stemflow.InputError{Problems: []stemflow.InputProblem{{
			Field: "creditBudget",
			Message: fmt.Sprintf("%d is more than the %d that an operation may spend: give less, or let the "+
				"operator raise STEMFLOW_NEXUS_CREDIT_BUDGET", *in.CreditBudget, *l.CreditBudget),
		}}}
	}
	return in, l.Store.CheckCatalog(in)
}

// join is the operation that gives each caller a workflow of its own. What is wrong with an input
// is told here: it would not reach the workflow as it was typed.
func join[In, Out any](
	name, workflow string, bound func(In) (In, error), workflowID func(In) string,
) nexus.Operation[In, Out] {
	return temporalnexus.MustNewWorkflowRunOperationWithOptions(temporalnexus.WorkflowRunOperationOptions[In, Out]{
		Name: name,
		Handler: func(
			ctx context.Context, in In, operation nexus.StartOperationOptions,
		) (temporalnexus.WorkflowHandle[Out], error) {
			in, err := bound(in)
			if err != nil {
				return nil, refusedInput(err)
			}
			return temporalnexus.ExecuteUntypedWorkflow[Out](ctx, operation, client.StartWorkflowOptions{
				ID:            activityapi.CallerWorkflowID(operation.RequestID),
				StaticSummary: "a Nexus caller waits for " + workflowID(in),
			}, workflow, in)
		},
	})
}

// refusedInput is the end of an operation whose input is wrong.
func refusedInput(invalid error) error {
	return &nexus.OperationError{
		State: nexus.OperationStateFailed,
		Cause: temporal.NewNonRetryableApplicationError(
			invalid.Error(), stemflow.ErrorInvalidInput, nil, stemflow.ErrorDetails{}),
	}
}
