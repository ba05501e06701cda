package stemflow

import (
	"slices"
	"time"
	"unicode/utf8"

	"stemflow/internal/bounded"
	"stemflow/internal/naming"
)

const (
	// WorkflowGenerateMIDI transcribes an archived separation, or one stem of it, to notes: it
	// takes a [GenerateMIDIInput] and returns a [GenerateMIDIResult]. It costs nothing. MIDI of
	// [SeparateStemsInput] does the same for all of a separation.
	WorkflowGenerateMIDI = "GenerateMIDI"

	// MemoMIDITaskID is the memo field that holds the provider's id of a transcription, from the
	// moment it is known.
	MemoMIDITaskID = "midiTaskId"
)

// GenerateMIDIInput is the input of [WorkflowGenerateMIDI], as JSON as a person types it into the
// Temporal UI. It names an archived separation as a [SeparateStemsInput] does: with TaskID and
// AudioID, or AudioURL instead of both.
type GenerateMIDIInput struct {
	TaskID      string         `json:"taskId,omitempty"`
	AudioID     string         `json:"audioId,omitempty"`
	AudioURL    string         `json:"audioUrl,omitempty"`
	AudioSHA256 string         `json:"audioSha256,omitempty"`
	Type        SeparationType `json:"type,omitempty"`
	StemName    string         `json:"stemName,omitempty"`
	// Stem is the name of the one archived stem that is transcribed, like "bass"; empty is all of
	// the separation in one. The provider hears more in a stem by itself.
	Stem string `json:"stem,omitempty"`
	// SeparationTaskID is the separation that must be archived; empty is whichever is.
	SeparationTaskID string `json:"separationTaskId,omitempty"`
	// Bucket and Prefix say where the separation is archived; empty is the worker's configuration.
	Bucket string `json:"bucket,omitempty"`
	Prefix string `json:"prefix,omitempty"`
	// CallbackGrace, PollInterval and Deadline are as in [SeparateStemsInput].
	CallbackGrace Duration `json:"callbackGrace,omitempty"`
	PollInterval  Duration `json:"pollInterval,omitempty"`
	Deadline      Duration `json:"deadline,omitempty"`
	// Force asks the provider again even if the MIDI is archived. It costs nothing either.
	Force bool `json:"force,omitempty"`

	// undecoded is what UnmarshalJSON could not take, for Validate to report.
	undecoded []InputProblem
}

// UnmarshalJSON never fails: see [SeparateStemsInput.UnmarshalJSON].
func (in *GenerateMIDIInput) UnmarshalJSON(data []byte) error {
	*in = GenerateMIDIInput{}
	_, in.undecoded = fieldsOf(in).decode(data, exampleTrack)
	return nil
}

// WithDefaults fills in the defaults that do not depend on the worker's configuration.
func (in GenerateMIDIInput) WithDefaults() GenerateMIDIInput {
	s := in.separation().WithDefaults()
	in.Type, in.CallbackGrace, in.PollInterval, in.Deadline = s.Type, s.CallbackGrace, s.PollInterval, s.Deadline
	return in
}

// separation is the input that the separation is started with, but for what only the payment needs.
func (in GenerateMIDIInput) separation() SeparateStemsInput {
	return SeparateStemsInput{
		TaskID: in.TaskID, AudioID: in.AudioID, AudioURL: in.AudioURL, AudioSHA256: in.AudioSHA256,
		Type: in.Type, StemName: in.StemName, SeparationTaskID: in.SeparationTaskID,
		Bucket: in.Bucket, Prefix: in.Prefix,
		CallbackGrace: in.CallbackGrace, PollInterval: in.PollInterval, Deadline: in.Deadline,
	}
}

// Track is the track whose separation is transcribed.
func (in GenerateMIDIInput) Track() Track { return in.separation().Track() }

// Validate reports everything that is wrong with the input at once, as an [*InputError], or nil.
func (in GenerateMIDIInput) Validate() error {
	of := in.separation()
	of.undecoded = slices.Clone(in.undecoded)
	if in.Stem != "" && !naming.IsID(in.Stem) && naming.Slug(in.Stem) == "" ||
		utf8.RuneCountInString(in.Stem) > naming.MaxStem {
		value := bounded.Quote(in.Stem)
		rule := "is no name of a stem, give one as the manifest has it, like \"bass\""
		of.undecoded = append(of.undecoded, InputProblem{Field: "stem", Message: value + " " + rule, Rule: rule})
	}
	return of.Validate()
}

// MIDIWorkflowID is the id under which MIDI of this separation, or stem, is made.
func MIDIWorkflowID(in GenerateMIDIInput) string {
	id := "midi:" + in.Track().id()
	if in.Stem != "" {
		id += ":" + in.stemID()
	}
	return id
}

// stemID is the stem's name where it is one that may stand in an id.
func (in GenerateMIDIInput) stemID() string {
	if naming.IsID(in.Stem) {
		return in.Stem
	}
	return naming.Slug(in.Stem)
}

// MIDI is a transcription of a separation, or of one stem of it, as manifests and results have it.
type MIDI struct {
	// Stem is the name of the stem that was transcribed; empty: all of the separation in one.
	Stem string `json:"stem,omitempty"`
	// MIDITaskID is the provider's id of the transcription.
	MIDITaskID string `json:"midiTaskId,omitempty"`
	// RequestedAt is when the provider had taken it.
	RequestedAt time.Time `json:"requestedAt,omitzero"`
	// JSON are the notes as the provider gives them, File is a Standard MIDI File with them. Both
	// are nil while the transcription is under way, and where it has failed.
	JSON *MIDIObject `json:"json,omitempty"`
	File *MIDIObject `json:"file,omitempty"`
	// Instruments are what was heard. There may be none, and one may have no notes: that is a
	// result.
	Instruments []MIDIInstrument `json:"instruments,omitempty"`
	ArchivedAt  time.Time        `json:"archivedAt,omitzero"`
	// Failure says in results, and never in manifests, why there is no MIDI.
	Failure *RunFailure `json:"failure,omitempty"`
}

// IsArchived reports whether the transcription is done and its objects were written.
func (m MIDI) IsArchived() bool { return m.JSON != nil && m.File != nil }

// Objects are the transcription's objects; none while it is under way.
func (m MIDI) Objects() []MIDIObject {
	if !m.IsArchived() {
		return nil
	}
	return []MIDIObject{*m.JSON, *m.File}
}

// MIDIObject is an object of a transcription.
type MIDIObject struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	// Size is in bytes.
	Size int64 `json:"size"`
	// SHA256 is of the object's content, in lower-case hexadecimal.
	SHA256      string `json:"sha256"`
	ContentType string `json:"contentType"`
}

// MIDIInstrument is a part of a transcription, and a track of its file.
type MIDIInstrument struct {
	// Name is the provider's.
	Name string `json:"name"`
	// Notes is how many notes the provider lists.
	Notes int `json:"notes"`
	// Dropped is how many of them are not in the file: their pitch is none of the 128, or nobody
	// can say when they begin.
	Dropped int `json:"dropped,omitempty"`
}

// GenerateMIDIResult is the result of [WorkflowGenerateMIDI].
type GenerateMIDIResult struct {
	// SeparationTaskID is the separation that was transcribed.
	SeparationTaskID string `json:"separationTaskId"`
	// SettledBy says how the run learned that the transcription was done. With SettledByArchive
	// nothing was asked for.
	SettledBy SettledBy `json:"settledBy"`
	MIDI      MIDI      `json:"midi"`
	// Manifest is that of the separation, which lists the MIDI.
	Manifest ObjectRef `json:"manifest"`
}

// MIDIProgress answers [QueryProgress] of [WorkflowGenerateMIDI].
type MIDIProgress struct {
	// Phase is one of those of separations.
	Phase Phase  `json:"phase"`
	Stem  string `json:"stem,omitempty"`
	// MIDITaskID is set once the provider has taken the transcription.
	MIDITaskID string `json:"midiTaskId,omitempty"`
	// PollingFrom is when polling takes over from the callback, Deadline when the run gives up
	// waiting.
	PollingFrom time.Time `json:"pollingFrom,omitzero"`
	Deadline    time.Time `json:"deadline,omitzero"`
	// Failure is set once the run is about to end without a result.
	Failure *RunFailure `json:"failure,omitempty"`
}

// MIDIErrorDetails are the first detail of the ApplicationError with which a run of
// [WorkflowGenerateMIDI] ends.
type MIDIErrorDetails struct {
	// MIDITaskID is set whenever the run knows of a transcription: a later one takes it up.
	MIDITaskID string `json:"midiTaskId,omitempty"`
	// ProviderCode and ProviderMessage are the provider's own, with MIDIFailed and refusals.
	ProviderCode    int    `json:"providerCode,omitempty"`
	ProviderMessage string `json:"providerMessage,omitempty"`
}

// MIDIInput is the input with which [WorkflowGenerateMIDI] transcribes the separation of an input.
func (in SeparateStemsInput) MIDIInput(separationTaskID string) GenerateMIDIInput {
	return GenerateMIDIInput{
		TaskID: in.TaskID, AudioID: in.AudioID, AudioURL: in.AudioURL, AudioSHA256: in.AudioSHA256,
		Type: in.Type, StemName: in.StemName, SeparationTaskID: separationTaskID,
		Bucket: in.Bucket, Prefix: in.Prefix,
		CallbackGrace: in.CallbackGrace, PollInterval: in.PollInterval, Deadline: in.Deadline,
	}
}
