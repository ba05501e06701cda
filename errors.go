package stemflow

import "slices"

// Error types: the Type of the Temporal ApplicationError with which a run ends, for callers to
// branch on. All are final; [ErrorTypes] says what to do about each.
const (
	// ErrorInvalidInput: the input is wrong; the message names each field and the remedy. Nothing
	// was paid.
	ErrorInvalidInput = "InvalidInput"
	// ErrorUnauthorized: the provider refuses the API key. Nothing was paid.
	ErrorUnauthorized = "Unauthorized"
	// ErrorInsufficientCredits: the account cannot pay. Nothing was paid.
	ErrorInsufficientCredits = "InsufficientCredits"
	// ErrorProviderRejected: the provider refuses this request for good. Nothing was paid.
	ErrorProviderRejected = "ProviderRejected"
	// ErrorProviderUnavailable: the provider or its file host could not be reached, or refused
	// work, for too long.
	ErrorProviderUnavailable = "ProviderUnavailable"
	// ErrorSubmissionUnknown: whether the paid call was accepted is not known, and no callback came
	// until the deadline; or an earlier run of the track ended so. It is never repeated unasked.
	ErrorSubmissionUnknown = "SubmissionUnknown"
	// ErrorSeparationFailed: the provider took the task and failed it. Details carry its code and
	// message.
	ErrorSeparationFailed = "SeparationFailed"
	// ErrorSeparationTimedOut: the provider was not done at the deadline. The separation can be
	// resumed.
	ErrorSeparationTimedOut = "SeparationTimedOut"
	// ErrorNoStems: the provider reports success and serves no stem.
	ErrorNoStems = "NoStems"
	// ErrorSourceExpired: a stem's link has expired and could not be renewed, or the provider no
	// longer knows the separation.
	ErrorSourceExpired = "SourceExpired"
	// ErrorSourceNotAudio: what a stem's link serves is not audio.
	ErrorSourceNotAudio = "SourceNotAudio"
	// ErrorSourceTooLarge: a stem is larger than the worker allows.
	ErrorSourceTooLarge = "SourceTooLarge"
	// ErrorSourceForbidden: a stem's link leads to a host or an address that is not allowed.
	ErrorSourceForbidden = "SourceForbidden"
	// ErrorSourceBlocked: a file host refuses this worker, by its address or User-Agent, or the
	// egress proxy refuses the host. Nothing is lost and nothing has expired: another start, when
	// the host lets the worker in, is unpaid.
	ErrorSourceBlocked = "SourceBlocked"
	// ErrorArchiveUnavailable: the object store cannot be reached or refuses.
	ErrorArchiveUnavailable = "ArchiveUnavailable"
	// ErrorArchiveIncomplete: some stems could not be archived, and AllowPartial was not set.
	// Details carry what was.
	ErrorArchiveIncomplete = "ArchiveIncomplete"
	// ErrorMIDIFailed: the provider took a transcription and failed it, or it is larger than any.
	ErrorMIDIFailed = "MIDIFailed"
	// ErrorMIDITimedOut: the provider was not done with a transcription at the deadline.
	ErrorMIDITimedOut = "MIDITimedOut"
	// ErrorWAVExists: the provider has made this WAV before, makes no second one, and nobody here
	// knows its id. Nothing was paid.
	ErrorWAVExists = "WAVExists"
	// ErrorWAVFailed: the provider took a conversion and failed it. Details carry its code and
	// message.
	ErrorWAVFailed = "WAVFailed"
	// ErrorWAVTimedOut: the provider was not done with a conversion at the deadline. It can be
	// resumed.
	ErrorWAVTimedOut = "WAVTimedOut"
	// ErrorNoWAV: the provider reports success and serves no WAV.
	ErrorNoWAV = "NoWAV"
	// ErrorArchiveDamaged: a check of the archive with FailOnDamage has found damage. The first
	// detail is a [VerifyArchiveResult].
	ErrorArchiveDamaged = "ArchiveDamaged"
)

// Paid says whether a run that ended with an error type has paid.
type Paid string

// The values of [Paid].
const (
	// PaidNo: nothing was paid.
	PaidNo Paid = "no"
	// PaidPerhaps: nobody knows, or the provider may have given the credits back.
	PaidPerhaps Paid = "perhaps"
	// PaidYes: this run or an earlier one has paid for the separation.
	PaidYes Paid = "yes"
	// PaidSeeDetails: it depends on when the run failed; [ErrorDetails] says it.
	PaidSeeDetails Paid = "see the details"
)

// ErrorType is one of the error types, and what to do about it.
type ErrorType struct {
	// Name is the Type of the ApplicationError.
	Name string
	Paid Paid
	// Remedy says what to do, as a sentence without its capital and full stop. Names of input
	// fields and variables are in backticks.
	Remedy string
}

//go:generate go test . -run TestTheDocumentListsTheErrorTypes|TestTheDocumentListsTheFindings|TestTheSchemaIsUpToDate -update

// errorTypes are all error types. Texts and tables elsewhere are made from this list. No remedy
// advises to pay where waiting, or a change of the configuration, would help.
var errorTypes = []ErrorType{
	{ErrorInvalidInput, PaidNo, "correct each field that the message names"},
	{
		ErrorUnauthorized,
		PaidNo,
		"check the worker's `KIE_API_KEY`, its limits and its list of addresses, and start again",
	},
	{ErrorInsufficientCredits, PaidNo, "top the provider's account up and start again"},
	{
		ErrorProviderRejected,
		PaidNo,
		"read the message: the provider does not take this track or these parameters, and " +
			"starting again changes nothing by itself",
	},
	{ErrorProviderUnavailable, PaidSeeDetails, "start again later: what is paid for is resumed, unpaid"},
	{
		ErrorSubmissionUnknown,
		PaidPerhaps,
		"start again, unpaid: if the callback has come meanwhile, the run resumes what it " +
			"named. If it ends so again, look the track up in the provider's log (https://kie.ai/logs). If it is " +
			"there, start " +
			"again with its id as `separationTaskId` (of a WAV: `wavTaskId`); only if it is not there, start again with " +
			"`force`, which pays",
	},
	{ErrorSeparationFailed, PaidPerhaps, "the details have the provider's code and message, and its log " +
		"(https://kie.ai/logs) says whether it charged for the task. Starting again pays for another try"},
	{
		ErrorSeparationTimedOut,
		PaidYes,
		"start again: the paid separation is resumed, unpaid. Where this happens often, " +
			"give a longer `deadline`",
	},
	{
		ErrorNoStems,
		PaidYes,
		"start again later to look once more, unpaid; only if there are still none, start again with " +
			"`force`, which pays for another try",
	},
	{
		ErrorSourceExpired,
		PaidYes,
		"unless the message says that the stems are gone, start again later, unpaid, and check " +
			"that the worker's `KIE_API_KEY` is of the account that paid. The provider keeps stems for 14 days: only for " +
			"those that are gone, start again with `force`, which pays for new ones",
	},
	{ErrorSourceNotAudio, PaidYes, "start again later, unpaid. If it stays so, ask the provider's support, with the " +
		"separation task id; with `allowPartial` the other stems are archived"},
	{ErrorSourceTooLarge, PaidYes, "raise the worker's `STEMFLOW_MAX_STEM_SIZE` and start again, unpaid"},
	{ErrorSourceForbidden, PaidYes, "if the host that the message names is the provider's, add it to the worker's " +
		"`STEMFLOW_SOURCE_HOSTS`; if it names an address that this network gives the provider's hosts, admit its range " +
		"with `STEMFLOW_SOURCE_NETWORKS`. Then start again, unpaid"},
	{
		ErrorSourceBlocked,
		PaidYes,
		"the stems are still there, but the file host refuses the worker, by its address or its " +
			"User-Agent, or the egress proxy refuses the file host: have it let in, or let a worker with another " +
			"address fetch them, and start again, unpaid",
	},
	{ErrorArchiveUnavailable, PaidSeeDetails, "the message says what of the object store to mend: its address, " +
		"credentials, policy or certificate. Then start again: what is paid for is resumed, unpaid"},
	{
		ErrorArchiveIncomplete,
		PaidYes,
		"start again, unpaid: what is archived stays. With `allowPartial` a run succeeds " +
			"with the stems that it can get",
	},
	{
		ErrorMIDIFailed,
		PaidNo,
		"start the MIDI again, which costs nothing; where it is of all stems in one, ask for one stem by itself",
	},
	{
		ErrorMIDITimedOut,
		PaidNo,
		"start the MIDI again later: the transcription is taken up",
	},
	{
		ErrorWAVExists,
		PaidNo,
		"look the WAV up in the provider's log (https://kie.ai/logs) and start again with its id as `wavTaskId`, " +
			"unpaid. If it was asked for only now, start again later: its callback may have put it on the ledger",
	},
	{ErrorWAVFailed, PaidPerhaps, "the details have the provider's code and message, and its log " +
		"(https://kie.ai/logs) says whether it charged for the task. Starting again pays for another try"},
	{
		ErrorWAVTimedOut,
		PaidYes,
		"start again: the paid conversion is resumed, unpaid. Where this happens often, give a longer `deadline`",
	},
	{
		ErrorNoWAV,
		PaidYes,
		"start again later to look once more, unpaid; only if there is still none, start again with `force`, which " +
			"pays for another try",
	},
	{
		ErrorArchiveDamaged,
		PaidNo,
		"read the details of the check, which list what is damaged, each with its remedy: what was paid for is " +
			"resumed, unpaid",
	},
}

// ErrorTypes lists all error types, each with its remedy.
func ErrorTypes() []ErrorType { return slices.Clone(errorTypes) }

// LookupErrorType finds an error type by its name; ok is false for a name that is none.
func LookupErrorType(name string) (t ErrorType, ok bool) {
	i := slices.IndexFunc(errorTypes, func(t ErrorType) bool { return t.Name == name })
	if i < 0 {
		return ErrorType{}, false
	}
	return errorTypes[i], true
}

// ErrorDetails are the first detail of the ApplicationError with which a run ends.
type ErrorDetails struct {
	// SeparationTaskID is set whenever the run knows of a paid separation: it resumes from there,
	// unpaid.
	SeparationTaskID string `json:"separationTaskId,omitempty"`
	// Paid reports that this run paid, or the one that it is a reset or a retry of: the provider
	// accepted its submit, or may have, as with SubmissionUnknown.
	Paid bool `json:"paid,omitempty"`
	// ProviderCode and ProviderMessage are the provider's own, with SeparationFailed and refusals.
	ProviderCode    int    `json:"providerCode,omitempty"`
	ProviderMessage string `json:"providerMessage,omitempty"`
	// Stems and Failed say how far the archive got, with ArchiveIncomplete.
	Stems  []Stem       `json:"stems,omitempty"`
	Failed []FailedStem `json:"failed,omitempty"`
}
