package stemflow

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"stemflow/internal/bounded"
	"stemflow/internal/naming"
)

// Defaults and limits of the timings in [SeparateStemsInput].
const (
	DefaultCallbackGrace = Duration(3 * time.Minute)
	// DefaultPollInterval is the provider's own recommendation.
	DefaultPollInterval = Duration(30 * time.Second)
	DefaultDeadline     = Duration(45 * time.Minute)

	// MinPollInterval keeps a single run below the provider's limit on record look-ups (three a
	// second for a task).
	MinPollInterval = Duration(time.Second)
	// MaxDeadline is as long as the provider keeps results.
	MaxDeadline = Duration(14 * 24 * time.Hour)
)

// MaxTitle is how many characters a title may have.
const MaxTitle = 200

// SeparateStemsInput is the input of [WorkflowSeparateStems], as JSON as a person types it into the
// Temporal UI. Only TaskID and AudioID are required, or AudioURL instead of both.
type SeparateStemsInput struct {
	// TaskID is the provider's id of the music task that made the track.
	TaskID string `json:"taskId,omitempty"`
	// AudioID is the provider's id of the track.
	AudioID string `json:"audioId,omitempty"`
	// AudioURL is a song of one's own, of at most [MaxAudioSize]: an https address that the
	// provider can fetch, or an object of the archive's store as "s3://bucket/key", which the
	// worker hands to the provider.
	AudioURL string `json:"audioUrl,omitempty"`
	// AudioSHA256 is the SHA-256 of what AudioURL names, in hexadecimal, where it is known. Then
	// the song is known by its content, and otherwise by its address without the query: see
	// [SeparateStemsInput.Track].
	AudioSHA256 string `json:"audioSha256,omitempty"`
	// Type is what to separate; empty is SeparateVocal, as with the provider.
	Type SeparationType `json:"type,omitempty"`
	// StemName is the instrument to extract, in the provider's spelling ("Lead Vocal"): required
	// with, and only with, SplitStemAdvanced.
	StemName string `json:"stemName,omitempty"`
	// Title is what people call the track: displays and reports show it, and nothing depends on it.
	Title string `json:"title,omitempty"`
	// SeparationTaskID is the id of a separation already paid for. With it the run never submits.
	SeparationTaskID string `json:"separationTaskId,omitempty"`
	// Bucket and Prefix say where to archive; empty is the worker's configuration.
	Bucket string `json:"bucket,omitempty"`
	Prefix string `json:"prefix,omitempty"`
	// CallbackGrace is how long the run waits for the callback alone, before polling starts.
	// Default 3m.
	CallbackGrace Duration `json:"callbackGrace,omitempty"`
	// PollInterval is the pause between two polls. Default 30s.
	PollInterval Duration `json:"pollInterval,omitempty"`
	// Deadline is how long the provider may take, counted from its answer to the submit. Default
	// 45m.
	Deadline Duration `json:"deadline,omitempty"`
	// Force pays again even if an archived result or a paid separation exists.
	Force bool `json:"force,omitempty"`
	// AllowPartial lets the run succeed when some stems could not be archived.
	AllowPartial bool `json:"allowPartial,omitempty"`
	// MIDI also transcribes the separation to notes once it is archived, which costs nothing. That
	// this fails fails no separation: the result says so.
	MIDI bool `json:"midi,omitempty"`

	// undecoded is what UnmarshalJSON could not take, for Validate to report.
	undecoded []InputProblem
}

// UnmarshalJSON never fails: whatever does not decode exactly is kept for
// [SeparateStemsInput.Validate] to report, so that a run ends with InvalidInput before anything is
// paid.
func (in *SeparateStemsInput) UnmarshalJSON(data []byte) error {
	*in = SeparateStemsInput{}
	in.decode(data)
	return nil
}

// decode lays what data says over what the input says, and returns which fields it gives.
func (in *SeparateStemsInput) decode(data []byte) (given map[string]bool) {
	given, in.undecoded = fieldsOf(in).decode(data, exampleTrack)
	return given
}

const exampleTrack = `{"taskId": "...", "audioId": "..."}`

// WithDefaults fills in the defaults that do not depend on the worker's configuration.
func (in SeparateStemsInput) WithDefaults() SeparateStemsInput {
	if in.Type == "" {
		in.Type = SeparateVocal
	}
	if in.CallbackGrace == 0 {
		in.CallbackGrace = DefaultCallbackGrace
	}
	if in.PollInterval == 0 {
		in.PollInterval = DefaultPollInterval
	}
	if in.Deadline == 0 {
		in.Deadline = DefaultDeadline
	}
	return in
}

// InputField is a field of [SeparateStemsInput], which is also a column of a list of tracks.
type InputField struct {
	// Name is the field's name in JSON.
	Name string
	// Bool says that its value is true or false. All others are written as strings.
	Bool bool
}

// InputFields are the fields of [SeparateStemsInput], in its order.
func InputFields() []InputField {
	var in SeparateStemsInput
	targets := fieldsOf(&in)
	var all []InputField
	for _, name := range jsonNames(&in) {
		_, isBool := targets[name].(*bool)
		all = append(all, InputField{Name: name, Bool: isBool})
	}
	return all
}

// LookupInputField finds a field of [SeparateStemsInput] by its exact name. The error says which
// field may be meant.
func LookupInputField(name string) (InputField, error) {
	all := InputFields()
	if i := slices.IndexFunc(all, func(f InputField) bool { return f.Name == name }); i >= 0 {
		return all[i], nil
	}
	var in SeparateStemsInput
	return InputField{}, &InputError{Problems: []InputProblem{fieldsOf(&in).unknown(name)}}
}

// InputProblem is one thing that is wrong with an input.
type InputProblem struct {
	// Item is where in a list it is, like "tracks[3]" or "line 7"; empty for an input that is no
	// list.
	Item string
	// Field is the name of the field; empty when the input or the item as a whole is wrong.
	Field string
	// Message says what is wrong and what to write instead.
	Message string
	// Rule is, where Message repeats the value that is wrong, the same without it.
	Rule string
}

// WithoutValue is the problem without the value that is wrong, for those who may not read it: that
// of an object in the store, which says what somebody else has written.
func (p InputProblem) WithoutValue() InputProblem {
	if p.Rule != "" {
		p.Message = p.Rule
	}
	return p
}

// String is "item: field: message", without those that are empty.
func (p InputProblem) String() string {
	text := p.Message
	if p.Field != "" {
		text = bounded.Text(p.Field, bounded.Value) + ": " + text
	}
	if p.Item != "" {
		text = bounded.Text(p.Item, bounded.Value) + ": " + text
	}
	return text
}

// InputError lists all that is wrong with an input. However much that is, its text is short enough
// to be reported as a failure.
type InputError struct {
	// Problems are MaxProblems at most, and More counts those that are left out.
	Problems []InputProblem
	More     int
}

const (
	// MaxProblems is how many problems an [InputError] lists at most.
	MaxProblems = 50
	// maxProblem bounds the text of a problem, in bytes: the longest that does not repeat a value
	// of the input has some three hundred. maxProblems bounds the text of all of them.
	maxProblem  = 1000
	maxProblems = bounded.Message - 1000
)

// Add adds a problem, cut where it is too long to be reported, and as UTF-8.
func (e *InputError) Add(problem InputProblem) {
	if len(e.Problems) >= MaxProblems {
		e.More++
		return
	}
	e.Problems = append(e.Problems, InputProblem{
		Item:    bounded.Text(problem.Item, bounded.Value),
		Field:   bounded.Text(problem.Field, bounded.Value),
		Message: bounded.Text(problem.Message, maxProblem),
		Rule:    bounded.Text(problem.Rule, maxProblem),
	})
}

// addAll adds the problems of an item in a list.
func (e *InputError) addAll(item string, of *InputError) {
	for _, problem := range of.Problems {
		problem.Item = item
		e.Add(problem)
	}
	e.More += of.More
}

// Error is all problems that there is room for, and how many there are beyond.
func (e *InputError) Error() string {
	var b strings.Builder
	more := e.More
	for i, problem := range e.Problems {
		text := bounded.Text(problem.String(), maxProblem+3*bounded.Value)
		if i == MaxProblems || b.Len()+len(text) > maxProblems {
			more += len(e.Problems) - i
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(text)
	}
	if more > 0 {
		fmt.Fprintf(&b, "; and %d problems more", more)
	}
	return b.String()
}

// nameProblem is what is wrong with a bucket or a prefix.
func nameProblem(field string, err error) InputProblem {
	p := InputProblem{Field: field, Message: err.Error()}
	if wrong, ok := err.(*naming.Error); ok {
		p.Rule = wrong.Rule
	}
	return p
}

// problemsBut is what is wrong with the input as a part of one that takes no song of one's own,
// except for fields of that one which did not decode.
func (in SeparateStemsInput) problemsBut(undecoded []InputProblem) []InputProblem {
	err, ok := in.Validate().(*InputError)
	if !ok {
		return nil
	}
	if in.TaskID == "" {
		for i, p := range err.Problems {
			if p.Field == "taskId" {
				err.Problems[i].Message = "is required, give " + musicTaskID
			}
		}
	}
	return slices.DeleteFunc(err.Problems, func(p InputProblem) bool { return !decoded(undecoded, p.Field) })
}

const musicTaskID = "the id of the music task that made the track"

// Validate reports everything that is wrong with the input at once, as an [*InputError], or nil.
func (in SeparateStemsInput) Validate() error {
	wrong := &InputError{}
	for _, p := range in.undecoded {
		wrong.Add(p)
	}
	report := func(field, format string, args ...any) {
		wrong.Add(InputProblem{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	// reportValue shows the value before what is wrong with it.
	reportValue := func(field, value, format string, args ...any) {
		rule := fmt.Sprintf(format, args...)
		wrong.Add(InputProblem{Field: field, Message: value + " " + rule, Rule: rule})
	}
	checkID := func(field, value, meaning string) {
		if value == "" {
			if decoded(in.undecoded, field) {
				report(field, "is required, give %s", meaning)
			}
		} else if !naming.IsID(value) {
			reportValue(field, bounded.Quote(value),
				"is not an id of the provider (letters, digits, '.', '_' and '-', at most 128)")
		}
	}
	if in.AudioURL == "" && decoded(in.undecoded, "audioUrl") {
		checkID("taskId", in.TaskID, musicTaskID+", or audioUrl for a song of your own")
		checkID("audioId", in.AudioID, "the id of the track within its music task")
	}
	for _, p := range in.songProblems() {
		wrong.Add(p)
	}
	if in.SeparationTaskID != "" {
		checkID("separationTaskId", in.SeparationTaskID, "")
	}

	filled := in.WithDefaults()
	if !slices.Contains(SeparationTypes(), filled.Type) {
		reportValue("type", bounded.Quote(string(in.Type)), "is unknown, use %s, %s or %s",
			SeparateVocal, SplitStem, SplitStemAdvanced)
	}
	switch {
	case filled.Type == SplitStemAdvanced && in.StemName == "" && decoded(in.undecoded, "stemName"):
		report(
			"stemName",
			"is required with type %s, give the instrument to extract, like \"Lead Vocal\"",
			SplitStemAdvanced,
		)
	case filled.Type == SplitStemAdvanced &&
		in.StemName != "" && (naming.Slug(in.StemName) == "" ||
		utf8.RuneCountInString(in.StemName) > naming.MaxStemName):
		reportValue("stemName", bounded.Quote(in.StemName),
			"is no name of an instrument, give one in the provider's spelling, like \"Lead Vocal\"")
	case filled.Type != SplitStemAdvanced && in.StemName != "":
		report("stemName", "goes only with type %s, leave it out or change the type", SplitStemAdvanced)
	}
	if utf8.RuneCountInString(in.Title) > MaxTitle {
		report("title", "has more than %d characters, shorten it", MaxTitle)
	}
	if in.SeparationTaskID != "" && in.Force {
		report("force", "pays again and separationTaskId resumes what was paid, leave one of them out")
	}

	if in.Bucket != "" {
		if err := naming.CheckBucket(in.Bucket); err != nil {
			wrong.Add(nameProblem("bucket", err))
		}
	}
	if err := naming.CheckPrefix(in.Prefix); err != nil {
		wrong.Add(nameProblem("prefix", err))
	}

	if filled.CallbackGrace < 0 {
		reportValue("callbackGrace", in.CallbackGrace.String(), "is negative, give a duration like \"3m\"")
	}
	if filled.PollInterval < MinPollInterval {
		reportValue("pollInterval", in.PollInterval.String(),
			"is too short for the provider's limits, give at least %v", MinPollInterval)
	}
	if filled.Deadline < filled.PollInterval || filled.Deadline > MaxDeadline {
		p := InputProblem{Field: "deadline"}
		p.Message = fmt.Sprintf("%v must be at least the poll interval (%v) and at most %v",
			in.Deadline, filled.PollInterval, MaxDeadline)
		p.Rule = fmt.Sprintf("must be at least the poll interval and at most %v", MaxDeadline)
		wrong.Add(p)
	}
	if len(wrong.Problems) > 0 {
		return wrong
	}
	return nil
}
