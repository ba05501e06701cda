// Package failure says why a command of the starter did not succeed: for scripts as an exit code
// and as JSON, for a person in a line that ends with what to do about it.
package failure

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/outcome"
	"stemflow/starter/internal/limit"
	"stemflow/starter/internal/observe"
	"stemflow/starter/internal/view"
)

// Exit codes; docs/reference.md lists them.
const (
	ExitDone        = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitCanceled    = 3
	ExitInterrupted = 130
)

// Types of failures that are not a run's own.
const (
	TypeUsage         = "Usage"
	TypeConfiguration = "InvalidConfiguration"
	TypeTemporal      = "TemporalUnavailable"
	TypeNotRunning    = "NotRunning"
	TypeNotArchived   = "NotArchived"
	TypeDetached      = "Detached"
	TypeInterrupted   = "Interrupted"
	TypeNameTaken     = "NameTaken"
	TypeRefused       = "Refused"
	TypeIncomplete    = "Incomplete"
	TypeStillRunning  = "StillRunning"
	TypeDamaged       = stemflow.ErrorArchiveDamaged
	TypeFile          = "FileUnwritable"
	TypeUnwell        = "Unwell"
	TypeCanceled      = stemflow.ReasonCanceled
	TypeTerminated    = stemflow.ReasonTerminated
	TypeTimedOut      = stemflow.ReasonTimedOut
	TypeOther         = "Error"
)

// Command stands in a hint for the starter, which is printed as the user calls it.
const Command = "{starter}"

// Failure is why a command does not end with 0. Its JSON is the error of --json.
type Failure struct {
	// Type is one of stemflow's error types, or one of those above.
	Type    string                 `json:"type"`
	Message string                 `json:"message"`
	Details *stemflow.ErrorDetails `json:"details,omitempty"`
	// Catalog is what came to be of a catalogue.
	Catalog *stemflow.SeparateCatalogResult `json:"catalog,omitempty"`
	// CatalogShown says that a person has seen that already.
	CatalogShown bool `json:"-"`

	// Hint is what to do next, for a person.
	Hint string `json:"-"`
	Code int    `json:"-"`
	// Reported says that the output has it already.
	Reported bool `json:"-"`
}

func (f *Failure) Error() string { return f.Type + ": " + f.Message }

// Of returns the failure that an error is. An error of no known type is one, too.
func Of(err error) *Failure {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f
	}
	if f := interruption(err); f != nil {
		return f
	}
	return &Failure{Type: TypeOther, Message: err.Error(), Code: ExitFailed}
}

// Text returns the failure for a person, in one line. command is how the user calls the starter. An
// interruption is no error, and what can be done then is listed below it.
func (f *Failure) Text(command string) string {
	hint := strings.ReplaceAll(f.Hint, Command, command)
	if f.Code == ExitInterrupted {
		return strings.TrimSuffix(view.OneLine(f.Message)+"\n"+hint, "\n")
	}
	text := "error: " + f.Type + ": " + view.OneLine(f.Message)
	if d := f.details(); d != "" {
		text += " (" + d + ")"
	}
	if hint == "" {
		return text
	}
	if !strings.ContainsAny(text[len(text)-1:], ".?!") {
		text += "."
	}
	return text + " " + view.OneLine(hint)
}

// details are those that help a person.
func (f *Failure) details() string {
	var parts []string
	if d := f.Details; d != nil {
		if len(d.Stems) > 0 {
			parts = append(parts, fmt.Sprintf("archived so far: %d", len(d.Stems)))
		}
		if d.SeparationTaskID != "" {
			parts = append(parts, "separation task id: "+view.Printable(d.SeparationTaskID))
		}
	}
	return strings.Join(parts, ", ")
}

// Usage returns the failure of a wrong command line. command is the command's name, like "catalog
// watch".
func Usage(command, format string, args ...any) error {
	return &Failure{
		Type:    TypeUsage,
		Message: fmt.Sprintf(format, args...),
		Code:    ExitUsage,
		Hint:    `"` + strings.TrimSpace(Command+" "+command) + ` -h" lists the flags.`,
	}
}

// Configuration returns the failure of a wrong environment.
func Configuration(err error) error {
	return &Failure{Type: TypeConfiguration, Message: err.Error(), Code: ExitUsage}
}

// Temporal returns the failure of something that was asked of Temporal; what says what came of it,
// as in "the separation cannot be started".
func Temporal(what string, err error) *Failure {
	if f := interruption(err); f != nil {
		return f
	}
	return &Failure{
		Type: TypeTemporal, Message: fmt.Sprintf("%s: %v", what, err), Code: ExitFailed, Hint: checkTemporal,
	}
}

const checkTemporal = "Check that Temporal is up and that TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE, the profile, or " +
	"--address and --namespace lead to it."

// noTLS is what to do where Temporal takes no TLS. An API key alone turns that on, too.
const noTLS = "This address takes no TLS: set TEMPORAL_TLS=false, or give the address that does."

// Connection returns the failure of [observe.Connect].
func Connection(err error) error {
	if wrong, ok := errors.AsType[*observe.ConfigurationError](err); ok {
		return Configuration(wrong)
	}
	if f := interruption(err); f != nil {
		return f
	}
	hint := checkTemporal
	if strings.Contains(err.Error(), "first record does not look like a TLS handshake") {
		hint = noTLS
	}
	return &Failure{Type: TypeTemporal, Message: err.Error(), Code: ExitFailed, Hint: hint}
}

// Archive returns the failure of a request to the object store.
func Archive(what string, err error) error {
	if f := interruption(err); f != nil {
		return f
	}
	f := &Failure{Type: stemflow.ErrorArchiveUnavailable, Message: what + err.Error(), Code: ExitFailed}
	if _, ok := errors.AsType[*limit.Exceeded](err); ok {
		f.Hint = "Check MINIO_ENDPOINT, and that the store runs."
	}
	return f
}

// interruption is the failure of a wait that the user ended, or nil.
func interruption(err error) *Failure {
	interrupted, ok := errors.AsType[*limit.Interrupted](err)
	if !ok {
		return nil
	}
	return &Failure{Type: TypeInterrupted, Message: interrupted.Error(), Code: ExitInterrupted}
}

// Input reports everything that is wrong with an input before anything is started.
func Input(in interface{ Validate() error }) error {
	err := in.Validate()
	if invalid, ok := errors.AsType[*stemflow.InputError](err); ok {
		return invalidInput(invalid, "The flags are spelt with dashes: taskId is --task-id.")
	}
	return err
}

// List returns the failure of a list of tracks that is wrong.
func List(invalid *stemflow.InputError) error { return invalidInput(invalid, "Nothing was started.") }

func invalidInput(invalid *stemflow.InputError, hint string) error {
	// Scripts find the problems in a line each.
	lines := make([]string, len(invalid.Problems))
	for i, problem := range invalid.Problems {
		lines[i] = problem.String()
	}
	if invalid.More > 0 {
		lines = append(lines, fmt.Sprintf("and %d problems more", invalid.More))
	}
	return &Failure{
		Type: stemflow.ErrorInvalidInput, Message: strings.Join(lines, "\n"), Code: ExitUsage, Hint: hint,
	}
}

// startAgain is the hint for runs that were ended from outside.
const startAgain = "Start the track again to go on: what was paid is taken up, not paid twice."

// HintFor says what to do about a run that ended for a reason: the remedy of its error type, with
// the starter's flags in place of the input's fields.
func HintFor(reason string) string {
	switch reason {
	case TypeCanceled, TypeTerminated, TypeTimedOut:
		return startAgain
	}
	t, ok := stemflow.LookupErrorType(reason)
	if !ok {
		return ""
	}
	hint := named.ReplaceAllStringFunc(t.Remedy, func(name string) string {
		name = strings.Trim(name, "`")
		if unicode.IsUpper(rune(name[0])) {
			return name // a variable
		}
		return "--" + FlagName(name)
	})
	hint = strings.ToUpper(hint[:1]) + hint[1:] + "."
	if t.Paid == stemflow.PaidNo {
		hint += nothingPaid
	}
	return hint
}

const nothingPaid = " Nothing was paid."

// named is a name in a remedy.
var named = regexp.MustCompile("`[^`]+`")

// FlagName returns the flag of a field of the input: task-id of taskId.
func FlagName(field string) string {
	var b strings.Builder
	for _, r := range field {
		if unicode.IsUpper(r) {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// OfRun returns the failure of a run that did not end well.
func OfRun(err error) *Failure {
	end, ok := outcome.FromError(err)
	if !ok {
		return Temporal("the separation's result cannot be read", err)
	}
	return ofEnd(end)
}

// OfTask is [OfRun] for a run that is no separation: noun is what it is called.
func OfTask(noun string, err error) *Failure {
	f := OfRun(err)
	switch f.Type {
	case TypeCanceled, TypeTerminated, TypeTimedOut, TypeTemporal:
		f.Message = strings.Replace(f.Message, "the separation", "the "+noun, 1)
		f.Hint = strings.Replace(f.Hint, "the track", "the "+noun, 1)
	}
	return f
}

func ofEnd(end activityapi.EndedSeparation) *Failure {
	f := &Failure{
		Type:    end.Reason,
		Message: end.Message,
		Details: end.Details,
		Hint:    HintFor(end.Reason),
		Code:    ExitFailed,
	}
	if end.Details != nil && end.Details.Paid { // the run itself does not rule it out
		f.Hint = strings.TrimSuffix(f.Hint, nothingPaid)
	}
	switch end.Reason {
	case stemflow.ErrorInvalidInput:
		f.Code = ExitUsage
	case TypeCanceled, TypeTerminated:
		f.Code = ExitCanceled
	}
	return f
}
