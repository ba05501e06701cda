package activities

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/bounded"
	"stemflow/internal/kie"
)

// final is an error that no retry mends.
func final(kind, message string, cause error, details ...any) error {
	return failed(kind, message, temporal.ApplicationErrorOptions{
		NonRetryable: true, Cause: cause, Details: details,
	})
}

// retryable is an error that the activity's retry policy may mend.
func retryable(kind, message string, cause error) error {
	return failed(kind, message, temporal.ApplicationErrorOptions{Cause: cause})
}

// retryableAfter is a retryable error that is tried again after a pause of its own.
func retryableAfter(pause time.Duration, kind, message string, cause error) error {
	return failed(kind, message, temporal.ApplicationErrorOptions{Cause: cause, NextRetryDelay: pause})
}

// expected is a retryable error that is part of the plan, like "still pending": it is no alarm in
// logs and metrics.
func expected(kind, message string) error {
	return failed(kind, message, temporal.ApplicationErrorOptions{
		Category: temporal.ApplicationErrorCategoryBenign,
	})
}

// failed makes an error that Temporal takes, whatever text of a provider, a store or a list is in
// it. One that it does not take would never be reported: the activity would time out.
func failed(kind, message string, options temporal.ApplicationErrorOptions) error {
	if options.Cause != nil && !reportable(options.Cause) {
		options.Cause = errors.New(bounded.Text(options.Cause.Error(), mostCause))
	}
	return temporal.NewApplicationErrorWithOptions(bounded.Text(message, bounded.Message), kind, options)
}

// mostCause bounds the text of a cause, in bytes: the message has most of it already.
const mostCause = 2000

// reportable reports whether Temporal takes an error with all causes behind it: it gets the text of
// each.
func reportable(err error) bool {
	for depth := 0; err != nil; depth++ {
		if text := err.Error(); depth == 20 || len(text) > mostCause || !utf8.ValidString(text) {
			return false
		}
		err = errors.Unwrap(err)
	}
	return true
}

// boundFailure is the error of an activity as it is reported.
func boundFailure(err error) error {
	_, application := errors.AsType[*temporal.ApplicationError](err)
	if err == nil || application || reportable(err) {
		return err
	}
	return failed("", err.Error(), temporal.ApplicationErrorOptions{})
}

// boundPanic makes a panic one that can be reported, where its text is too long for that. It is to
// be deferred.
func boundPanic() {
	if p := recover(); p != nil {
		text := fmt.Sprint(p)
		if err, ok := p.(error); ok {
			text = err.Error()
		}
		panic(bounded.Text(text, mostCause))
	}
}

// storeFailure is an error of the object store while there is nothing to lose by waiting for it.
func storeFailure(err error) error {
	return retryable(stemflow.ErrorArchiveUnavailable, err.Error(), err)
}

// storeRefusal is an error of the object store before anything is paid: what waiting cannot mend
// ends the run.
func storeRefusal(err error) error {
	if e, ok := errors.AsType[*archive.Error](err); ok && e.Final {
		return final(stemflow.ErrorArchiveUnavailable, err.Error(), err)
	}
	return storeFailure(err)
}

// unreadableRecord is the failure of a look at a record of the provider's that gave none.
func unreadableRecord(err error) error {
	return retryable(activityapi.ActivityErrorUnreadable, "the provider's record cannot be read: "+err.Error(), err)
}

// noRecordYet says that the provider does not know a task, which may pass: a record follows its
// task.
func noRecordYet(taskID string) error {
	return expected(activityapi.ActivityErrorNoRecord, "the provider has no record of "+taskID+" (yet)")
}

// providerDetails are what the provider said, for the details of an error.
func providerDetails(err error) stemflow.ErrorDetails {
	e, ok := errors.AsType[*kie.Error](err)
	if !ok {
		return stemflow.ErrorDetails{}
	}
	return stemflow.ErrorDetails{ProviderCode: e.Code, ProviderMessage: e.Message}
}
