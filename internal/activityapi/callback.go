package activityapi

import (
	"context"

	"stemflow"
)

// WorkflowRecordCallback puts what a callback names on the ledger when the run that it was for is
// over. The callback bridge starts it; nobody else needs to. It takes a [RecordCallbackInput],
// hears [stemflow.SignalSeparationCallback], and returns a [RecordedCallback].
const WorkflowRecordCallback = "RecordCallback"

// ActivityAdoptCallback puts a separation that a callback named on the ledger, if the provider's
// record proves whose it is.
const ActivityAdoptCallback = "AdoptCallback"

// RecordCallbackWorkflowID is the id under which callbacks for one owner are recorded, whatever
// separations they name.
func RecordCallbackWorkflowID(owner string) string { return "stems-callback:" + owner }

// CallbackRecorder has a callback recorded whose run is over. It returns once Temporal has accepted
// that, or had done so before.
type CallbackRecorder interface {
	RecordCallback(
		ctx context.Context, namespace, taskQueue string, in RecordCallbackInput, callback stemflow.Callback,
	) error
}

// RecordCallbackInput says whose callbacks are recorded. All of it comes from the signed token in
// the callback's address.
type RecordCallbackInput struct {
	// WorkflowID is the workflow that submitted, and Owner the first run of its chain.
	WorkflowID string `json:"workflowId"`
	Owner      string `json:"owner"`
	// Track is what was submitted.
	Track stemflow.Track `json:"track"`
}

// AdoptCallbackInput asks for a separation that a callback named to be put on the ledger of its
// track.
type AdoptCallbackInput struct {
	SeparationTaskID string `json:"separationTaskId"`
	// WorkflowID is the workflow that must have submitted it. Owner, where given, is the first run
	// of the chain that must have.
	WorkflowID string `json:"workflowId"`
	Owner      string `json:"owner,omitempty"`
	// Track serves where the record's callback address does not name one: it is believed only if
	// its ledger knows the owner.
	Track stemflow.Track `json:"track"`
}

// CallbackOutcome is what became of a callback that came for a run that is over.
type CallbackOutcome string

const (
	// CallbackRecorded: the ledger names the separation now.
	CallbackRecorded CallbackOutcome = "recorded"
	// CallbackKnown: the ledger named the separation already.
	CallbackKnown CallbackOutcome = "known"
	// CallbackLeft: the ledger speaks of another payment, which stays, or of no run that the
	// callback could be for.
	CallbackLeft CallbackOutcome = "left"
)

// RecordedCallback is what became of a callback that came for a run that is over.
type RecordedCallback struct {
	SeparationTaskID string          `json:"separationTaskId"`
	Owner            string          `json:"owner"`
	Outcome          CallbackOutcome `json:"outcome"`
}
