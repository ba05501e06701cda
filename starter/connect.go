package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/config"
	"stemflow/starter/internal/archived"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/observe"
	"stemflow/starter/internal/view"
)

// connect connects to Temporal.
func (c *cli) connect(ctx context.Context) (*observe.Temporal, error) {
	t, err := observe.Connect(ctx, c.global.server)
	if err != nil {
		return nil, failure.Connection(err)
	}
	return t, nil
}

// again is a command that asks the same Temporal.
func (c *cli) again(command string) string {
	command = c.invoked.command + " " + command
	if address := c.global.server.Address; address != "" {
		command += " --address " + view.Quote(address)
	}
	if namespace := c.global.server.Namespace; namespace != "" {
		command += " --namespace " + view.Quote(namespace)
	}
	if profile := c.global.server.Profile; profile != "" {
		command += " --profile " + view.Quote(profile)
	}
	return command
}

// openStore is the object store that the environment names, and what else the environment says.
func (c *cli) openStore() (*archive.Store, config.Starter, error) {
	cfg, cfgErr := c.config()
	minIO, minIOErr := c.minIO()
	if err := errors.Join(cfgErr, minIOErr); err != nil {
		return nil, cfg, failure.Configuration(err)
	}
	store, err := archived.Open(minIO)
	if err != nil {
		return nil, cfg, failure.Configuration(err)
	}
	return store, cfg, nil
}

// warnOfLinks warns, before links are made, of a key that links should not show.
func (c *cli) warnOfLinks() {
	minIO, err := c.minIO()
	if err != nil {
		return // which openStore reports
	}
	if warning := minIO.LinkWarning(); warning != "" {
		fmt.Fprintln(c.stderr, "warning: "+warning)
	}
}

// wait shows the progress of a run until it ends, and then what it archived. in names the track
// that it separates.
func (c *cli) wait(
	ctx context.Context,
	t *observe.Temporal,
	cfg config.Starter,
	run client.WorkflowRun,
	in stemflow.SeparateStemsInput,
) error {
	started := observe.StartedAt(ctx, t, run)
	result, err := c.follow(ctx, t, cfg, run, started)
	switch {
	case err != nil && ctx.Err() != nil:
		return &failure.Failure{
			Type: failure.TypeDetached, Message: "interrupted, the separation goes on by itself",
			Code: failure.ExitInterrupted, Hint: c.nextSteps(in),
		}
	case err != nil:
		f := failure.OfRun(err)
		if f.Details == nil {
			f.Details = observe.PaidFor(ctx, t, run)
		}
		return f
	case c.wantsJSON():
		c.printJSON(result)
	default:
		view.Result(c.stdout, in, result, time.Since(started), c.room())
	}
	return nil
}

// follow returns how the run ended. Until then it shows the progress to whoever wants to see it.
func (c *cli) follow(
	ctx context.Context, t *observe.Temporal, cfg config.Starter, run client.WorkflowRun, started time.Time,
) (*stemflow.SeparateStemsResult, error) {
	if !c.showsProgress() {
		return observe.Await[stemflow.SeparateStemsResult](ctx, run)
	}
	return observe.UntilEnd[stemflow.SeparateStemsResult](
		ctx,
		run,
		view.NewDisplay(c.screen(cfg), started, view.Separation{}),
		view.SpinnerStep,
		func(ctx context.Context, last observe.Observation) observe.Observation {
			return observe.Separation(ctx, t, cfg.TaskQueue, run, last)
		},
	)
}
