package workflows

import (
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/bounded"
)

// ending is why a run ends without a result: one of the contract's error types, before it is made
// an ApplicationError.
type ending struct {
	kind    string
	message string
	details stemflow.ErrorDetails
}

func (e *ending) Error() string { return e.kind + ": " + e.message }

func endWith(kind, message string) error { return &ending{kind: kind, message: message} }

// applicationError is the type and the details of the ApplicationError within err, if there is one.
func applicationError(err error) (kind string, app *temporal.ApplicationError) {
	if errors.As(err, &app) {
		return app.Type(), app
	}
	return "", nil
}

// activityFailure is the ending for an activity's error: its own type and message, where it is of
// the contract's types; otherwise (a time-out, a lost worker, one of the activities' own signs) the
// type that the caller names. Cancellations pass.
func activityFailure(err error, otherwise string) error {
	if err == nil || temporal.IsCanceledError(err) {
		return err
	}
	kind, app := applicationError(err)
	if app == nil {
		return endWith(otherwise, err.Error())
	}
	e := &ending{kind: otherwise, message: app.Message()}
	if isErrorType(kind) {
		e.kind = kind
	}
	_ = app.Details(&e.details) // an error without details has none to add
	return e
}

// isErrorType reports whether an error's type is one of the contract's.
func isErrorType(kind string) bool {
	_, ok := stemflow.LookupErrorType(kind)
	return ok
}

// failure is what the run returns: the ending as a final ApplicationError, or the cancellation,
// with the task's id in the details of either. An ApplicationError must be the outermost
// error, or Temporal takes it for a retryable one.
func (s *separation) failure(err error) error {
	if temporal.IsCanceledError(err) {
		return s.callers.cancelled(s.task.Details(stemflow.ErrorDetails{
			SeparationTaskID: s.separationTaskID, Paid: s.paid,
		}))
	}
	ended, ok := errors.AsType[*ending](err)
	if !ok {
		return err
	}
	e := *ended // it is said more than once, and more is known each time
	if e.kind = s.kind(ended); e.kind != ended.kind {
		e.message = "the outcome of an earlier submit is unknown, and another one cannot be made: " + e.message
	}
	switch {
	case s.ownership >= fromInput:
		e.details.SeparationTaskID = s.separationTaskID
	case len(s.recorded) > 0:
		e.message += fmt.Sprintf(
			" (callbacks named %s, which the ledger now knows of: start the track again, which resumes "+
				"what is paid for)",
			strings.Join(s.recorded, ", "),
		)
	case len(s.foreign) > 0:
		e.message += fmt.Sprintf(
			" (callbacks named %s, not confirmed to be this run's: to take one of them up, start again "+
				"with it as %s)",
			strings.Join(s.foreign, ", "), s.task.Field,
		)
	}
	e.details.Paid = s.paid
	return e.application(s.task.Details(e.details))
}

// kind is the error type of an ending. What has become of a song meanwhile says nothing of a submit
// before.
func (s *separation) kind(e *ending) string {
	if s.paid && s.separationTaskID == "" && e.kind == stemflow.ErrorInvalidInput {
		return stemflow.ErrorSubmissionUnknown
	}
	return e.kind
}

// application is the ending as Temporal takes it.
func (e *ending) application(details any) error {
	return temporal.NewApplicationErrorWithOptions(
		bounded.Text(e.message, bounded.Message),
		e.kind,
		temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{details}},
	)
}

// failureWith is what a run returns that did not come to its end, with what it came to. An
// ApplicationError must be the outermost error, or Temporal takes it for a retryable one.
func failureWith(err error, result any) error {
	if temporal.IsCanceledError(err) {
		return temporal.NewCanceledError(result)
	}
	e, ok := errors.AsType[*ending](err)
	if !ok {
		return err
	}
	return e.application(result)
}
