package workflows

import (
	"go.temporal.io/sdk/workflow"

	"stemflow"
)

// Registry is the part of a worker or a replayer that registration needs.
type Registry interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
}

// Register registers the workflows under their names in the contract. It allows a second registration under the same name: a
// plugin registers again at every replay.
func Register(r Registry) {
	r.RegisterWorkflowWithOptions(SeparateStems, workflow.RegisterOptions{
		Name: stemflow.WorkflowSeparateStems, DisableAlreadyRegisteredCheck: true,
		// Every release replays the histories of those before it, so a run need not keep the release that began it alive.
		VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
	})
}
