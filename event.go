package stemflow

import "time"

// EventType is what an [Event] is about.
type EventType string

const (
	// EventSeparationArchived: a separation has ended, and its track is archived.
	EventSeparationArchived EventType = "separation.archived"
	// EventSeparationFailed: a separation has ended without a result.
	EventSeparationFailed EventType = "separation.failed"
	// EventSeparationCancelled: a separation was cancelled, and has ended.
	EventSeparationCancelled EventType = "separation.cancelled"
	// EventCatalogEnded: a catalogue has ended, to its end or early.
	EventCatalogEnded EventType = "catalog.ended"
	// EventCatalogPaused: a catalogue starts no more tracks, by itself or because it was asked to.
	EventCatalogPaused EventType = "catalog.paused"
)

// EventTypes returns all types of events.
func EventTypes() []EventType {
	return []EventType{
		EventSeparationArchived, EventSeparationFailed, EventSeparationCancelled, EventCatalogEnded, EventCatalogPaused,
	}
}

// Event is what hooks are told: the body of a webhook, and the standard input of a command. It has
// no secret and no link, and less than [MaxEventBytes] as JSON.
type Event struct {
	// ID is the same however often the event is delivered, and whoever resets the run that it is
	// about: receivers ignore one that they have seen.
	ID        string    `json:"id"`
	Type      EventType `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      EventData `json:"data"`
}

// MaxEventBytes bounds an event as JSON. Most have less than 10 KB.
const MaxEventBytes = 256 << 10

// EventData is which run an event is about, and what became of it. One of Separation and Catalog is
// set.
type EventData struct {
	Namespace  string `json:"namespace"`
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"`
	// ParentWorkflowID is the workflow that started the run as its child: of a catalogue's track,
	// the catalogue.
	ParentWorkflowID string           `json:"parentWorkflowId,omitempty"`
	Separation       *SeparationEvent `json:"separation,omitempty"`
	Catalog          *CatalogEvent    `json:"catalog,omitempty"`
}

// SeparationEvent is how a separation ended.
type SeparationEvent struct {
	Track Track `json:"track"`
	// Title is that of the input, or the name of a song of one's own.
	Title            string    `json:"title,omitempty"`
	SeparationTaskID string    `json:"separationTaskId,omitempty"`
	SettledBy        SettledBy `json:"settledBy,omitempty"`
	// Paid and Credits are as in [Progress].
	Paid    bool `json:"paid"`
	Credits int  `json:"credits"`
	// Manifest and Stems are what is archived.
	Manifest *ObjectRef  `json:"manifest,omitempty"`
	Stems    []EventStem `json:"stems,omitempty"`
	// Failed and Missing name the stems that are not, as in the result.
	Failed  []string `json:"failed,omitempty"`
	Missing []string `json:"missing,omitempty"`
	// Error is set unless the track is archived.
	Error *RunFailure `json:"error,omitempty"`
}

// EventStem is an archived stem.
type EventStem struct {
	Name   string `json:"name"`
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	// Size is in bytes.
	Size int64 `json:"size"`
}

// CatalogEvent is where a catalogue stands.
type CatalogEvent struct {
	Name string `json:"name"`
	// Tracks, the counts and Credits are as in [SeparateCatalogResult].
	Tracks int `json:"tracks"`
	CatalogCounts
	Credits int `json:"credits"`
	// Paused is set if the catalogue paused.
	Paused *EventPause `json:"paused,omitempty"`
	// Report is set once it is written, Error if the catalogue ended early.
	Report *ReportRefs `json:"report,omitempty"`
	Error  *RunFailure `json:"error,omitempty"`
}

// EventPause is why a catalogue paused, and what to do.
type EventPause struct {
	CatalogPause
	Remedy string `json:"remedy"`
}
