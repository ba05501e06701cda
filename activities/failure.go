package activities

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/kie"
)

// final is an error that no retry mends.
func final(kind, message string, cause error, details ...any) error {
	return temporal.NewApplicationErrorWithOptions(message, kind, temporal.ApplicationErrorOptions{
		NonRetryable: true, Cause: cause, Details: details,
	})
}

// retryable is an error that the activity's retry policy may mend.
func retryable(kind, message string, cause error) error {
	return temporal.NewApplicationErrorWithOptions(message, kind, temporal.ApplicationErrorOptions{Cause: cause})
}

// retryableAfter is a retryable error that is tried again after a pause of its own.
func retryableAfter(pause time.Duration, kind, message string, cause error) error {
	return temporal.NewApplicationErrorWithOptions(message, kind, temporal.ApplicationErrorOptions{
		Cause: cause, NextRetryDelay: pause,
	})
}

// expected is a retryable error that is part of the plan, like "still pending": it is no alarm in
// logs and metrics.
func expected(kind, message string) error {
	return temporal.NewApplicationErrorWithOptions(message, kind, temporal.ApplicationErrorOptions{
		Category: temporal.ApplicationErrorCategoryBenign,
	})
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

// providerDetails are what the provider said, for the details of an error.
func providerDetails(err error) stemflow.ErrorDetails {
	e, ok := errors.AsType[*kie.Error](err)
	if !ok {
		return stemflow.ErrorDetails{}
	}
	return stemflow.ErrorDetails{ProviderCode: e.Code, ProviderMessage: e.Message}
}
