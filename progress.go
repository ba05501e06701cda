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
	PhaseDone       Phase = "done"
)

// StemState is where one stem stands.
type StemState string

const (
	StemArchiving StemState = "archiving"
	StemArchived  StemState = "archived"
	StemFailed    StemState = "failed"
)

// Progress answers [QueryProgress].
type Progress struct {
	Phase            Phase  `json:"phase"`
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
}

// StemProgress is one stem of [Progress]. A query cannot see the bytes of a transfer under way:
// those stand in the heartbeat details of the pending [ActivityArchiveStem] as
// [ArchiveStemHeartbeat].
type StemProgress struct {
	Name  string    `json:"name"`
	State StemState `json:"state"`
	// Size is in bytes, known once the stem is archived.
	Size int64 `json:"size,omitempty"`
}
