package stemflow

import "time"

// Phase is where a run stands.
type Phase string

// The phases of a run, in their order.
const (
	PhasePreparing  Phase = "preparing"  // looking at the archive
	PhaseSubmitting Phase = "submitting" // making the paid call, or waiting for its turn
	PhaseWaiting    Phase = "waiting"    // waiting for the callback
	PhasePolling    Phase = "polling"    // the callback did not come in time: polling, and still listening
	PhaseArchiving  Phase = "archiving"  // moving stems to the archive
	PhaseMIDI       Phase = "midi"       // making the MIDI of what is archived
	PhaseDone       Phase = "done"
	// PhaseCancelling: the run was asked to stop, and brings what it has paid for into safety.
	PhaseCancelling Phase = "cancelling"
	// PhaseFailed and PhaseCancelled: the run came to an end without a result. Failure says why.
	PhaseFailed    Phase = "failed"
	PhaseCancelled Phase = "cancelled"
)

// RunFailure is why a run has ended without a result, as its progress says it.
type RunFailure struct {
	// Type is the error type, or ReasonCanceled.
	Type    string `json:"type"`
	Message string `json:"message"`
	// Remedy says what to do. Names of input fields and variables are in backticks.
	Remedy string `json:"remedy,omitempty"`
}

// StemState is where one stem stands.
type StemState string

const (
	StemArchiving StemState = "archiving"
	StemArchived  StemState = "archived"
	StemFailed    StemState = "failed"
)

// Progress answers [QueryProgress].
type Progress struct {
	Phase Phase `json:"phase"`
	// Title is that of the input.
	Title            string `json:"title,omitempty"`
	SeparationTaskID string `json:"separationTaskId,omitempty"`
	// SubmissionUnknown reports that the outcome of the paid call is not known and that the run
	// waits for the callback to learn it.
	SubmissionUnknown bool      `json:"submissionUnknown,omitempty"`
	SettledBy         SettledBy `json:"settledBy,omitempty"`
	// PollingFrom is when polling takes over from the callback, Deadline when the run gives up
	// waiting.
	PollingFrom time.Time      `json:"pollingFrom,omitzero"`
	Deadline    time.Time      `json:"deadline,omitzero"`
	Stems       []StemProgress `json:"stems,omitempty"`
	// Paid is as in the result and in [ErrorDetails]. Credits is what a separation that the run
	// paid for costs, by the documented price; 0 while it is not known whether it paid.
	Paid    bool `json:"paid,omitempty"`
	Credits int  `json:"credits,omitempty"`
	// Manifest is set once the track is archived.
	Manifest *ObjectRef `json:"manifest,omitempty"`
	// Failure is set once the run is about to end without a result, EndedAt when it ends.
	Failure *RunFailure `json:"failure,omitempty"`
	EndedAt time.Time   `json:"endedAt,omitzero"`
}

// StemProgress is one stem of [Progress]. A query cannot see the bytes of a transfer under way:
// those are in the heartbeat details of the pending activity ArchiveStem, as "bytes" of
// "total".
type StemProgress struct {
	Name  string    `json:"name"`
	State StemState `json:"state"`
	// Size is in bytes, known once the stem is archived.
	Size int64 `json:"size,omitempty"`
}
