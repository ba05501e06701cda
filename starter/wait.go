package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"stemflow"
	"stemflow/internal/config"
)

// reconnectPause is how long a Temporal that does not answer is left alone. The separation does not
// depend on the starter.
const reconnectPause = 2 * time.Second

// wait shows the progress of a run until it ends, and then what it archived. in names the track
// that it separates.
func (p *cli) wait(
	ctx context.Context,
	c client.Client,
	cfg config.Starter,
	run client.WorkflowRun,
	in stemflow.SeparateStemsInput,
	asJSON bool,
) error {
	started := time.Now()
	if d, err := describe(ctx, c, run.GetID(), run.GetRunID()); err == nil {
		started = d.GetWorkflowExecutionInfo().GetStartTime().AsTime()
	}
	result, err := p.follow(ctx, c, cfg, run, started, asJSON)
	switch {
	case err != nil && ctx.Err() != nil:
		return &failure{
			Type: failureDetached, Message: "interrupted, the separation goes on by itself", code: exitInterrupted,
			hint: nextSteps(in),
		}
	case err != nil:
		f := runFailure(err)
		if f.Details == nil {
			f.Details = paidFor(ctx, c, run)
		}
		return f
	case asJSON:
		p.printJSON(result)
	default:
		p.printResult(in, result, time.Since(started))
	}
	return nil
}

// follow returns how the run ended. Until then it shows the progress, unless only JSON is wanted.
func (p *cli) follow(
	ctx context.Context, c client.Client, cfg config.Starter, run client.WorkflowRun, started time.Time, asJSON bool,
) (*stemflow.SeparateStemsResult, error) {
	if asJSON {
		return await[stemflow.SeparateStemsResult](ctx, run)
	}
	return showUntilEnd[stemflow.SeparateStemsResult](
		ctx,
		run,
		newDisplay(p, cfg, started, picture[observation]{frame, changes}),
		func(ctx context.Context, last observation) observation {
			return observeRun(ctx, c, cfg.TaskQueue, run, last)
		},
	)
}

// showUntilEnd returns how the run ended. Until then it shows what is seen of it.
func showUntilEnd[R, O any](
	ctx context.Context,
	run client.WorkflowRun,
	d display[O],
	observe func(context.Context, O) O,
) (result *R, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan struct{})
	go func() {
		result, err = await[R](ctx, run)
		close(ended)
	}()
	seen := make(chan O)
	go keepObserving(ctx, observe, seen)

	defer d.close()
	step := time.NewTicker(spinnerStep)
	defer step.Stop()
	var last O
	for {
		select {
		case <-ended:
			return result, err
		case last = <-seen:
		case <-step.C:
		}
		d.show(last, time.Now())
	}
}

// await is the result of a run, however long it takes.
func await[R any](ctx context.Context, run client.WorkflowRun) (*R, error) {
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

// paidFor is the separation task id from the run's memo, for an end that the run itself could not
// explain.
func paidFor(ctx context.Context, c client.Client, run client.WorkflowRun) *stemflow.ErrorDetails {
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

// nextSteps are the commands for a separation that goes on by itself. None of them can pay.
func nextSteps(in stemflow.SeparateStemsInput) string {
	track := trackArguments(in)
	return fmt.Sprintf(
		"  watch   starter watch%s\n  cancel  starter cancel%s\n  show    starter show%s%s  (when it is done)",
		track,
		track,
		track,
		archiveArguments(in),
	)
}
