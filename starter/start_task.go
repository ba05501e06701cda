package main

import (
	"context"
	"fmt"

	"go.temporal.io/sdk/client"

	"stemflow/internal/reach"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/observe"
)

// startedTask is a run that a command starts beside a separation, or joins.
type startedTask[R any] struct {
	id, workflow, summary string
	input                 interface{ Validate() error }
	// what is what the run makes, like "WAV of e231...c7dc", and noun what it is called.
	what, noun string
	// wait waits for the result, which show prints for people.
	wait bool
	show func(*R)
}

// startTask starts a run, and waits for it where that is asked for.
func startTask[R any](ctx context.Context, c *cli, task startedTask[R]) error {
	if err := failure.Input(task.input); err != nil {
		return err
	}
	cfg, err := c.config()
	if err != nil {
		return failure.Configuration(err)
	}
	t, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer t.Close()
	run, started, err := t.Start(ctx, client.StartWorkflowOptions{
		ID: task.id, TaskQueue: cfg.TaskQueue, StaticSummary: task.summary,
	}, task.workflow, task.input)
	if err != nil {
		return notStarted("the "+task.noun+" cannot be started", err,
			"Starting it again joins the run if there is one.")
	}
	switch {
	case c.wantsJSON() && (!task.wait || c.global.format == formatJSONL):
		c.printJSON(startedRun{WorkflowID: run.GetID(), RunID: run.GetRunID(), Started: started})
	case !c.wantsJSON() && started:
		c.printf("Started the %s\n  id      %s\n  run     %s\n", task.what, task.id, run.GetRunID())
	case !c.wantsJSON():
		c.printf("Joined the %s that is running\n  id      %s\n  run     %s\n", task.noun, task.id, run.GetRunID())
	}
	if !task.wait {
		fmt.Fprintln(c.progress(), "The same command with --wait shows what becomes of it.")
		return nil
	}
	result, err := awaitTask[R](ctx, c, t, run)
	switch {
	case err != nil && ctx.Err() != nil:
		return &failure.Failure{
			Type: failure.TypeDetached, Message: "interrupted, the " + task.noun + " goes on by itself",
			Code: failure.ExitInterrupted, Hint: "The same command waits for it again.",
		}
	case err != nil:
		return failure.OfTask(task.noun, err)
	case c.wantsJSON():
		c.printJSON(result)
	default:
		task.show(result)
	}
	return nil
}

// awaitTask waits for the result of a run. If no worker takes it, it says so meanwhile.
func awaitTask[R any](ctx context.Context, c *cli, t *observe.Temporal, run client.WorkflowRun) (*R, error) {
	looking, stop := context.WithCancel(ctx)
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		observe.SayUntaken(looking, t, run, func(text string) { fmt.Fprintln(c.progress(), text) })
	}()
	defer func() { stop(); <-looked }()
	return reach.Await[R](ctx, run)
}
