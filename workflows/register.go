package workflows

import (
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
)

// Registry is the part of a worker or a replayer that registration needs.
type Registry interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
}

// Register registers the workflows under their names in the contract.
func Register(r Registry) {
	register(r, stemflow.WorkflowSeparateStems, SeparateStems)
	register(r, stemflow.WorkflowSeparateCatalog, SeparateCatalog)
	register(r, stemflow.WorkflowVerifyArchive, VerifyArchive)
	register(r, stemflow.WorkflowGenerateMIDI, GenerateMIDI)
	register(r, stemflow.WorkflowConvertToWAV, ConvertToWAV)
	register(r, activityapi.WorkflowRecordCallback, RecordCallback)
	register(r, activityapi.WorkflowJoinStems, JoinSeparateStems)
	register(r, activityapi.WorkflowJoinCatalog, JoinSeparateCatalog)
	register(r, activityapi.WorkflowDeliverEvent, DeliverEvent)
}

// register allows a second registration under the same name: a plugin registers again at every
// replay.
func register(r Registry, name string, w any) {
	r.RegisterWorkflowWithOptions(w, workflow.RegisterOptions{
		Name: name, DisableAlreadyRegisteredCheck: true,
		// Every release replays the histories of those before it, so a run need not keep the
		// release that began it alive.
		VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
	})
}
