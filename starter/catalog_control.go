package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"stemflow"
)

var catalogWatchCommand = command{
	name:    "catalog watch",
	summary: "show the progress of a catalogue, without ever starting one",
	about: `
  starter catalog watch --name june

Shows the catalogue until it ends, as "starter catalog --wait" does. If it has ended already, its end is shown.`,
	flags: func(p *cli, set *flag.FlagSet) func(context.Context, []string) error {
		names, asJSON := controlFlags(set)
		return func(ctx context.Context, _ []string) error {
			return p.onCatalog(ctx, set.Name(), *names, func(c client.Client, in stemflow.SeparateCatalogInput) error {
				return p.watchCatalog(ctx, c, in, *asJSON)
			})
		}
	},
}

var catalogPauseCommand = updateCommand("pause", "start no more tracks of a catalogue; those under way go on",
	stemflow.UpdatePause, "No more tracks are started. Those under way go on.")

var catalogResumeCommand = updateCommand("resume",
	"let a catalogue go on that is paused; one that paused by itself tries one track first",
	stemflow.UpdateResume, "The catalogue goes on.")

// triesOne is said in place of "goes on" where the catalogue had paused by itself.
const triesOne = "The catalogue tries one track, and goes on when that has succeeded."

// updateCommand is a command that sends an update without an argument.
func updateCommand(verb, summary, update, done string) command {
	return command{
		name: "catalog " + verb, summary: summary,
		about: "\n  starter catalog " + verb + " --name june",
		flags: func(p *cli, set *flag.FlagSet) func(context.Context, []string) error {
			names, asJSON := controlFlags(set)
			return func(ctx context.Context, _ []string) error {
				return p.controlCatalog(ctx, set.Name(), *names, *asJSON, done, update)
			}
		},
	}
}

var catalogWindowCommand = command{
	name:    "catalog window",
	summary: "change how many tracks of a catalogue are under way at a time",
	about: `
  starter catalog window --name june --window 20

Fewer take effect as those under way end.`,
	flags: func(p *cli, set *flag.FlagSet) func(context.Context, []string) error {
		names, asJSON := controlFlags(set)
		window := set.Int("window", 0, "`NUMBER` of tracks under way at a time")
		return func(ctx context.Context, _ []string) error {
			if *window < 1 || *window > stemflow.MaxWindow {
				return usageError(
					set.Name(),
					fmt.Sprintf("--window is required: a number between 1 and %d", stemflow.MaxWindow),
				)
			}
			return p.controlCatalog(
				ctx,
				set.Name(),
				*names,
				*asJSON,
				fmt.Sprintf("From now on %d tracks at a time.", *window),
				stemflow.UpdateSetWindow,
				*window,
			)
		}
	},
}

var catalogCancelCommand = command{
	name:    "catalog cancel",
	summary: "cancel a catalogue and its tracks that are under way",
	about: `
  starter catalog cancel --name june

What was paid is not lost: the provider finishes it, and starting the catalogue again takes it up. The report says how far it got.`,
	flags: func(p *cli, set *flag.FlagSet) func(context.Context, []string) error {
		names, asJSON := controlFlags(set)
		return func(ctx context.Context, _ []string) error {
			return p.onCatalog(ctx, set.Name(), *names, func(c client.Client, in stemflow.SeparateCatalogInput) error {
				return p.cancelCatalog(ctx, c, in, *asJSON)
			})
		}
	},
}

func controlFlags(set *flag.FlagSet) (*catalogNames, *bool) {
	names := &catalogNames{}
	names.declare(set)
	return names, set.Bool("json", false, "print JSON only")
}

// onCatalog does something with a catalogue that the flags name.
func (p *cli) onCatalog(
	ctx context.Context,
	command string,
	names catalogNames,
	do func(client.Client, stemflow.SeparateCatalogInput) error,
) error {
	if names == (catalogNames{}) {
		return usageError(command, "--name is required, or the --file or the --key that the catalogue was started with")
	}
	c, err := dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	return do(c, names.input())
}

func (p *cli) watchCatalog(ctx context.Context, c client.Client, in stemflow.SeparateCatalogInput, asJSON bool) error {
	cfg, err := p.config()
	if err != nil {
		return configurationError(err)
	}
	id := stemflow.CatalogWorkflowID(in)
	description, err := describe(ctx, c, id, "")
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return catalogNotRunning(in.Name)
	}
	if err != nil {
		return temporalFailure("the catalogue cannot be looked at", err)
	}
	if !asJSON {
		fmt.Fprintf(p.stdout, "Watching catalogue %s\n", in.Name)
	}
	run := c.GetWorkflow(ctx, id, description.GetWorkflowExecutionInfo().GetExecution().GetRunId())
	return p.waitForCatalog(ctx, c, cfg, run, in, asJSON)
}

func (p *cli) cancelCatalog(ctx context.Context, c client.Client, in stemflow.SeparateCatalogInput, asJSON bool) error {
	id := stemflow.CatalogWorkflowID(in)
	running, err := isRunning(ctx, c, id)
	if err != nil {
		return err
	}
	if !running {
		return catalogNotRunning(in.Name)
	}
	if err := c.CancelWorkflow(ctx, id, ""); err != nil {
		return temporalFailure("the catalogue cannot be cancelled", err)
	}
	if asJSON {
		p.printJSON(cancelledRun{id})
		return nil
	}
	fmt.Fprintf(p.stdout, "Asked catalogue %s to stop, and its tracks that are under way.\n"+
		"Starting it again goes on from there: what was paid is taken up, not paid twice.\n", in.Name)
	return nil
}

const (
	// controlTimeout bounds an update, which a worker has to answer.
	controlTimeout = 15 * time.Second
	// controlTries: a catalogue that is just continuing as new drops an update.
	controlTries = 5
)

// controlCatalog sends an update to a catalogue, and prints what it answers.
func (p *cli) controlCatalog(
	ctx context.Context,
	command string,
	names catalogNames,
	asJSON bool,
	done, update string,
	args ...any,
) error {
	return p.onCatalog(ctx, command, names, func(c client.Client, in stemflow.SeparateCatalogInput) error {
		progress, err := updateCatalog(ctx, c, in, update, args...)
		if err != nil {
			return err
		}
		if asJSON {
			p.printJSON(progress)
			return nil
		}
		if update == stemflow.UpdateResume && progress.Trial {
			done = triesOne
		}
		fmt.Fprintf(p.stdout, "%s\n  %s\n", done, catalogSummary(*progress))
		return nil
	})
}

func updateCatalog(
	ctx context.Context, c client.Client, in stemflow.SeparateCatalogInput, update string, args ...any,
) (*stemflow.CatalogProgress, error) {
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	id := stemflow.CatalogWorkflowID(in)
	for try := 1; ; try++ {
		handle, err := c.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
			WorkflowID: id, UpdateName: update, Args: args, WaitForStage: client.WorkflowUpdateStageCompleted,
		})
		progress := &stemflow.CatalogProgress{}
		if err == nil {
			err = handle.Get(ctx, progress)
		}
		if err == nil {
			return progress, nil
		}
		running, lookErr := isRunning(ctx, c, id)
		switch {
		case ctx.Err() != nil:
			return nil, temporalFailure(
				"the catalogue does not answer, a worker of its task queue has to run",
				ctx.Err(),
			)
		case lookErr != nil:
			return nil, lookErr
		case !running:
			return nil, catalogNotRunning(in.Name)
		case isRefusal(err):
			return nil, &failure{Type: failureRefused, Message: err.Error(), code: exitFailed}
		case try == controlTries:
			return nil, temporalFailure("the catalogue cannot be told", err)
		}
		select {
		case <-time.After(observeInterval):
		case <-ctx.Done():
		}
	}
}

// isRefusal reports whether an error is the catalogue's own answer, and not trouble on the way to
// it.
func isRefusal(err error) bool {
	_, ok := errors.AsType[*temporal.ApplicationError](err)
	return ok
}

func isRunning(ctx context.Context, c client.Client, workflowID string) (bool, error) {
	description, err := describe(ctx, c, workflowID, "")
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return false, nil
	}
	if err != nil {
		return false, temporalFailure(workflowID+" cannot be looked at", err)
	}
	return description.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, nil
}

func catalogNotRunning(name string) error {
	return &failure{
		Type: failureNotRunning, Message: "no catalogue " + name + " is running", code: exitFailed,
		hint: `temporal workflow list --query 'WorkflowType="SeparateCatalog"' lists those that are, and those that were.`,
	}
}
