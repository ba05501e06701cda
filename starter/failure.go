package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

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
	return &failure{Type: failureUsage, Message: message, code: exitUsage, hint: "starter " + command + " -h lists the flags."}
}

func configurationError(err error) error {
	return &failure{Type: failureConfiguration, Message: err.Error(), code: exitUsage}
}

// advice says what to do about a run that ended with one of the error types.
var advice = map[string]string{
	stemflow.ErrorInvalidInput:        "Correct what is named above. Nothing was paid.",
	stemflow.ErrorUnauthorized:        "Check KIE_API_KEY of the worker. Nothing was paid.",
	stemflow.ErrorInsufficientCredits: "Top up the provider's account and start again. Nothing was paid.",
	stemflow.ErrorProviderRejected: "Check the ids and the type of separation: the provider will not take them as they are. " +
		"Nothing was paid.",
	stemflow.ErrorProviderUnavailable: "Start again later. What was paid is taken up again, not paid twice.",
	stemflow.ErrorSubmissionUnknown: "Look for the task in the provider's log (https://kie.ai/logs). If it is there, start again with " +
		"--separation-task-id and its id. If it is not, start again with --force.",
	stemflow.ErrorSeparationFailed: "The provider could not separate this track; https://kie.ai/logs reports whether it was charged. " +
		"Starting again with --force pays for another try.",
	stemflow.ErrorSeparationTimedOut: "Start again, with a longer --deadline if need be: the paid separation is taken up, not paid twice.",
	stemflow.ErrorNoStems: "Start again later, which pays nothing, to see whether the stems have appeared; " +
		"--force pays for another try.",
	stemflow.ErrorSourceExpired: "Start again later, which pays nothing, unless the message says that the stems " +
		"are gone. The provider keeps them for 14 days; of those that are gone --force makes new ones, and pays for them.",
	stemflow.ErrorSourceNotAudio: "Start again later, which pays nothing, to see whether the provider serves audio then; " +
		"--allow-partial takes the other stems.",
	stemflow.ErrorSourceTooLarge: "Raise STEMFLOW_MAX_STEM_SIZE of the worker and start again, which pays nothing.",
	stemflow.ErrorSourceForbidden: "If the host is the provider's, add it to STEMFLOW_SOURCE_HOSTS of the worker and start again, " +
		"which pays nothing.",
	stemflow.ErrorSourceBlocked: "The file host refuses the worker, and the stems are still there: find out whether it " +
		"blocks the worker's address or User-Agent, or let another worker fetch them, and start again, " +
		"which pays nothing.",
	stemflow.ErrorArchiveUnavailable: "Check the object store and the MINIO_ variables of the worker, and start again. " +
		"What was paid is taken up again, not paid twice.",
	stemflow.ErrorArchiveIncomplete: "Start again, which pays nothing: the stems that are archived stay. " +
		"--allow-partial takes what can be had.",
	failureCanceled:   "Start the track again to go on: what was paid is taken up, not paid twice.",
	failureTerminated: "Start the track again to go on: what was paid is taken up, not paid twice.",
	failureTimedOut:   "Start the track again to go on: what was paid is taken up, not paid twice.",
}

// runFailure says how a run ended that did not end well.
func runFailure(err error) *failure {
	end, ok := outcome.FromError(err)
	if !ok {
		return temporalFailure("the separation's result cannot be read", err)
	}
	return failureOf(end)
}

func failureOf(end activityapi.EndedSeparation) *failure {
	f := &failure{Type: end.Reason, Message: end.Message, Details: end.Details, hint: advice[end.Reason], code: exitFailed}
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
