package stemflow

// PollNowResult answers [UpdatePollNow]: what the provider's record said when it was asked.
type PollNowResult struct {
	SeparationTaskID string      `json:"separationTaskId"`
	State            RecordState `json:"state"`
	// Stems are the names of the stems that have a link.
	Stems []string `json:"stems,omitempty"`
	// ProviderCode is the provider's, of a separation that failed.
	ProviderCode int `json:"providerCode,omitempty"`
	// Message says more about a state other than pending and done.
	Message string `json:"message,omitempty"`
}

// RecordState is how a separation stands by the provider's record.
type RecordState string

const (
	RecordPending RecordState = "pending" // at work, or done without a link yet
	RecordDone    RecordState = "done"
	RecordFailed  RecordState = "failed"
	RecordUnknown RecordState = "unknown" // the record could not be read, or there is none yet
)
