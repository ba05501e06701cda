package stemflow

import "time"

// SubmissionState is how far a paid call got, as far as the archive knows.
type SubmissionState string

const (
	// SubmissionIntended: written before the call. If it stays so, the call's outcome is unknown.
	SubmissionIntended SubmissionState = "intended"
	// SubmissionRefused: the provider surely did not accept.
	SubmissionRefused SubmissionState = "refused"
	// SubmissionPaid: accepted; SeparationTaskID names what was paid for.
	SubmissionPaid SubmissionState = "paid"
	// SubmissionFailed: paid, and the provider failed the separation for good.
	SubmissionFailed SubmissionState = "failed"
)

// Submission is the ledger of what was paid for: the content of submission.json.
type Submission struct {
	// Version is 1.
	Version int             `json:"version"`
	State   SubmissionState `json:"state"`
	Track   Track           `json:"track"`
	// SeparationTaskID is set from SubmissionPaid on.
	SeparationTaskID string `json:"separationTaskId,omitempty"`
	// WorkflowID, RunID and Attempt name the submit: the n-th of this run.
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"`
	Attempt    int    `json:"attempt"`
	// Owner is the first run of the chain that workflow resets and retries make of a run. Earlier
	// releases left it out.
	Owner string `json:"owner,omitempty"`
	// Nonce is that of the one execution that wrote the entry, and ScheduledAt when the engine had
	// scheduled it.
	Nonce       string    `json:"nonce,omitempty"`
	ScheduledAt time.Time `json:"scheduledAt,omitzero"`
	// IntendedAt is when the intent was written, just before the call; SubmittedAt when the
	// provider had answered.
	IntendedAt  time.Time `json:"intendedAt,omitzero"`
	SubmittedAt time.Time `json:"submittedAt,omitzero"`
	// ProviderCode and ProviderMessage say why, with SubmissionRefused and SubmissionFailed.
	ProviderCode    int    `json:"providerCode,omitempty"`
	ProviderMessage string `json:"providerMessage,omitempty"`
}
