package workflows

import (
	"errors"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/outcome"
)

// JoinSeparateStems is the workflow of one Nexus caller who asks for a separation.
func JoinSeparateStems(
	ctx workflow.Context, in stemflow.SeparateStemsInput,
) (*stemflow.SeparateStemsResult, error) {
	in.Force = in.Force && !isRepeated(ctx)
	j := joiner[stemflow.SeparateStemsResult, stemflow.ErrorDetails]{
		kind: stemflow.WorkflowSeparateStems, workflowID: stemflow.WorkflowID(in), summary: trackSummary("", in),
		args:  []any{in},
		await: activityapi.ActivityAwaitSeparation,
	}
	return j.run(ctx)
}

// JoinSeparateCatalog is the workflow of one Nexus caller who asks for a catalogue.
func JoinSeparateCatalog(
	ctx workflow.Context, in stemflow.SeparateCatalogInput,
) (*stemflow.SeparateCatalogResult, error) {
	args := []any{in}
	if isRepeated(ctx) {
		info := workflow.GetInfo(ctx)
		// The run that is begun now is another one than that which was begun before, and may have
		// separated by force.
		args = append(args, &activityapi.CatalogState{
			Repeated: true, Window: in.WithDefaults().Window, StartedAt: info.WorkflowStartTime,
			Callers: []string{info.WorkflowExecution.ID},
		})
	}
	j := joiner[stemflow.SeparateCatalogResult, stemflow.SeparateCatalogResult]{
		kind: stemflow.WorkflowSeparateCatalog, workflowID: stemflow.CatalogWorkflowID(in),
		summary: "catalogue " + in.WithDefaults().Name, args: args,
		await: activityapi.ActivityAwaitCatalog,
	}
	return j.run(ctx)
}

// joiner starts or joins a run for one caller, and waits for it. The run is the caller's as long as
// it wants it: its end is the caller's end, and that the caller is cancelled only makes it leave.
type joiner[Result, Details any] struct {
	kind, workflowID, summary string
	// args are what a run is begun with.
	args []any
	// await is the activity that looks at a run which is no child.
	await string

	// joined says that somebody else has begun the run.
	joined bool
	// end is how the run ended, once it has.
	end *activityapi.Ended[Result, Details]
}

func (j *joiner[Result, Details]) run(ctx workflow.Context) (*Result, error) {
	for range maxRestarts {
		if err := ctx.Err(); err != nil { // before anything is begun for this caller
			return nil, err
		}
		found, err := j.begin(ctx)
		if err != nil {
			return nil, err
		}
		if !found {
			continue
		}
		if left := j.wait(ctx); left {
			return nil, temporal.NewCanceledError()
		}
		// The others had left the run when this caller joined it. It is begun again.
		if j.joined && j.end.CallersLeft && ctx.Err() == nil {
			continue
		}
		break
	}
	return j.result()
}

// begin starts the run, or joins it; and reports whether it is there. One that is there may have
// ended before it could be joined.
func (j *joiner[Result, Details]) begin(ctx workflow.Context) (found bool, err error) {
	// A cancellation of this caller does not reach the run by itself.
	detached, _ := workflow.NewDisconnectedContext(ctx)
	j.end, j.joined = nil, false
	child := workflow.ExecuteChildWorkflow(sharedOptions(detached, j.workflowID, j.summary), j.kind, j.args...)
	err = child.GetChildWorkflowExecution().Get(detached, nil)
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		j.joined = true
		if !j.tell(detached, false) {
			return false, nil
		}
		workflow.Go(detached, j.awaitJoined)
		return true, nil
	}
	if err != nil {
		return false, err
	}
	workflow.Go(detached, func(ctx workflow.Context) {
		result := new(Result)
		err := child.Get(ctx, result)
		j.end = endOf[Result, Details](result, err)
	})
	return true, nil
}

func (j *joiner[Result, Details]) awaitJoined(ctx workflow.Context) {
	var end activityapi.Ended[Result, Details]
	err := workflow.ExecuteActivity(joinedOptions(ctx), j.await, activityapi.AwaitSeparationInput{
		WorkflowID: j.workflowID,
	}).Get(ctx, &end)
	if err != nil {
		end = *endOf[Result, Details](nil, err)
	}
	j.end = &end
}

// endOf is the end of a run that was awaited with this result, or this error.
func endOf[Result, Details any](result *Result, err error) *activityapi.Ended[Result, Details] {
	if err == nil {
		return &activityapi.Ended[Result, Details]{Result: result}
	}
	if end, told := outcome.Failed[Result, Details](err); told {
		return &end
	}
	if errors.Is(err, converter.ErrUnableToDecode) {
		return new(outcome.Unreadable[Result, Details](err.Error()))
	}
	return &activityapi.Ended[Result, Details]{Reason: stemflow.ReasonLost, Message: shorten(err.Error())}
}

// wait waits until the run has ended, or this caller was cancelled and has left. The last caller to
// leave gives the run, which is cancelled then, some time to say what it has paid for.
func (j *joiner[Result, Details]) wait(ctx workflow.Context) (left bool) {
	ended := func() bool { return j.end != nil }
	if workflow.Await(ctx, ended) == nil {
		return false
	}
	detached, _ := workflow.NewDisconnectedContext(ctx)
	if !j.tell(detached, true) { // the run has just ended
		_ = workflow.Await(detached, ended)
		return false
	}
	goesOn := workflow.GetSignalChannel(detached, activityapi.SignalGoesOn)
	_, _ = workflow.AwaitWithTimeout(detached, goesOnTimeout, func() bool { return ended() || goesOn.Len() > 0 })
	return !ended()
}

// tell tells the run that this caller has joined or left it. It reports whether the run goes on.
func (j *joiner[Result, Details]) tell(ctx workflow.Context, left bool) bool {
	caller := activityapi.Caller{WorkflowID: workflow.GetInfo(ctx).WorkflowExecution.ID, Left: left}
	return workflow.SignalExternalWorkflow(ctx, j.workflowID, "", activityapi.SignalCaller, caller).Get(ctx, nil) == nil
}

// result is what the caller gets: what the run returned, with the same type and details of an
// error.
func (j *joiner[Result, Details]) result() (*Result, error) {
	end := j.end
	if end == nil {
		return nil, temporal.NewNonRetryableApplicationError(
			"the run could not be joined, since it ended each time; start it again", stemflow.ReasonLost, nil)
	}
	var details []any
	if end.Details != nil {
		details = []any{end.Details}
	}
	switch {
	case end.Result != nil:
		return end.Result, nil
	case end.Reason == stemflow.ReasonCanceled:
		return nil, temporal.NewCanceledError(details...)
	default:
		return nil, temporal.NewApplicationErrorWithOptions(end.Message, end.Reason, temporal.ApplicationErrorOptions{
			NonRetryable: true, Details: details,
		})
	}
}
