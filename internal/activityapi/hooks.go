package activityapi

import (
	"slices"

	"stemflow"
)

// WorkflowDeliverEvent delivers an event to the hooks. Runs start it as a child that they abandon,
// so that no result waits for a receiver. It takes a [DeliverEventInput].
const WorkflowDeliverEvent = "DeliverEvent"

const (
	// ActivityListHooks takes nothing and returns the [Hooks] of the worker.
	ActivityListHooks = "ListHooks"
	// ActivityDeliverToHook delivers an event to one hook. It takes a [DeliverToHookInput].
	ActivityDeliverToHook = "DeliverToHook"
)

// ErrorNotDelivered is the error type with which a delivery ends that at least one hook has not
// taken, and that of each attempt.
const ErrorNotDelivered = "EventNotDelivered"

// The hooks.
const (
	HookWebhook  = "webhook"
	HookCommand  = "command"
	HookNotifier = "notifier"
)

// DeliveryWorkflowID is the workflow id of the delivery of an event. What was delivered under it is
// not delivered again.
func DeliveryWorkflowID(eventID string) string { return "stems-event:" + eventID }

// Hooks are those of a worker, and what they are told.
type Hooks struct {
	Names []string `json:"names,omitempty"`
	// Events are empty for all.
	Events []stemflow.EventType `json:"events,omitempty"`
}

// Take reports whether there are hooks that are told of such an event.
func (h Hooks) Take(event stemflow.EventType) bool {
	return len(h.Names) > 0 && (len(h.Events) == 0 || slices.Contains(h.Events, event))
}

// DeliverEventInput asks for an event to be delivered.
type DeliverEventInput struct {
	Hooks []string       `json:"hooks"`
	Event stemflow.Event `json:"event"`
}

// DeliverToHookInput asks for an event to be delivered to one hook.
type DeliverToHookInput struct {
	Hook  string         `json:"hook"`
	Event stemflow.Event `json:"event"`
}
