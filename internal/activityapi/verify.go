package activityapi

import (
	"time"

	"stemflow"
	"stemflow/internal/allowed"
)

// The activities of a check of the archive.
const (
	ActivityVerifyArchive = "VerifyArchive"
	ActivityRepairArchive = "RepairArchive"
)

// VerifyState is where a check stands: what it hands on from page to page. The zero value is its
// beginning. It does not grow with the archive.
type VerifyState struct {
	// At is what is checked. The activity fills it in.
	At allowed.Place `json:"at,omitzero"`
	// Phase is what is done next, After the key after which it goes on.
	Phase string `json:"phase,omitempty"`
	After string `json:"after,omitempty"`
	// Seed and Total choose what is read back.
	Seed  string `json:"seed,omitempty"`
	Total int64  `json:"total,omitempty"`
	// Places are where manifests have been seen, by a bounded number.
	Places []allowed.Place `json:"places,omitempty"`
	// Home counts the places that have been gone through for manifests.
	Home int `json:"home,omitempty"`
	// Again says that ledgers are to be looked at once more, when all places are known.
	Again bool `json:"again,omitempty"`
}

// VerifyArchiveInput asks for the next page of a check.
type VerifyArchiveInput struct {
	Input stemflow.VerifyArchiveInput `json:"input"`
	State VerifyState                 `json:"state"`
}

// VerifyPage is what a page of a check came to.
type VerifyPage struct {
	State    VerifyState            `json:"state"`
	Counts   stemflow.ArchiveCounts `json:"counts"`
	Findings []Finding              `json:"findings,omitempty"`
	Done     bool                   `json:"done,omitempty"`
}

// Finding is a finding with what a repair needs.
type Finding struct {
	stemflow.ArchiveFinding
	// At is where the track is archived, or is to be.
	At allowed.Place `json:"at"`
	// Resume is the separation that a repair resumes; empty: there is none, or not for sure.
	Resume string `json:"resume,omitempty"`
	// SubmittedAt is, with FindingLedgerMissing, when the manifest says that it was paid for.
	SubmittedAt time.Time `json:"submittedAt,omitzero"`
}

// VerifyRun is what a run of a check hands on to its continuation.
type VerifyRun struct {
	State  VerifyState                  `json:"state"`
	Result stemflow.VerifyArchiveResult `json:"result"`
}

// RepairArchiveInput asks for what a finding misses to be derived from what is there.
type RepairArchiveInput struct {
	Kind        stemflow.FindingKind `json:"kind"`
	At          allowed.Place        `json:"at"`
	Track       stemflow.Track       `json:"track"`
	Separation  string               `json:"separationTaskId,omitempty"`
	SubmittedAt time.Time            `json:"submittedAt,omitzero"`
}
