package stemflow

import (
	"time"
)

// TrackStatus is what became of a track of a catalogue.
type TrackStatus string

const (
	// TrackArchived: it was separated, or taken up where it was paid for, and all that the provider
	// served is archived.
	TrackArchived TrackStatus = "archived"
	// TrackFound: an earlier run had archived it.
	TrackFound TrackStatus = "found"
	// TrackPartial: some of its stems could not be archived, and AllowPartial was set.
	TrackPartial TrackStatus = "partial"
	// TrackFailed: Reason is the error type. TimedOut, Terminated and Lost are reasons of runs that
	// were ended from outside.
	TrackFailed TrackStatus = "failed"
	// TrackSkipped: it was not started, since nothing more could be paid: Reason is
	// ReasonCreditBudget or ErrorInsufficientCredits.
	TrackSkipped TrackStatus = "skipped"
	// TrackCancelled: it was cancelled, by itself or with the catalogue.
	TrackCancelled TrackStatus = "cancelled"
)

// TrackStatuses are all of them.
func TrackStatuses() []TrackStatus {
	return []TrackStatus{TrackArchived, TrackFound, TrackPartial, TrackFailed, TrackSkipped, TrackCancelled}
}

// Reasons of [TrackOutcome] that are no error types.
const (
	// ReasonCreditBudget: the catalogue's CreditBudget does not suffice for the track.
	ReasonCreditBudget = "CreditBudget"
	// ReasonCanceled, ReasonTerminated, ReasonTimedOut: the track's run was ended from outside.
	ReasonCanceled   = "Canceled"
	ReasonTerminated = "Terminated"
	ReasonTimedOut   = "TimedOut"
	// ReasonLost: Temporal does not know the track's run any more. What was paid is in the
	// ledger.
	ReasonLost = "Lost"
	// ReasonUnreadable: the run under the track's workflow id has ended, and its result is none of
	// a separation, or does not decode with this host's data converter.
	ReasonUnreadable = "Unreadable"
)

// TrackOutcome is what became of a track of a catalogue: a row of the report.
type TrackOutcome struct {
	// Number counts the tracks from 1; Line is where the track is in the source.
	Number   int            `json:"number"`
	Line     int            `json:"line"`
	TaskID   string         `json:"taskId"`
	AudioID  string         `json:"audioId"`
	Type     SeparationType `json:"type"`
	StemName string         `json:"stemName,omitempty"`
	// Title is what the list calls the track.
	Title  string      `json:"title,omitempty"`
	Status TrackStatus `json:"status"`
	// Reason says why the track is not archived, for programs; Message for people.
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	// SeparationTaskID is set whenever a paid separation is known.
	SeparationTaskID string    `json:"separationTaskId,omitempty"`
	SettledBy        SettledBy `json:"settledBy,omitempty"`
	// Credits is what this catalogue paid for the track, by the documented price; a run of another
	// else's that was joined cost it nothing.
	Credits int  `json:"credits"`
	Joined  bool `json:"joined,omitempty"`
	// Stems is how many were archived, Bytes their size.
	Stems    int        `json:"stems"`
	Bytes    int64      `json:"bytes"`
	Manifest *ObjectRef `json:"manifest,omitempty"`
	// Columns are those of the list that say nothing to stemflow, by their names. Only reports have
	// them.
	Columns map[string]string `json:"columns,omitempty"`
}

// CatalogCounts is how many tracks have come to which end.
type CatalogCounts struct {
	Archived  int `json:"archived"`
	Found     int `json:"found"`
	Partial   int `json:"partial"`
	Failed    int `json:"failed"`
	Skipped   int `json:"skipped"`
	Cancelled int `json:"cancelled"`
}

// Add counts a track.
func (c *CatalogCounts) Add(status TrackStatus) {
	switch status {
	case TrackArchived:
		c.Archived++
	case TrackFound:
		c.Found++
	case TrackPartial:
		c.Partial++
	case TrackFailed:
		c.Failed++
	case TrackSkipped:
		c.Skipped++
	case TrackCancelled:
		c.Cancelled++
	}
}

// Ended is how many tracks have come to an end.
func (c CatalogCounts) Ended() int {
	return c.Archived + c.Found + c.Partial + c.Failed + c.Skipped + c.Cancelled
}

// SeparateCatalogResult is the result of [WorkflowSeparateCatalog], and the first detail of the
// error with which it ends otherwise.
type SeparateCatalogResult struct {
	Name string `json:"name"`
	// Tracks is how many there are. All of them are counted below, unless the catalogue ended
	// early.
	Tracks int `json:"tracks"`
	CatalogCounts
	// Credits is what was spent, by the documented prices.
	Credits int `json:"credits"`
	// Report lists what became of each track, as CSV and as JSON: a [CatalogReport].
	Report ReportRefs `json:"report,omitzero"`
	// StartedAt and EndedAt are of the whole run.
	StartedAt time.Time `json:"startedAt,omitzero"`
	EndedAt   time.Time `json:"endedAt,omitzero"`
}

// ReportRefs are the objects of a report.
type ReportRefs struct {
	CSV  ObjectRef `json:"csv"`
	JSON ObjectRef `json:"json"`
}

// CatalogReport is the content of report.json.
type CatalogReport struct {
	// Version is 1.
	Version int `json:"version"`
	SeparateCatalogResult
	// Outcomes are in the order of the source. Tracks that a catalogue that ended early did not
	// come to are not among them.
	Outcomes []TrackOutcome `json:"outcomes"`
}
