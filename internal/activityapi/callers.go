package activityapi

import "strings"

// Each Nexus caller has a small workflow of its own. It starts the run that the caller asks for, or
// joins it, and waits for it. That one caller is cancelled ends its workflow, and the run only when
// nobody else is left. Nobody but the Nexus operations starts these workflows.
//
// They take the input of the run, and return its result.
const (
	WorkflowJoinStems   = "JoinSeparateStems"
	WorkflowJoinCatalog = "JoinSeparateCatalog"
)

// ActivityAwaitCatalog reports how a run of a catalogue ended, as ActivityAwaitSeparation does for
// a run of a separation. It takes an [AwaitSeparationInput] and returns an [EndedCatalog].
const ActivityAwaitCatalog = "AwaitCatalog"

// callerPrefix begins the workflow id of a Nexus caller's own workflow.
const callerPrefix = "nexus-caller:"

// CallerWorkflowID is the workflow id for a Nexus caller, by the id of its request.
func CallerWorkflowID(requestID string) string { return callerPrefix + requestID }

// IsCaller reports whether a workflow id is that of a Nexus caller's own workflow.
func IsCaller(workflowID string) bool { return strings.HasPrefix(workflowID, callerPrefix) }

const (
	// SignalCaller tells a run of a [Caller] that has joined or left it.
	SignalCaller = "nexus-caller"
	// SignalGoesOn answers a caller that has left: others still wait for the run. It has no
	// argument. A run that nobody waits for ends instead.
	SignalGoesOn = "nexus-run-goes-on"
)

// Caller is a Nexus caller of a run, by its own workflow.
type Caller struct {
	WorkflowID string `json:"workflowId"`
	// Left: it has left the run, and had joined or started it before.
	Left bool `json:"left,omitempty"`
}

// CallersLeft is the second detail of the cancellation of a run that every Nexus caller has left.
// One that joins it at that moment starts it again.
type CallersLeft struct {
	CallersLeft bool `json:"callersLeft"`
}
