package stemflow

import "slices"

// FindingKind is a kind of what a check of an archive finds.
type FindingKind string

// The kinds of findings; [FindingKinds] says what to do about each.
const (
	// FindingManifestInvalid: the manifest cannot be read, or lacks what every manifest has.
	FindingManifestInvalid FindingKind = "ManifestInvalid"
	// FindingManifestVersion: the manifest is of a version that this release does not know.
	FindingManifestVersion FindingKind = "ManifestVersion"
	// FindingManifestMisplaced: the manifest is of another track, bucket or folder than it is in,
	// or lists objects elsewhere.
	FindingManifestMisplaced FindingKind = "ManifestMisplaced"
	// FindingStemMissing: the manifest lists a stem that is not there.
	FindingStemMissing FindingKind = "StemMissing"
	// FindingStemSize: a stem has another size than the manifest says.
	FindingStemSize FindingKind = "StemSize"
	// FindingStemChecksum: a stem has other content than the manifest says, by the store's checksum
	// or as it was read.
	FindingStemChecksum FindingKind = "StemChecksum"
	// FindingStemUnreadable: the store has a stem and cannot give it back.
	FindingStemUnreadable FindingKind = "StemUnreadable"
	// FindingMIDIDamaged: the manifest lists a transcription of which an object is not there, or is
	// not what the manifest says.
	FindingMIDIDamaged FindingKind = "MIDIDamaged"
	// FindingOrphan: objects in a separation's folder that no manifest lists and no ledger
	// explains.
	FindingOrphan FindingKind = "Orphan"
	// FindingIntentStuck: a submit was intended, and its outcome was never learned.
	FindingIntentStuck FindingKind = "IntentStuck"
	// FindingPaidNotArchived: a separation is paid for, and no manifest has it.
	FindingPaidNotArchived FindingKind = "PaidNotArchived"
	// FindingLedgerInvalid: a ledger cannot be read, or is of another track.
	FindingLedgerInvalid FindingKind = "LedgerInvalid"
	// FindingLedgerMissing: a track is archived and no ledger knows that it is paid for.
	FindingLedgerMissing FindingKind = "LedgerMissing"
	// FindingLedgerDisagrees: the ledger does not know the separation that the manifest is of.
	FindingLedgerDisagrees FindingKind = "LedgerDisagrees"
	// FindingReceiptMissing: the folder has no copy of the ledger, which is elsewhere, or one that
	// does not know the manifest's separation.
	FindingReceiptMissing FindingKind = "ReceiptMissing"
	// FindingUploadUnfinished: an upload in parts was begun long ago and never ended.
	FindingUploadUnfinished FindingKind = "UploadUnfinished"
	// FindingNotArchived: there is nothing of the one track that was to be checked.
	FindingNotArchived FindingKind = "NotArchived"
)

// RepairMethod is how a repair mends a kind of finding.
type RepairMethod string

// The values of [RepairMethod].
const (
	// RepairNone: only a person can.
	RepairNone RepairMethod = ""
	// RepairResume: the paid separation is resumed, unpaid, while the provider keeps it.
	RepairResume RepairMethod = "resume"
	// RepairDerive: what is missing is written again from what is there.
	RepairDerive RepairMethod = "derive"
)

// FindingType is a kind of findings, and what to do about it.
type FindingType struct {
	Kind FindingKind
	// Notice says that nothing is damaged or lost: it alone makes no check fail.
	Notice bool
	Repair RepairMethod
	// Remedy says what to do, as a sentence without its capital and full stop. Names of input
	// fields are in backticks.
	Remedy string
}

const resumeStems = "repair, which resumes the separation, unpaid, and fetches what is missing while the provider " +
	"keeps it (14 days). After that restore the object from a backup or an earlier version"

var findingTypes = []FindingType{
	{
		FindingManifestInvalid, false, RepairResume,
		"restore an earlier version of the object; or repair, which resumes the separation that the " +
			"ledger names, unpaid, and writes the manifest again while the provider keeps its record (14 days)",
	},
	{
		FindingManifestVersion, false, RepairNone,
		"check it with the release that wrote it, or a later one; if no such release ran here, restore " +
			"an earlier version of the object",
	},
	{
		FindingManifestMisplaced, false, RepairResume,
		"restore the folder that the manifest belongs to, or the manifest that belongs to the folder; or " +
			"repair, which resumes the separation that the ledger names, unpaid",
	},
	{
		FindingStemMissing, false, RepairResume,
		resumeStems,
	},
	{
		FindingStemSize, false, RepairResume,
		resumeStems,
	},
	{
		FindingStemChecksum, false, RepairResume,
		resumeStems,
	},
	{
		FindingStemUnreadable, false, RepairResume,
		"look at the store's drives and its log, and let it heal; or " +
			resumeStems,
	},
	{
		FindingMIDIDamaged, false, RepairNone,
		"make the MIDI again by force, which costs nothing, while the provider keeps the separation (14 days), " +
			"or restore the object from a backup",
	},
	{
		FindingOrphan, false, RepairResume,
		"start the track again with the folder's name as `separationTaskId`, unpaid, if it was paid for " +
			"and is wanted; otherwise delete the objects",
	},
	{
		FindingIntentStuck, false, RepairNone,
		"start the track again, unpaid if the ledger knows of a payment by then; or look for it in the " +
			"provider's log: if it is there, start it with its id as `separationTaskId`, unpaid, and only if " +
			"it is not there, start it with `force`, which pays",
	},
	{
		FindingPaidNotArchived, false, RepairResume,
		"start the track again, or repair: the separation is resumed, unpaid, while the provider keeps " +
			"it (14 days). If it is not wanted, or the provider keeps it no longer, `stemflow delete` has no " +
			"check miss it any more",
	},
	{
		FindingLedgerInvalid, false, RepairNone,
		"restore an earlier version of the object, or the copy in the track's folder; delete it only if " +
			"nothing was paid. Until then no run of the track begins",
	},
	{
		FindingLedgerMissing, false, RepairDerive,
		"repair, which writes to the ledger what the manifest says was paid for",
	},
	{
		FindingLedgerDisagrees, false, RepairNone,
		"look both separations up in the provider's log, and restore the object that is wrong from an " +
			"earlier version; to archive the ledger's, start the track with its id as `separationTaskId`, " +
			"unpaid",
	},
	{
		FindingReceiptMissing, false, RepairDerive,
		"repair, which copies the ledger to the folder",
	},
	{
		FindingUploadUnfinished, true, RepairNone,
		"abort it; a lifecycle rule that aborts incomplete uploads after a day does so by itself, as " +
			"MinIO does without one",
	},
	{
		FindingNotArchived, false, RepairNone,
		"check `bucket`, `prefix`, `type` and the ids; if they are right, the track was never archived here",
	},
}

// FindingTypes lists all kinds of findings, each with its remedy.
func FindingTypes() []FindingType { return slices.Clone(findingTypes) }

// LookupFindingType finds a kind of findings; ok is false for one that is none.
func LookupFindingType(kind FindingKind) (t FindingType, ok bool) {
	i := slices.IndexFunc(findingTypes, func(t FindingType) bool { return t.Kind == kind })
	if i < 0 {
		return FindingType{}, false
	}
	return findingTypes[i], true
}

// ArchiveFinding is one thing that a check found.
type ArchiveFinding struct {
	Kind FindingKind `json:"kind"`
	// Notice is as in [FindingType].
	Notice bool `json:"notice,omitempty"`
	// Bucket and Key name the object, or the first of several. What a store allows in keys and no
	// text should have is escaped.
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	// Track is set where it is known, SeparationTaskID where a separation is.
	Track            *Track `json:"track,omitempty"`
	SeparationTaskID string `json:"separationTaskId,omitempty"`
	// Message says what is wrong, Remedy what to do.
	Message string `json:"message"`
	Remedy  string `json:"remedy"`
	// Repair is what a repair came to; empty where none was tried.
	Repair RepairOutcome `json:"repair,omitempty"`
	// RepairError is the error type with which a repair ended.
	RepairError string `json:"repairError,omitempty"`
}

// RepairOutcome is what the repair of a finding came to.
type RepairOutcome string

// The values of [RepairOutcome].
const (
	// RepairDone: a second look does not find it any more.
	RepairDone RepairOutcome = "repaired"
	// RepairLost: the provider no longer has what is missing.
	RepairLost RepairOutcome = "lost"
	// RepairFailed: it may succeed later; RepairError says why it did not.
	RepairFailed RepairOutcome = "failed"
)
