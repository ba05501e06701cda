package stemflow

// Error types: the Type of the Temporal ApplicationError with which a run ends, for callers to branch on. All are final; what
// to do about each stands in the README.
const (
	// ErrorInvalidInput: the input is wrong; the message names each field and the remedy. Nothing was paid.
	ErrorInvalidInput = "InvalidInput"
	// ErrorUnauthorized: the provider refuses the API key. Nothing was paid.
	ErrorUnauthorized = "Unauthorized"
	// ErrorInsufficientCredits: the account cannot pay. Nothing was paid.
	ErrorInsufficientCredits = "InsufficientCredits"
	// ErrorProviderRejected: the provider refuses this request for good. Nothing was paid.
	ErrorProviderRejected = "ProviderRejected"
	// ErrorProviderUnavailable: the provider or its file host could not be reached, or refused work, for too long.
	ErrorProviderUnavailable = "ProviderUnavailable"
	// ErrorSubmissionUnknown: whether the paid call was accepted is not known, and no callback told until the deadline; or an
	// earlier run of the track ended so. It is never repeated unasked.
	ErrorSubmissionUnknown = "SubmissionUnknown"
	// ErrorSeparationFailed: the provider took the task and failed it. Details carry its code and message.
	ErrorSeparationFailed = "SeparationFailed"
	// ErrorSeparationTimedOut: the provider was not done at the deadline. The separation can be resumed.
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
	// ErrorSourceBlocked: a file host refuses this worker, by its address or User-Agent. Nothing is
	// lost and nothing has expired: another start, when the host lets the worker in, is unpaid.
	ErrorSourceBlocked = "SourceBlocked"
	// ErrorArchiveUnavailable: the object store cannot be reached or refuses.
	ErrorArchiveUnavailable = "ArchiveUnavailable"
	// ErrorArchiveIncomplete: some stems could not be archived, and AllowPartial was not set. Details carry what was.
	ErrorArchiveIncomplete = "ArchiveIncomplete"
)

// ErrorDetails are the first detail of the ApplicationError with which a run ends.
type ErrorDetails struct {
	// SeparationTaskID is set whenever the run knows of a paid separation: it resumes from there, unpaid.
	SeparationTaskID string `json:"separationTaskId,omitempty"`
	// Paid reports that this run paid: the provider accepted its submit, or may have, as with SubmissionUnknown.
	Paid bool `json:"paid,omitempty"`
	// ProviderCode and ProviderMessage are the provider's own, with SeparationFailed and refusals.
	ProviderCode    int    `json:"providerCode,omitempty"`
	ProviderMessage string `json:"providerMessage,omitempty"`
	// Stems and Failed say how far the archive got, with ArchiveIncomplete.
	Stems  []Stem       `json:"stems,omitempty"`
	Failed []FailedStem `json:"failed,omitempty"`
}
