// Package activityapi has the names of activities and internal workflows, and the messages that
// workflows, activities and the callback bridge exchange. Callers use package stemflow instead.
package activityapi

import (
	"time"

	"stemflow"
)

// The activities by their registered names. Workflows know them by name and by the messages below
// only. Names and messages stand in histories, so they are as final as the rest of the contract;
// callers of the workflows need none of them.
const (
	ActivityPrepareArchive      = "PrepareArchive"
	ActivityPrepareSong         = "PrepareSong"
	ActivitySubmitSeparation    = "SubmitSeparation"
	ActivityRecordSubmission    = "RecordSubmission"
	ActivityGetSeparationRecord = "GetSeparationRecord"
	ActivityRenewSource         = "RenewSource"
	ActivityArchiveStem         = "ArchiveStem"
	ActivityWriteManifest       = "WriteManifest"
	ActivityGetMusicRecord      = "GetMusicRecord"
	// ActivityListSearchAttributes takes nothing and returns the names of those of
	// [stemflow.SearchAttributes] that the namespace has.
	ActivityListSearchAttributes = "ListSearchAttributes"
)

// Error types by which the workflow learns from an activity how to go on. They never end a run.
const (
	// ActivityErrorSubmitRefused: the provider surely did not accept the submit and may take it
	// later.
	ActivityErrorSubmitRefused = "SubmitRefused"
	// ActivityErrorSubmitNotYet: surely not accepted either; the provider says that it does not
	// know the track, which it has been seen to say of tracks that it knew minutes later.
	ActivityErrorSubmitNotYet = "SubmitNotYet"
	// ActivityErrorSubmitRepeated: the engine had executed the task before, so no call was made.
	// The first execution may have made one.
	ActivityErrorSubmitRepeated = "SubmitRepeated"
	// ActivityErrorSubmitNoTurn: there was no turn for the submit in time. It made no call, and
	// knows nothing of those before it.
	ActivityErrorSubmitNoTurn = "SubmitNoTurn"
	// ActivityErrorSubmitHeld: another run holds the intent and may be making the paid call right
	// now.
	ActivityErrorSubmitHeld = "SubmitHeld"
	// ActivityErrorSubmitUnknown: this run's submit may have been accepted. It is not repeated; the
	// callback will say.
	ActivityErrorSubmitUnknown = "SubmitOutcomeUnknown"
	// ActivityErrorPending: the provider's record says that it is still at work.
	ActivityErrorPending = "SeparationPending"
	// ActivityErrorNoRecord: the provider has no record of the separation, or none yet.
	ActivityErrorNoRecord = "SeparationNoRecord"
	// ActivityErrorUnreadable: the provider's record cannot be read at the moment.
	ActivityErrorUnreadable = "SeparationRecordUnreadable"
	// ActivityErrorNoLinks: the provider's record says that it is done, and has no link yet.
	ActivityErrorNoLinks = "SeparationNoLinks"
	// ActivityErrorNotOwn: the record belongs to another run's submit.
	ActivityErrorNotOwn = "SeparationNotOwn"
)

// Location is the folder of one separation of one track in the archive.
type Location struct {
	Bucket string `json:"bucket"`
	// Dir ends with a slash: "<prefix>/<taskId>/<audioId>/<type>[/<slug of stemName>]/".
	Dir string `json:"dir"`
}

// PrepareArchiveInput asks for the archive to be made ready for a track.
type PrepareArchiveInput struct {
	Track stemflow.Track `json:"track"`
	// Bucket and Prefix are the run's own, empty for the worker's configuration.
	Bucket string `json:"bucket,omitempty"`
	Prefix string `json:"prefix,omitempty"`
	// Owner is the first run of the run's chain.
	Owner string `json:"owner,omitempty"`
	// SeparationTaskID is what the input names as paid for.
	SeparationTaskID string `json:"separationTaskId,omitempty"`
}

// PreparedArchive is what PrepareArchive found.
type PreparedArchive struct {
	Location Location `json:"location"`
	// Ledger is where the track's ledger is, if not in Location: there is one for each provider
	// account, wherever its tracks are archived to.
	Ledger Location `json:"ledger,omitzero"`
	// SubmitTaskQueue is where SubmitSeparation must be scheduled; empty is the run's own queue.
	SubmitTaskQueue string `json:"submitTaskQueue,omitempty"`
	// CallbacksExpected is false when no callback URL is configured: polling then starts at once.
	CallbacksExpected bool `json:"callbacksExpected"`
	// Archived is the result of an earlier run, set when it is complete and all its objects are
	// there.
	Archived *stemflow.SeparateStemsResult `json:"archived,omitempty"`
	// Partial is the result of an earlier run that has all its objects, lacks stems, and was paid
	// for so recently that the provider may serve them yet.
	Partial *stemflow.SeparateStemsResult `json:"partial,omitempty"`
	// Kept are the stems of an earlier result whose objects are there, whatever else it lacks.
	Kept *KeptStems `json:"kept,omitempty"`
	// Submission is the paid separation that the input names, if the ledger has it; else the newest
	// that is paid for; else what speaks in the ledger, where there is one.
	Submission *stemflow.Submission `json:"submission,omitempty"`
	// OwnerPaid says that the owner has paid, or may have: an earlier run of its chain did.
	OwnerPaid bool `json:"ownerPaid,omitempty"`
	// SearchAttributes are those of [stemflow.SearchAttributes] that the namespace knows.
	SearchAttributes []string `json:"searchAttributes,omitempty"`
	// Hooks are told how the run ends.
	Hooks Hooks `json:"hooks,omitzero"`
}

// KeptStems are archived stems of a separation.
type KeptStems struct {
	SeparationTaskID string          `json:"separationTaskId"`
	Stems            []stemflow.Stem `json:"stems"`
}

// PrepareSongInput asks for a song of one's own to be checked, and made ready for the provider to
// fetch, before it is paid for.
type PrepareSongInput struct {
	// AudioURL and AudioSHA256 are the input's.
	AudioURL    string `json:"audioUrl"`
	AudioSHA256 string `json:"audioSha256,omitempty"`
}

// PreparedSong is what is submitted.
type PreparedSong struct {
	// URL is what the provider fetches.
	URL string `json:"url"`
	// SHA256 and Size are of the content that was checked.
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	// Title, Artist, Tempo and DurationSeconds are of its tags and its audio, where known.
	Title           string  `json:"title,omitempty"`
	Tempo           float64 `json:"tempo,omitzero"`
	Artist          string  `json:"artist,omitempty"`
	DurationSeconds float64 `json:"durationSeconds,omitzero"`
}

// GetMusicRecordInput asks what is known of a track that the provider has made.
type GetMusicRecordInput struct {
	TaskID  string `json:"taskId"`
	AudioID string `json:"audioId"`
}

// SubmitSeparationInput asks for the one paid call.
type SubmitSeparationInput struct {
	Location Location `json:"location"`
	// Ledger is as in [PreparedArchive].
	Ledger Location       `json:"ledger,omitzero"`
	Track  stemflow.Track `json:"track"`
	// AudioURL is what the provider fetches, where the track is a song of one's own.
	AudioURL string `json:"audioUrl,omitempty"`
	// Owner is the first run of the chain that resets and retries make of this run. TaskQueue is
	// the run's own.
	Owner     string `json:"owner,omitempty"`
	TaskQueue string `json:"taskQueue,omitempty"`
	// Attempt counts this run's submits from 1. RefusedNonces name executions that surely were not
	// accepted, and whose intents may still stand.
	Attempt       int      `json:"attempt"`
	RefusedNonces []string `json:"refusedNonces,omitempty"`
	Force         bool     `json:"force,omitempty"`
	// Deadline is how long the run will wait: the callback's token outlives it.
	Deadline stemflow.Duration `json:"deadline"`
}

// SubmittedSeparation is a separation that is paid for.
type SubmittedSeparation struct {
	SeparationTaskID string    `json:"separationTaskId"`
	SubmittedAt      time.Time `json:"submittedAt"`
	// FromLedger says that an earlier submit had paid for it and this one paid nothing.
	FromLedger bool `json:"fromLedger,omitempty"`
	// LedgerBehind says that the ledger could not be completed and must be written again.
	LedgerBehind bool `json:"ledgerBehind,omitempty"`
}

// SubmitRefusal is the second detail of an error of SubmitSeparation after which nothing was paid.
type SubmitRefusal struct {
	// LedgerBehind says that the intent may still stand in the ledger and must be taken back; Nonce
	// is that of the execution.
	LedgerBehind bool   `json:"ledgerBehind,omitempty"`
	Nonce        string `json:"nonce,omitempty"`
}

// RecordSubmissionInput asks for the ledger to be brought up to what the run knows. The activity
// fills in the run.
type RecordSubmissionInput struct {
	Location Location `json:"location"`
	// Ledger is as in [PreparedArchive].
	Ledger     Location            `json:"ledger,omitzero"`
	Submission stemflow.Submission `json:"submission"`
	// Nonces are, with SubmissionRefused, those of the executions whose intents are to be taken
	// back. No execution that was scheduled before the submission's ScheduledAt can call from then
	// on.
	Nonces []string `json:"nonces,omitempty"`
}

// RecordedSubmission is what the ledger says of a run once it is written.
type RecordedSubmission struct {
	// Unpaid: the run has paid nothing, and none of its executions can any more.
	Unpaid bool `json:"unpaid,omitempty"`
}

// GetSeparationRecordInput asks for the provider's record of a separation.
type GetSeparationRecordInput struct {
	SeparationTaskID string `json:"separationTaskId"`
	// ReportPending makes a pending record a result, not an error to be retried.
	ReportPending bool `json:"reportPending,omitempty"`
	// RequireOwn demands the proof that this very run submitted it: our callback URL in the record,
	// which names the Owner, the first run of its chain.
	RequireOwn bool   `json:"requireOwn,omitempty"`
	Owner      string `json:"owner,omitempty"`
	// Track, where set, is what the record must be of: a person named the separation.
	Track *stemflow.Track `json:"track,omitempty"`
	// EmptyLooks is at which look a record that is done without any link is believed: links have
	// been seen to follow late. 0 is never.
	// A record that lacks expected links is believed at the same look.
	EmptyLooks int `json:"emptyLooks,omitempty"`
	// EmptyFor is how long after the first of these looks the record is believed at the earliest,
	// and EmptyPause the pause between two of them; 0 is the pause between any two looks.
	EmptyFor   stemflow.Duration `json:"emptyFor,omitempty"`
	EmptyPause stemflow.Duration `json:"emptyPause,omitempty"`
	// PossibleFor and PossiblePause are the same for a record that lacks only what a song need not
	// have; 0 is EmptyFor and EmptyPause.
	PossibleFor   stemflow.Duration `json:"possibleFor,omitempty"`
	PossiblePause stemflow.Duration `json:"possiblePause,omitempty"`
	// Expected is what the record must have links for before it is believed at an earlier look.
	Expected StemExpectation `json:"expected,omitzero"`
	// AbsentLooks is at which look in a row that finds no record the separation is believed to be
	// gone. 0 is never: a record may follow late, and a provider may lose sight of it for a while.
	AbsentLooks int `json:"absentLooks,omitempty"`
}

// SeparationRecord is what the provider's record says.
type SeparationRecord struct {
	// Pending is only ever true with ReportPending.
	Pending bool `json:"pending,omitempty"`
	// Stems are the stems with a link, in the order of the provider's documents; never empty unless
	// Pending.
	Stems       []stemflow.SourceStem `json:"stems,omitempty"`
	OriginURL   string                `json:"originUrl,omitempty"`
	CreatedAt   time.Time             `json:"createdAt,omitzero"`
	CompletedAt time.Time             `json:"completedAt,omitzero"`
	// Announced are stems of names that the documents do not know, which the record has without a
	// link.
	Announced []string `json:"announced,omitempty"`
	// Believed says that the record was looked at often and long enough to be believed: what it
	// lacks does not follow soon.
	Believed bool `json:"believed,omitempty"`
	// Owner is, where the Track was given, the owner whose submit it was, if that was one of ours.
	Owner string `json:"owner,omitempty"`
}

// RenewSourceInput asks for a link that works in place of one that has expired.
type RenewSourceInput struct {
	SeparationTaskID string              `json:"separationTaskId"`
	Stem             stemflow.SourceStem `json:"stem"`
	// Tried are the links that did not work.
	Tried []string `json:"tried"`
}

// ArchiveStemInput asks for one stem to be moved into the archive. The activity returns a
// [stemflow.Stem].
type ArchiveStemInput struct {
	Location         Location            `json:"location"`
	SeparationTaskID string              `json:"separationTaskId"`
	Stem             stemflow.SourceStem `json:"stem"`
	// Fresh says that this run paid for the separation, so that a first attempt need not look for
	// what others have archived.
	Fresh bool `json:"fresh,omitempty"`
	// LastLink says that the provider has no other link: a file that is not there is awaited for
	// longer.
	LastLink bool `json:"lastLink,omitempty"`
}

// ArchiveStemFailure is the detail of an ErrorSourceExpired of ArchiveStem.
type ArchiveStemFailure struct {
	// Missing says that the file was not there, which may pass, and not that the link was refused.
	Missing bool `json:"missing,omitempty"`
}

// ArchiveStemHeartbeat is the heartbeat detail of a pending ArchiveStem.
type ArchiveStemHeartbeat struct {
	Name string `json:"name"`
	// Bytes are those moved so far; Total is 0 while it is unknown.
	Bytes int64 `json:"bytes"`
	Total int64 `json:"total,omitempty"`
	// SourceFailures counts the attempts that failed at the source: those at the store are not the
	// stem's fault.
	SourceFailures int `json:"sourceFailures,omitempty"`
	// Short is set once the source has served less than the stem.
	Short *ShortContent `json:"short,omitempty"`
}

// ShortContent is the longest content that plays shorter than its stem should, and that was served
// as a whole all the same.
type ShortContent struct {
	Size int64 `json:"size"`
	// SHA256 is in lower-case hexadecimal, empty of the first content that came too short.
	SHA256 string `json:"sha256,omitempty"`
	// Times is how often this very content has come, and Since when it first did.
	Times int       `json:"times,omitempty"`
	Since time.Time `json:"since,omitzero"`
}

// WriteManifestInput asks for the manifest. The activity fills in the reference to itself and
// returns it.
type WriteManifestInput struct {
	Location Location `json:"location"`
	// Ledger is as in [PreparedArchive].
	Ledger   Location          `json:"ledger,omitzero"`
	Manifest stemflow.Manifest `json:"manifest"`
}
