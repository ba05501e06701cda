package observe

import (
	"context"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"stemflow"
	"stemflow/internal/reach"
)

// Display shows what is observed of a run. O is what is seen of it.
type Display[O any] interface {
	Show(o O, now time.Time)
	// Close leaves the terminal as it was.
	Close()
}

// UntilEnd returns how a run ended. Until then it shows what is observed of it, and shows it again
// every step, for what moves by itself.
func UntilEnd[R, O any](
	ctx context.Context,
	run client.WorkflowRun,
	d Display[O],
	step time.Duration,
	observe func(context.Context, O) O,
) (result *R, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan struct{})
	go func() {
		result, err = reach.Await[R](ctx, run)
		close(ended)
	}()
	seen := make(chan O)
	go keepObserving(ctx, observe, seen)

	defer d.Close()
	steps := time.NewTicker(step)
	defer steps.Stop()
	var last O
	for {
		select {
		case <-ended:
			return result, err
		case last = <-seen:
		case <-steps.C:
		}
		d.Show(last, time.Now())
	}
}

// untakenAfter is how long a run may wait for a worker before that is worth a word.
const untakenAfter = 3 * time.Second

// SayUntaken says so if no worker has taken a run after some seconds.
func SayUntaken(ctx context.Context, c client.Client, run client.WorkflowRun, say func(text string)) {
	select {
	case <-time.After(untakenAfter):
	case <-ctx.Done():
		return
	}
	d, err := describe(ctx, c, run.GetID(), run.GetRunID())
	if err == nil && d.GetPendingWorkflowTask().GetState() == enumspb.PENDING_WORKFLOW_TASK_STATE_SCHEDULED {
		say(noWorkerYet(d))
	}
}

// keepObserving observes a run every second until ctx ends. What it cannot see is no error: the
// display says so and goes on.
func keepObserving[O any](ctx context.Context, observe func(context.Context, O) O, seen chan<- O) {
	var last O
	for {
		last = observe(ctx, last)
		select {
		case seen <- last:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(Interval):
		case <-ctx.Done():
			return
		}
	}
}

// PaidFor returns the separation task id from a run's memo, for an end that the run itself could
// not explain; nil if there is none.
func PaidFor(ctx context.Context, c client.Client, run client.WorkflowRun) *stemflow.ErrorDetails {
	d, err := describe(ctx, c, run.GetID(), run.GetRunID())
	if err != nil {
		return nil
	}
	var id string
	payload := d.GetWorkflowExecutionInfo().GetMemo().GetFields()[stemflow.MemoSeparationTaskID]
	if payload == nil || converter.GetDefaultDataConverter().FromPayload(payload, &id) != nil || id == "" {
		return nil
	}
	return &stemflow.ErrorDetails{SeparationTaskID: id}
}

// StartedAt returns when a run was started; now, if Temporal does not say.
func StartedAt(ctx context.Context, c client.Client, run client.WorkflowRun) time.Time {
	d, err := describe(ctx, c, run.GetID(), run.GetRunID())
	if err != nil {
		return time.Now()
	}
	return d.GetWorkflowExecutionInfo().GetStartTime().AsTime()
}
