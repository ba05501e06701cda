package workflows

import (
	"context"
	"fmt"

	"github.com/nexus-rpc/sdk-go/nexus"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/temporalnexus"

	"stemflow"
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
func NexusService(limits NexusLimits) *nexus.Service {
	service := nexus.NewService(stemflow.NexusService)
	service.MustRegister(
		temporalnexus.NewWorkflowRunOperation(
			stemflow.WorkflowSeparateStems, SeparateStems, limits.separateStemsOptions,
		),
		temporalnexus.MustNewWorkflowRunOperationWithOptions(
			temporalnexus.WorkflowRunOperationOptions[stemflow.SeparateCatalogInput, *stemflow.SeparateCatalogResult]{
				Name: stemflow.WorkflowSeparateCatalog, Handler: limits.startCatalog,
			}),
	)
	return service
}

func (l NexusLimits) separateStemsOptions(
	_ context.Context, in stemflow.SeparateStemsInput, _ nexus.StartOperationOptions,
) (client.StartWorkflowOptions, error) {
	err := in.WithDefaults().Validate()
	if err == nil {
		err = l.checkStems(in.WithDefaults())
	}
	return sharedRun(stemflow.WorkflowID(in), err)
}

func (l NexusLimits) checkStems(in stemflow.SeparateStemsInput) error {
	wrong := &stemflow.InputError{}
	if l.ForbidForce && in.Force {
		wrong.Add(stemflow.ForceForbidden())
	}
	if price := stemflow.Price(in.Type); l.CreditBudget != nil && price > *l.CreditBudget && in.SeparationTaskID == "" {
		wrong.Add(stemflow.InputProblem{Field: "type", Message: fmt.Sprintf("may cost %d credits, and an operation may "+
			"spend %d: give the separationTaskId of what is paid for, or let the operator raise STEMFLOW_NEXUS_CREDIT_BUDGET",
			price, *l.CreditBudget)})
	}
	if len(wrong.Problems) > 0 {
		return wrong
	}
	return l.Store.CheckStems(in)
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

// startCatalog leaves out the state, which the operation has no place for.
func (l NexusLimits) startCatalog(
	ctx context.Context, in stemflow.SeparateCatalogInput, operation nexus.StartOperationOptions,
) (temporalnexus.WorkflowHandle[*stemflow.SeparateCatalogResult], error) {
	in, invalid := l.boundCatalog(in)
	options, err := sharedRun(stemflow.CatalogWorkflowID(in), invalid)
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
