package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/outcome"
)

// Exit codes; the help lists them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitCanceled    = 3
	exitInterrupted = 130
)

// Types of failures that are not a run's own.
const (
	failureUsage         = "Usage"
	failureConfiguration = "InvalidConfiguration"
	failureTemporal      = "TemporalUnavailable"
	failureNotRunning    = "NotRunning"
	failureNotArchived   = "NotArchived"
	failureDetached      = "Detached"
	failureNameTaken     = "NameTaken"
	failureRefused       = "Refused"
	failureIncomplete    = "Incomplete"
	failureCanceled      = stemflow.ReasonCanceled
	failureTerminated    = stemflow.ReasonTerminated
	failureTimedOut      = stemflow.ReasonTimedOut
)

// failure is why a command does not end with 0. Its exported fields are the error of --json.
type failure struct {
	// Type is one of stemflow's error types, or one of those above.
	Type    string                 `json:"type"`
	Message string                 `json:"message"`
	Details *stemflow.ErrorDetails `json:"details,omitempty"`
	// Catalog is what came to be of a catalogue.
	Catalog *stemflow.SeparateCatalogResult `json:"catalog,omitempty"`

	// hint is what to do next, for a person.
	hint string
	code int
	// told says that the output has it already.
	told bool
}

func (f *failure) Error() string { return f.Type + ": " + f.Message }

func usageError(command, message string) error {
	return &failure{
		Type:    failureUsage,
		Message: message,
		code:    exitUsage,
		hint:    "starter " + command + " -h lists the flags.",
	}
}

func configurationError(err error) error {
	return &failure{Type: failureConfiguration, Message: err.Error(), code: exitUsage}
}

// goOn is the hint for runs that were ended from outside.
const goOn = "Start the track again to go on: what was paid is taken up, not paid twice."

// hintFor says what to do about a run that ended for a reason: the remedy of its error type, with
// the starter's flags in place of the input's fields.
func hintFor(reason string) string {
	switch reason {
	case failureCanceled, failureTerminated, failureTimedOut:
		return goOn
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
		return "--" + flagName(name)
	})
	hint = strings.ToUpper(hint[:1]) + hint[1:] + "."
	if t.Paid == stemflow.PaidNo {
		hint += " Nothing was paid."
	}
	return hint
}

// named is a name in a remedy.
var named = regexp.MustCompile("`[^`]+`")

// runFailure says how a run ended that did not end well.
func runFailure(err error) *failure {
	end, ok := outcome.FromError(err)
	if !ok {
		return temporalFailure("the separation's result cannot be read", err)
	}
	return failureOf(end)
}

func failureOf(end activityapi.EndedSeparation) *failure {
	f := &failure{
		Type:    end.Reason,
		Message: end.Message,
		Details: end.Details,
		hint:    hintFor(end.Reason),
		code:    exitFailed,
	}
	switch end.Reason {
	case stemflow.ErrorInvalidInput:
		f.code = exitUsage
	case failureCanceled, failureTerminated:
		f.code = exitCanceled
	}
	return f
}

func temporalFailure(what string, err error) *failure {
	return &failure{
		Type: failureTemporal, Message: fmt.Sprintf("%s: %v", what, err), code: exitFailed,
		hint: "Check that Temporal is up and that TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE, or the profile, lead to it.",
	}
}

// report prints why a command failed, if it did, and returns the exit code.
func (p *cli) report(err error, asJSON bool) int {
	if err == nil {
		return exitDone
	}
	f := &failure{Type: "Error", Message: err.Error(), code: exitFailed}
	errors.As(err, &f)
	if f.told {
		return f.code
	}
	if asJSON {
		p.printJSON(map[string]*failure{"error": f})
		return f.code
	}
	if f.code != exitInterrupted {
		fmt.Fprintf(p.stderr, "error: %s\n", f.Type)
	}
	for line := range strings.Lines(printable(f.Message, '\n')) {
		fmt.Fprintf(p.stderr, "  %s\n", strings.TrimSuffix(line, "\n"))
	}
	if d := f.Details; d != nil {
		if len(d.Stems) > 0 {
			fmt.Fprintf(p.stderr, "  archived so far: %d\n", len(d.Stems))
		}
		if d.SeparationTaskID != "" {
			fmt.Fprintf(p.stderr, "  separation task id: %s\n", d.SeparationTaskID)
		}
	}
	if f.Catalog != nil {
		fmt.Fprintln(p.stderr)
		printCounts(p.stderr, *f.Catalog)
		fmt.Fprintln(p.stderr)
	}
	if f.hint != "" {
		fmt.Fprintln(p.stderr, f.hint)
	}
	return f.code
}

// printJSON writes a value to stdout for scripts.
func (p *cli) printJSON(v any) {
	encoder := json.NewEncoder(p.stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(v) // a closed stdout wants no answer
}
