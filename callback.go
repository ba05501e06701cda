package stemflow

// CodeOK is the provider's code for success, in its answers and callbacks.
const CodeOK = 200

// Callback is the payload of [SignalSeparationCallback]: what the provider's webhook said, whatever
// its dialect. It is a hint. The provider signs no body, so a run believes the provider's record
// and takes links from here only when the record has none.
type Callback struct {
	// TaskID is the separation task that the callback speaks of.
	TaskID string `json:"taskId"`
	// Code is CodeOK for success, and 0 where the callback does not say how the task ended. Message
	// is the provider's text for it.
	Code    int    `json:"code"`
	Message string `json:"message,omitempty"`
	// Stems are the stems with a link, no more than MaxStems; OriginURL is the unseparated track,
	// where given.
	Stems     []SourceStem `json:"stems,omitempty"`
	OriginURL string       `json:"originUrl,omitempty"`
}

// SourceStem is a stem as the provider serves it.
type SourceStem struct {
	// Name is canonical and unique within its separation.
	Name string `json:"name"`
	// URL is where it can be fetched, for some days.
	URL string `json:"url"`
	// SourceID and DurationSeconds are the provider's, where it gives them.
	SourceID        string  `json:"sourceId,omitempty"`
	DurationSeconds float64 `json:"durationSeconds,omitempty"`
}
