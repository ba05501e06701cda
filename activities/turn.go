package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"stemflow"
	"stemflow/internal/turns"
)

// Turns keep the calls that make a new task at the provider to a rate, over all workers.
type Turns interface {
	// Take waits for a turn. It fails with turns.ErrNoTurn, and takes none, where the next one is
	// after the deadline of ctx. Leave says that the call is over.
	Take(ctx context.Context, namespace string) (leave func(), err error)
}

// longTurn is how long a submit waits for its turn before its run is asked whether it still wants
// it.
const longTurn = 500 * time.Millisecond

// awaitTurn waits for a turn, as long as it leaves the given time of the activity's time-out. Where
// none comes by then the error is a retryable one of the given kind. The details are those of the
// heartbeat that asks whether the run still wants the call. When it fails no call was made, but an
// execution before this one, whose ledger nobody has read yet, may have made one.
func awaitTurn(
	ctx context.Context, t Turns, leaves time.Duration, kind string, details ...any,
) (leave func(), err error) {
	if t == nil {
		return func() {}, nil
	}
	info := activity.GetInfo(ctx)
	began := time.Now()
	waiting, cancel := context.WithDeadline(ctx, info.Deadline.Add(-leaves))
	defer cancel()
	for failures := 0; ; {
		leave, err = t.Take(waiting, info.Namespace)
		if err == nil && time.Since(began) > longTurn {
			activity.RecordHeartbeat(ctx, details...)
		}
		switch {
		case ctx.Err() != nil:
			if err == nil {
				leave()
			}
			return nil, fmt.Errorf("the submit was ended while it waited for its turn: %w", ctx.Err())
		case err == nil:
			return leave, nil
		case waiting.Err() != nil, errors.Is(err, turns.ErrNoTurn):
			return nil, expected(kind, fmt.Sprintf("the submit had no turn within %v, so it did not call the "+
				"provider: if this goes on, let fewer workers share the submit queue, and compare the clocks "+
				"of their machines",
				time.Since(began).Round(time.Second)))
		}
		if failures++; refusesForGood(err) || failures >= ledgerTries || pause(waiting, ledgerPause) != nil {
			text := "the object store gave the submit no turn, so it did not call the provider: " + err.Error()
			if refusesForGood(err) {
				return nil, final(stemflow.ErrorArchiveUnavailable, text, err)
			}
			return nil, retryable(stemflow.ErrorArchiveUnavailable, text, err) // a paid submit has one attempt
		}
	}
}
