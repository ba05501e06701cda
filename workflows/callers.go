package workflows

import (
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow/internal/activityapi"
)

// callers are the Nexus callers that wait for a run.
type callers struct {
	// waiting are those that have joined and not left, by the ids of their workflows.
	waiting []string
	// begun says that the run was begun for one of them. Otherwise somebody else wants it too.
	begun bool
	// left says that all of them have left, which has cancelled the run.
	left   bool
	cancel workflow.CancelFunc
}

// shareRun makes a context that is cancelled too when the last Nexus caller has left a run that was
// begun for one. A run that continues another one gets its state.
func shareRun(ctx workflow.Context, state *activityapi.CatalogState) (workflow.Context, *callers) {
	ctx, cancel := workflow.WithCancel(ctx)
	c := &callers{cancel: cancel}
	if parent := workflow.GetInfo(ctx).ParentWorkflowExecution; parent != nil {
		c.begun = activityapi.IsCaller(parent.ID)
	}
	switch {
	case state != nil:
		c.waiting = slices.Clone(state.Callers)
	case c.begun:
		c.waiting = []string{workflow.GetInfo(ctx).ParentWorkflowExecution.ID}
	}
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var caller activityapi.Caller
			workflow.GetSignalChannel(ctx, activityapi.SignalCaller).Receive(ctx, &caller)
			c.heard(ctx, caller)
		}
	})
	return ctx, c
}

// readAll reads what has come and was not read yet.
func (c *callers) readAll(ctx workflow.Context) {
	var caller activityapi.Caller
	for workflow.GetSignalChannel(ctx, activityapi.SignalCaller).ReceiveAsync(&caller) {
		c.heard(ctx, caller)
		caller = activityapi.Caller{}
	}
}

// heard takes in that a caller has joined or left.
func (c *callers) heard(ctx workflow.Context, caller activityapi.Caller) {
	c.waiting = slices.DeleteFunc(c.waiting, func(id string) bool { return id == caller.WorkflowID })
	switch {
	case !caller.Left:
		c.waiting = append(c.waiting, caller.WorkflowID)
	case c.begun && len(c.waiting) == 0:
		c.left = true
		c.cancel()
	default:
		// The caller waits for it no longer than goesOnTimeout, and may have gone already.
		detached, _ := workflow.NewDisconnectedContext(ctx)
		workflow.SignalExternalWorkflow(detached, caller.WorkflowID, "", activityapi.SignalGoesOn, nil)
	}
}

// cancelled is the end of a run that was cancelled.
func (c *callers) cancelled(details any) error {
	if c.left {
		return temporal.NewCanceledError(details, activityapi.CallersLeft{CallersLeft: true})
	}
	return temporal.NewCanceledError(details)
}
