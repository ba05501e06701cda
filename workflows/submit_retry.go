package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
)

// submitRetry is how long a run goes on submitting what was not accepted.
type submitRetry struct {
	began time.Time
	// since is when a submit was not accepted first, after the last one that nobody took.
	since   time.Time
	refused int
	notYet  time.Time
	// failed counts the submits that failed within their workers.
	failed int
}

func newSubmitRetry(ctx workflow.Context) *submitRetry { return &submitRetry{began: workflow.Now(ctx)} }

// isOver reports whether a submit that was not accepted just now is not to be tried again. The time
// in the queue does not count, which may be hours. Runs from before this rule count it.
func (r *submitRetry) isOver(ctx workflow.Context) bool {
	now := workflow.Now(ctx)
	if r.since.IsZero() {
		r.since = now
	}
	return now.Sub(r.began) > retryForRefused && (now.Sub(r.since) > retryForRefused ||
		workflow.GetVersion(ctx, "queue-is-no-refusal", workflow.DefaultVersion, 1) == workflow.DefaultVersion)
}

// pause waits until the next submit; or returns why there is none.
func (r *submitRetry) pause(ctx workflow.Context, err error) error {
	now := workflow.Now(ctx)
	kind, _ := applicationError(err)
	pause, retryFor, otherwise, isOver := heldPause, retryForRefused, stemflow.ErrorProviderUnavailable, r.isOver
	switch kind {
	case activityapi.ActivityErrorSubmitHeld, activityapi.ActivityErrorSubmitNoTurn:
	case activityapi.ActivityErrorSubmitRefused:
		r.refused++
		pause = submitPause(r.refused)
	case activityapi.ActivityErrorSubmitNotYet:
		r.refused++
		if r.notYet.IsZero() {
			r.notYet = now
		}
		pause, retryFor, otherwise = submitPause(r.refused), retryForNotYet, stemflow.ErrorProviderRejected
		isOver = func(workflow.Context) bool { return now.Sub(r.notYet) > retryForNotYet }
	default:
		return activityFailure(err, stemflow.ErrorProviderUnavailable)
	}
	if isOver(ctx) {
		_, app := applicationError(err)
		return endWith(
			otherwise,
			fmt.Sprintf("no submit was accepted for %v; start the track again later: %s", retryFor, app.Message()),
		)
	}
	return workflow.Sleep(ctx, pause)
}

// pauseForWorker waits for a worker that does not fail, while a new release is brought out, or a
// person looks what is wrong.
func (r *submitRetry) pauseForWorker(ctx workflow.Context, err error, task *activityapi.Task) error {
	if r.isOver(ctx) {
		if isUnknownActivity(err) {
			return endWith(stemflow.ErrorProviderUnavailable, fmt.Sprintf("for %v the submit came to workers that do "+
				"not know %ss: bring the same release out to all workers of the submit queue, see that no other "+
				"program polls it, and start again", retryForRefused, task.Name))
		}
		return endWith(stemflow.ErrorProviderUnavailable, fmt.Sprintf("for %v the submit failed within its workers: "+
			"look at the log of the workers of the submit queue, and start again, which never pays for what is paid "+
			"for (%v)", retryForRefused, err))
	}
	r.failed++
	return workflow.Sleep(ctx, submitPause(r.failed))
}

// isUnknownActivity reports whether a worker took the submit whose release does not know this kind
// of task, or that is another program's.
func isUnknownActivity(err error) bool {
	kind, _ := applicationError(err)
	return kind == "ActivityNotRegisteredError"
}

// pausesForWorker reports whether a worker has answered to a submit that is lost, so that it may
// answer to the next one as soon. Separations from before this rule go on without a pause, and so
// do other kinds, where the worker knows them.
func (s *separation) pausesForWorker(ctx workflow.Context, err error) bool {
	if _, lost := errors.AsType[*temporal.TimeoutError](err); lost {
		return false
	}
	return s.task != activityapi.Separation && isUnknownActivity(err) ||
		workflow.GetVersion(ctx, "pause-for-worker", workflow.DefaultVersion, 1) != workflow.DefaultVersion
}
