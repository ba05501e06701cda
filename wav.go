package stemflow

import "time"

const (
	// WorkflowConvertToWAV has the provider convert a track that it has made to WAV, pays for it
	// once, and archives the file: it takes a [ConvertToWAVInput] and returns a
	// [ConvertToWAVResult].
	WorkflowConvertToWAV = "ConvertToWAV"

	// MemoWAVTaskID is the memo field that holds the provider's id of a paid conversion, from the
	// moment it is known.
	MemoWAVTaskID = "wavTaskId"

	// TypeWAV is the Type of a [Track] that is converted to WAV. No separation has it. What is paid
	// for is known by its whole track, so a WAV and the separations of the same music never share a
	// ledger, a folder or a workflow id.
	TypeWAV SeparationType = "wav"

	// WAVName is the name of the one object that a conversion yields.
	WAVName = "track"

	// WAVCredits is what a conversion costs by the provider's price list, in credits of
	// [CreditPrice].
	//
	// Source: https://kie.ai/pricing, as of October 2026.
	WAVCredits = 0.4
)

// PaidTypes are the types of all tracks that are paid for: those of separations, and TypeWAV.
func PaidTypes() []SeparationType { return append(SeparationTypes(), TypeWAV) }

// Credits is what a task of a type costs by the provider's documents, in credits of [CreditPrice],
// as [Price] says it of separations; 0 for a type without a price.
func Credits(t SeparationType) float64 {
	if t == TypeWAV {
		return WAVCredits
	}
	return float64(Price(t))
}

// ConvertToWAVInput is the input of [WorkflowConvertToWAV], as JSON as a person types it into the
// Temporal UI. Only TaskID and AudioID are required. The provider converts no song that it has not
// made, and no stem.
type ConvertToWAVInput struct {
	// TaskID is the provider's id of the music task that made the track, AudioID its id of the
	// track.
	TaskID  string `json:"taskId"`
	AudioID string `json:"audioId"`
	// Title is what people call the track: displays show it, and nothing depends on it.
	Title string `json:"title,omitempty"`
	// WAVTaskID is the id of a conversion already paid for. With it the run never submits.
	WAVTaskID string `json:"wavTaskId,omitempty"`
	// Bucket and Prefix say where to archive; empty is the worker's configuration.
	Bucket string `json:"bucket,omitempty"`
	Prefix string `json:"prefix,omitempty"`
	// CallbackGrace, PollInterval and Deadline are as in [SeparateStemsInput].
	CallbackGrace Duration `json:"callbackGrace,omitempty"`
	PollInterval  Duration `json:"pollInterval,omitempty"`
	Deadline      Duration `json:"deadline,omitempty"`
	// Force asks for another conversion even if one is archived or paid for. The provider may
	// refuse to make a second one, which costs nothing: then the one that is known is taken up.
	Force bool `json:"force,omitempty"`

	// undecoded is what UnmarshalJSON could not take, for Validate to report.
	undecoded []InputProblem
}

// UnmarshalJSON never fails: see [SeparateStemsInput.UnmarshalJSON].
func (in *ConvertToWAVInput) UnmarshalJSON(data []byte) error {
	*in = ConvertToWAVInput{}
	_, in.undecoded = fieldsOf(in).decode(data, exampleTrack)
	return nil
}

// Task is the input in the form that all tasks have that are paid for, with TypeWAV.
func (in ConvertToWAVInput) Task() SeparateStemsInput {
	return SeparateStemsInput{
		TaskID: in.TaskID, AudioID: in.AudioID, Type: TypeWAV, Title: in.Title, SeparationTaskID: in.WAVTaskID,
		Bucket: in.Bucket, Prefix: in.Prefix,
		CallbackGrace: in.CallbackGrace, PollInterval: in.PollInterval, Deadline: in.Deadline, Force: in.Force,
	}
}

// Track is what is paid for once, and where it is archived.
func (in ConvertToWAVInput) Track() Track { return in.Task().Track() }

// Validate reports everything that is wrong with the input at once, as an [*InputError], or nil.
func (in ConvertToWAVInput) Validate() error {
	wrong := &InputError{}
	for _, p := range in.undecoded {
		wrong.Add(p)
	}
	of := in.Task()
	of.Type = "" // any that a separation may have: all else is checked alike
	if of.Track().IsSong() {
		wrong.Add(InputProblem{Field: "taskId", Message: "is that of a song of your own: " +
			"only music that the provider has made can be converted"})
	}
	for _, p := range of.problemsBut(in.undecoded) {
		switch p.Field {
		case "separationTaskId":
			p.Field = "wavTaskId"
		case "force":
			p.Message = "pays again and wavTaskId resumes what was paid, leave one of them out"
		}
		wrong.Add(p)
	}
	if len(wrong.Problems) > 0 {
		return wrong
	}
	return nil
}

// WAVWorkflowID is the id under which the WAV of this track is made. Two starts under this id, with
// the conflict policy "use existing", join one run.
func WAVWorkflowID(in ConvertToWAVInput) string { return in.Track().workflowID() }

// ConvertToWAVResult is the result of [WorkflowConvertToWAV].
type ConvertToWAVResult struct {
	// WAVTaskID is the provider's id of the paid conversion.
	WAVTaskID string    `json:"wavTaskId"`
	SettledBy SettledBy `json:"settledBy"`
	// Paid is as in [SeparateStemsResult]. Credits is what the run paid by the documented price, 0
	// if it has not paid.
	Paid    bool    `json:"paid"`
	Credits float64 `json:"credits"`
	// WAV is the archived file.
	WAV WAV `json:"wav"`
	// Manifest names the WAV as manifests of separations name stems: as the only one, with the name
	// [WAVName].
	Manifest ObjectRef `json:"manifest"`
	// SubmittedAt, SettledAt and ArchivedAt are as in [SeparateStemsResult].
	SubmittedAt time.Time `json:"submittedAt,omitzero"`
	SettledAt   time.Time `json:"settledAt,omitzero"`
	ArchivedAt  time.Time `json:"archivedAt,omitzero"`
}

// WAV is an archived WAV file.
type WAV struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	// Size is in bytes.
	Size int64 `json:"size"`
	// SHA256 is of the object's content, in lower-case hexadecimal.
	SHA256      string `json:"sha256"`
	ContentType string `json:"contentType"`
	// DurationSeconds is how long it plays, as measured.
	DurationSeconds float64 `json:"durationSeconds,omitzero"`
}

// WAVProgress answers [QueryProgress] of [WorkflowConvertToWAV].
type WAVProgress struct {
	// Phase is one of those of separations.
	Phase Phase  `json:"phase"`
	Title string `json:"title,omitempty"`
	// WAVTaskID is set once the provider has accepted the conversion.
	WAVTaskID string `json:"wavTaskId,omitempty"`
	// SubmissionUnknown is as in [Progress].
	SubmissionUnknown bool      `json:"submissionUnknown,omitempty"`
	SettledBy         SettledBy `json:"settledBy,omitempty"`
	// PollingFrom is when polling takes over from the callback, Deadline when the run gives up
	// waiting.
	PollingFrom time.Time `json:"pollingFrom,omitzero"`
	Deadline    time.Time `json:"deadline,omitzero"`
	// Size is that of the WAV, in bytes, once it is archived.
	Size int64 `json:"size,omitempty"`
	// Paid is as in the result. Credits is what a conversion that the run paid for costs, by the
	// documented price; 0 while it is not known whether it paid.
	Paid    bool    `json:"paid,omitempty"`
	Credits float64 `json:"credits,omitempty"`
	// Manifest is set once the WAV is archived.
	Manifest *ObjectRef `json:"manifest,omitempty"`
	// Failure is set once the run is about to end without a result, EndedAt when it ends.
	Failure *RunFailure `json:"failure,omitempty"`
	EndedAt time.Time   `json:"endedAt,omitzero"`
}

// WAVErrorDetails are the first detail of the ApplicationError with which a run of
// [WorkflowConvertToWAV] ends.
type WAVErrorDetails struct {
	// WAVTaskID is set whenever the run knows of a paid conversion: it resumes from there, unpaid.
	WAVTaskID string `json:"wavTaskId,omitempty"`
	// Paid is as in [ErrorDetails].
	Paid bool `json:"paid,omitempty"`
	// ProviderCode and ProviderMessage are the provider's own, with WAVFailed and refusals.
	ProviderCode    int    `json:"providerCode,omitempty"`
	ProviderMessage string `json:"providerMessage,omitempty"`
}
