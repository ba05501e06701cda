// Package ended reads from an error how a run of a separation ended, whoever waited for it.
package ended

import (
	"errors"

	"go.temporal.io/sdk/temporal"

	"stemflow"
)

// With tells how a run ended that did not end well. False is for an error that is not the run's own.
func With(err error) (stemflow.EndedSeparation, bool) {
	var (
		application *temporal.ApplicationError
		canceled    *temporal.CanceledError
		terminated  *temporal.TerminatedError
		timedOut    *temporal.TimeoutError
	)
	switch {
	case errors.As(err, &application):
		return stemflow.EndedSeparation{Reason: application.Type(), Message: application.Message(), Details: details(application)}, true
	case errors.As(err, &canceled):
		return stemflow.EndedSeparation{Reason: stemflow.ReasonCanceled, Message: "the separation was cancelled", Details: details(canceled)}, true
	case errors.As(err, &terminated):
		return stemflow.EndedSeparation{Reason: stemflow.ReasonTerminated, Message: "the separation was terminated"}, true
	case errors.As(err, &timedOut):
		return stemflow.EndedSeparation{
			Reason: stemflow.ReasonTimedOut, Message: "the workflow ran into a time-out that it was started with",
		}, true
	default:
		return stemflow.EndedSeparation{}, false
	}
}

func details(err interface {
	HasDetails() bool
	Details(...any) error
}) *stemflow.ErrorDetails {
	d := &stemflow.ErrorDetails{}
	if !err.HasDetails() || err.Details(d) != nil {
		return nil
	}
	return d
}
