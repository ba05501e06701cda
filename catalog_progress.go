package stemflow

import "time"

// CatalogPhase is where a catalogue stands.
type CatalogPhase string

// The phases of a catalogue, in their order.
const (
	CatalogPreparing  CatalogPhase = "preparing"  // reading and checking the list of tracks
	CatalogSeparating CatalogPhase = "separating" // tracks are under way, or wait for their turn
	CatalogReporting  CatalogPhase = "reporting"  // writing the report
	CatalogDone       CatalogPhase = "done"
	// CatalogCancelling: it was asked to stop, and awaits the tracks under way, which are
	// cancelled.
	CatalogCancelling CatalogPhase = "cancelling"
	// CatalogFailed and CatalogCancelled: it ended early. Failure says why.
	CatalogFailed    CatalogPhase = "failed"
	CatalogCancelled CatalogPhase = "cancelled"
)

// CatalogProgress answers [QueryProgress] of a catalogue, and its updates.
type CatalogProgress struct {
	Phase CatalogPhase `json:"phase"`
	Name  string       `json:"name"`
	// Source is what the tracks were read from; nil: they were inline.
	Source *ObjectRef `json:"source,omitempty"`
	// Paused is set while no track is started.
	Paused *CatalogPause `json:"paused,omitempty"`
	// Trial is set after a catalogue that had paused by itself was resumed: one track at a time is
	// started until one succeeds.
	Trial bool `json:"trial,omitempty"`
	// Window is how many tracks may be under way at a time.
	Window int `json:"window"`
	// PaidWindow is set while fewer tracks that may cost credits are started at a time, because too
	// few have succeeded yet.
	PaidWindow int `json:"paidWindow,omitempty"`
	// Tracks is how many there are: 0 while that is not known. Those that are neither counted nor
	// Running wait.
	Tracks int `json:"tracks"`
	CatalogCounts
	Running int `json:"running"`
	// Credits is what was spent so far, and Reserved what the tracks under way may cost, by the
	// documented prices.
	Credits  int `json:"credits"`
	Reserved int `json:"reserved"`
	// CreditBudget is as in the input. Balance is the account's, when it was looked at last.
	CreditBudget *int     `json:"creditBudget,omitempty"`
	Balance      *float64 `json:"balance,omitempty"`
	// Failures are the latest ones.
	Failures  []TrackOutcome `json:"failures,omitempty"`
	StartedAt time.Time      `json:"startedAt,omitzero"`
	// Folder is where the catalogue's own objects are, a bucket and the beginning of their keys:
	// its tracks, their outcomes so far, and at last the report.
	Folder *ObjectRef `json:"folder,omitempty"`
	// Report is set once the report is written. Failure is set when the catalogue ends early, and
	// EndedAt when it ends.
	Report  *ReportRefs `json:"report,omitempty"`
	Failure *RunFailure `json:"failure,omitempty"`
	EndedAt time.Time   `json:"endedAt,omitzero"`
}

// CatalogPause is why no track is started.
type CatalogPause struct {
	// Reason is PauseRequested, or the error type for which the catalogue paused by itself. What is
	// wrong has to be mended before [UpdateResume] helps, which then tries one track first.
	Reason  string    `json:"reason"`
	Message string    `json:"message,omitempty"`
	Since   time.Time `json:"since"`
}

// PauseRequested is the reason of a pause that was asked for.
const PauseRequested = "requested"
