package main

import (
	"context"
	"time"

	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/config"
	"stemflow/internal/reach"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/observe"
	"stemflow/starter/internal/view"
)

// wait shows the progress of a run until it ends, and then what it archived. in names the track
// that it separates.
func (c *cli) wait(
	ctx context.Context,
	t *observe.Temporal,
	cfg config.Starter,
	run client.WorkflowRun,
	in stemflow.SeparateStemsInput,
) error {
	result, started, err := c.await(ctx, t, cfg, run, in)
	if err != nil {
		return err
	}
	c.printResult(in, result, started)
	return nil
}

// await shows the progress of a run until it ends. The error is a [*failure.Failure].
func (c *cli) await(
	ctx context.Context, t *observe.Temporal, cfg config.Starter, run client.WorkflowRun,
	in stemflow.SeparateStemsInput,
) (result *stemflow.SeparateStemsResult, started time.Time, err error) {
	started = observe.StartedAt(ctx, t, run)
	result, err = c.follow(ctx, t, cfg, run, started)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, started, &failure.Failure{
			Type: failure.TypeDetached, Message: "interrupted, the separation goes on by itself",
			Code: failure.ExitInterrupted, Hint: c.nextSteps(in),
		}
	case err != nil:
		f := failure.OfRun(err)
		if f.Details == nil {
			f.Details = observe.PaidFor(ctx, t, run)
		}
		return nil, started, f
	}
	return result, started, nil
}

func (c *cli) printResult(in stemflow.SeparateStemsInput, result *stemflow.SeparateStemsResult, started time.Time) {
	if c.wantsJSON() {
		c.printJSON(result)
		return
	}
	view.Result(c.forPeople(), in, result, time.Since(started), c.room(view.DefaultRoom))
}

// follow returns how the run ended. Until then it shows the progress, unless that is
// switched off.
func (c *cli) follow(
	ctx context.Context, t *observe.Temporal, cfg config.Starter, run client.WorkflowRun, started time.Time,
) (*stemflow.SeparateStemsResult, error) {
	if !c.showsProgress() {
		return reach.Await[stemflow.SeparateStemsResult](ctx, run)
	}
	return observe.UntilEnd[stemflow.SeparateStemsResult](
		ctx,
		run,
		view.NewDisplay(c.screen(cfg), started, view.Separation{}),
		view.SpinnerStep,
		func(ctx context.Context, last observe.Observation) observe.Observation {
			return observe.Separation(ctx, t, run, last)
		},
	)
}
