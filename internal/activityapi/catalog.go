package activityapi

import (
	"time"

	"stemflow"
)

// The activities of a catalogue. What is said in separation.go of names and messages holds for
// these.
const (
	ActivityPrepareCatalog     = "PrepareCatalog"
	ActivityReadCatalog        = "ReadCatalog"
	ActivityGetBalance         = "GetBalance"
	ActivityAwaitSeparation    = "AwaitSeparation"
	ActivityRecordOutcomes     = "RecordOutcomes"
	ActivityWriteCatalogReport = "WriteCatalogReport"
)

// ActivityErrorStillRunning is the error type with which AwaitSeparation says that the run it
// awaits goes on.
const ActivityErrorStillRunning = "SeparationStillRunning"

// CatalogPageSize is how many tracks are read at a time, and how many outcomes are in one object.
const CatalogPageSize = 100

// PreparedCatalog is a catalogue whose tracks are checked. PrepareCatalog takes the workflow's
// input.
type PreparedCatalog struct {
	// Location is the folder of this run: "<prefix>/_catalogs/<name>/<run id>/". The tracks stand
	// in it, each with all that holds for it, so that the run does not depend on the source any
	// more.
	Location Location `json:"location"`
	// ETag is that of the object with the tracks.
	ETag   string `json:"etag"`
	Tracks int    `json:"tracks"`
}

// CatalogTrack is a track in its catalogue: as a run keeps it, and as ReadCatalog returns it with
// what the archive knows.
type CatalogTrack struct {
	// Number counts the tracks from 1. Line is where the track stands in the source; inline tracks
	// are counted.
	Number int `json:"number"`
	Line   int `json:"line"`
	// Input says how it is separated. Of a track that the ledger says is paid for, ReadCatalog
	// returns it with the SeparationTaskID: such a run pays nothing, whatever becomes of the ledger
	// meanwhile.
	Input stemflow.SeparateStemsInput `json:"input"`
	// Columns are those of the list that say nothing to stemflow. They are kept for the report:
	// ReadCatalog does not return them.
	Columns []CatalogColumn `json:"columns,omitempty"`
	// Found is, from ReadCatalog, the outcome of a track that is archived.
	Found *stemflow.TrackOutcome `json:"found,omitempty"`
	// Before are, from ReadCatalog and where it was asked for them, the credits that were paid for
	// the track before it was read, or may have been.
	Before *int `json:"before,omitempty"`
}

// CatalogColumn is a column of a list, and what a track has in it.
type CatalogColumn struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
}

// ReadCatalogInput asks for the next tracks of a prepared catalogue.
type ReadCatalogInput struct {
	Location Location `json:"location"`
	ETag     string   `json:"etag"`
	// Offset is where to go on, in bytes; 0 is the beginning.
	Offset int64 `json:"offset"`
	// PaidSince asks for what was paid for each track from then on; nil: for nothing.
	PaidSince *time.Time `json:"paidSince,omitempty"`
}

// CatalogPage is some tracks of a catalogue.
type CatalogPage struct {
	Tracks []CatalogTrack `json:"tracks"`
	// Next is the offset of the next page; 0: there is none.
	Next int64 `json:"next,omitempty"`
}

// Balance is what the provider's account has.
type Balance struct {
	Credits float64 `json:"credits"`
}

// AwaitSeparationInput asks how a run of WorkflowSeparateStems ended. While it goes on the activity
// fails, to be tried again, with ActivityErrorStillRunning.
type AwaitSeparationInput struct {
	WorkflowID string `json:"workflowId"`
	// RunID is empty for the latest run.
	RunID string `json:"runId,omitempty"`
	// CancelFor has the run cancelled before it is awaited, if it was begun by a run of the asking
	// workflow whose owner this is. Otherwise it is not awaited, and the end is ReasonCanceled.
	CancelFor string `json:"cancelFor,omitempty"`
}

// Ended is how a run ended.
type Ended[Result, Details any] struct {
	Result *Result `json:"result,omitempty"`
	// Reason is, without a Result, the error type, or one of the reasons of
	// [stemflow.TrackOutcome].
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	// Details are nil where the run could not tell any.
	Details *Details `json:"details,omitempty"`
	// CallersLeft: it was cancelled because all Nexus callers had left it.
	CallersLeft bool `json:"callersLeft,omitempty"`
}

type (
	// EndedSeparation is how a run of WorkflowSeparateStems ended.
	EndedSeparation = Ended[stemflow.SeparateStemsResult, stemflow.ErrorDetails]
	// EndedCatalog is how a run of WorkflowSeparateCatalog ended.
	EndedCatalog = Ended[stemflow.SeparateCatalogResult, stemflow.SeparateCatalogResult]
)

// RecordOutcomesInput asks for outcomes to be kept for the report.
type RecordOutcomesInput struct {
	Location Location                `json:"location"`
	Outcomes []stemflow.TrackOutcome `json:"outcomes"`
}

// WriteCatalogReportInput asks for the report to be made of the outcomes that are kept. The
// activity fills in the references.
type WriteCatalogReportInput struct {
	Location Location                       `json:"location"`
	Result   stemflow.SeparateCatalogResult `json:"result"`
}

// CatalogState is what a catalogue's run hands on to its continuation. It does not grow with the
// number of tracks.
type CatalogState struct {
	Prepared PreparedCatalog `json:"prepared"`
	// Offset is where the page begins from which tracks are taken, and Taken how many of it are;
	// Read says that there are no more.
	Offset int64 `json:"offset"`
	Taken  int   `json:"taken,omitempty"`
	Read   bool  `json:"read,omitempty"`
	// Running are the tracks under way, Again those that are to be started before others are read.
	Running []RunningTrack         `json:"running,omitempty"`
	Again   []RunningTrack         `json:"again,omitempty"`
	Window  int                    `json:"window"`
	Paused  *stemflow.CatalogPause `json:"paused,omitempty"`
	Counts  stemflow.CatalogCounts `json:"counts"`
	// Credits is what was spent. Doubtful says that the provider refused a track for want of
	// credits since it took one last, and RefusedAt at which balance it refused one that the
	// balance should have sufficed for.
	Credits   int     `json:"credits"`
	Doubtful  bool    `json:"doubtful,omitempty"`
	RefusedAt float64 `json:"refusedAt,omitempty"`
	// Outages counts the failures in a row that cost credits or were not the track's fault. Lost is
	// what each track has cost that failed since the last one that was paid for and succeeded.
	Outages int   `json:"outages,omitempty"`
	Lost    []int `json:"lost,omitempty"`
	// PaidWindow is how many tracks that may cost credits may be under way at a time: it grows as
	// tracks succeed. 0 is what it begins with.
	PaidWindow int `json:"paidWindow,omitempty"`
	// Trial says that the catalogue had paused by itself and was resumed, and that no track has
	// succeeded since: one at a time is tried.
	Trial     bool                    `json:"trial,omitempty"`
	Failures  []stemflow.TrackOutcome `json:"failures,omitempty"`
	StartedAt time.Time               `json:"startedAt"`
	// Callers are the Nexus callers that wait for the catalogue.
	Callers []string `json:"callers,omitempty"`
	// Repeated says that the run, or one that it continues, is a reset or a retry of another one,
	// which may have paid by force for what this one comes to.
	Repeated bool `json:"repeated,omitempty"`
}

// RunningTrack is a track under way, or one that is to be tried again.
type RunningTrack struct {
	CatalogTrack
	// Begun says that its run is known to have begun, or to be another caller's. Only such tracks
	// are handed on, so it is not handed on itself.
	Begun bool `json:"-"`
	// RunID is of its run, empty where another caller's run was joined.
	RunID  string `json:"runId,omitempty"`
	Joined bool   `json:"joined,omitempty"`
	// Tried says that an earlier try failed for what was not the track's fault.
	Tried bool `json:"tried,omitempty"`
	// Restarts counts the runs of other callers that were joined and then ended from outside.
	Restarts int `json:"restarts,omitempty"`
	// Earlier says that it was under way when a catalogue that had paused by itself was resumed:
	// how it ends says nothing about what was mended.
	Earlier bool `json:"earlier,omitempty"`
	// Reserved is what it may cost, Credits what earlier tries have.
	Reserved int `json:"reserved,omitempty"`
	Credits  int `json:"credits,omitempty"`
	// Probe says that it is to show whether the provider takes tracks again.
	Probe bool `json:"probe,omitempty"`
}
