package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"go.temporal.io/api/serviceerror"

	"stemflow"
)

var watchCommand = command{
	name:    "watch",
	summary: "show the progress of a separation, without ever starting one",
	about: `
  starter watch --task-id 5c79...be8e --audio-id e231...c7dc --type split_stem

Shows the separation of a track until it ends, as "starter start --wait" does. If it has ended already, its end is shown.`,
	flags: func(p *cli, set *flag.FlagSet) func(context.Context, []string) error {
		in := &stemflow.SeparateStemsInput{}
		trackFlags(set, in)
		asJSON := set.Bool("json", false, "print JSON only")
		return func(ctx context.Context, _ []string) error { return p.watch(ctx, *in, *asJSON) }
	},
}

func (p *cli) watch(ctx context.Context, in stemflow.SeparateStemsInput, asJSON bool) error {
	if err := checkInput(in); err != nil {
		return err
	}
	cfg, err := p.config()
	if err != nil {
		return configurationError(err)
	}
	c, err := dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	id := stemflow.WorkflowID(in)
	description, err := describe(ctx, c, id, "")
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return notRunning(id)
	}
	if err != nil {
		return temporalFailure("the separation cannot be looked at", err)
	}
	run := c.GetWorkflow(ctx, id, description.GetWorkflowExecutionInfo().GetExecution().GetRunId())
	if !asJSON {
		fmt.Fprintf(p.stdout, "Watching %s\n", title(in))
	}
	return p.wait(ctx, c, cfg, run, in, asJSON)
}

func notRunning(workflowID string) error {
	return &failure{
		Type: failureNotRunning, Message: "no separation " + workflowID + " is running", code: exitFailed,
		hint: "\"starter show\" reports whether it is archived; \"temporal workflow list\" lists what is running.",
	}
}
