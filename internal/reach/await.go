package reach

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
)

// reconnectPause is how long a Temporal that does not answer is left alone. A run does not depend
// on who waits for it.
const reconnectPause = 2 * time.Second

// Await returns the result of a run. It waits without a time limit, for a Temporal that is away,
// too: a run ends when it does.
func Await[R any](ctx context.Context, run client.WorkflowRun) (*R, error) {
	for {
		result := new(R)
		err := run.Get(ctx, result)
		if err == nil {
			return result, nil
		}
		if ctx.Err() != nil || !isTransient(err) {
			return nil, err
		}
		select {
		case <-time.After(reconnectPause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// isTransient reports whether an error is Temporal's for the moment, and not the run's.
func isTransient(err error) bool {
	_, unavailable := errors.AsType[*serviceerror.Unavailable](err)
	_, timedOut := errors.AsType[*serviceerror.DeadlineExceeded](err)
	_, exhausted := errors.AsType[*serviceerror.ResourceExhausted](err)
	return unavailable || timedOut || exhausted
}
