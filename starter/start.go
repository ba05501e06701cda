package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/config"
)

var startCommand = command{
	name:    "start",
	summary: "separate a track, or join the separation of it that is running",
	about: `
  starter start --task-id 5c79...be8e --audio-id e231...c7dc --type split_stem --wait

Starting a track twice joins the run that is under way. A track that is archived already is not paid
for again, and a paid separation that could not be finished is taken up; --force pays anew.

--input takes the workflow's input as JSON, like {"taskId": "...", "audioId": "..."}; flags come on top of it.

--wait shows the progress and then the stems. Interrupting it leaves the separation running. --json
prints one JSON document and nothing else: the result with --wait, what was started without it, or
{"error": {"type", "message", "details"}}.`,
	flags: func(p *cli, set *flag.FlagSet) func(context.Context, []string) error {
		o := &startOptions{}
		o.declare(set)
		return func(ctx context.Context, args []string) error {
			if err := o.complete(p, set.Name(), args); err != nil {
				return err
			}
			return p.start(ctx, *o)
		}
	},
}

var resumeCommand = command{
	name:    "resume",
	summary: "archive a separation that is paid for already, by its id at the provider; it never pays",
	about: `
  starter resume --separation-task-id 3e63...71e7 --task-id 5c79...be8e --audio-id e231...c7dc --type split_stem --wait

For a separation that was paid for elsewhere, or by a run that could not tell: its id is in the
provider's log. A run of the track that is under way is joined, with the input that it was started
with.`,
	flags: func(p *cli, set *flag.FlagSet) func(context.Context, []string) error {
		o := &startOptions{}
		o.declare(set)
		return func(ctx context.Context, args []string) error {
			if err := o.complete(p, set.Name(), args); err != nil {
				return err
			}
			if o.in.SeparationTaskID == "" {
				return usageError(set.Name(), "--separation-task-id is required: it says what is paid for")
			}
			return p.start(ctx, *o)
		}
	},
}

// complete reads the input, where one is given, and then the flags once more, on top of it.
func (o *startOptions) complete(p *cli, name string, args []string) error {
	if o.inputFile == "" {
		return nil
	}
	if err := o.readInput(p.stdin); err != nil {
		return err
	}
	again := newFlagSet(name)
	o.declare(again)
	if err := again.Parse(args); err != nil {
		return usageError(name, err.Error())
	}
	return nil
}

// startOptions are the flags of start.
type startOptions struct {
	in         stemflow.SeparateStemsInput
	inputFile  string
	wait, json bool
}

// declare declares the flags. Their defaults are what the options hold.
func (o *startOptions) declare(set *flag.FlagSet) {
	in := &o.in
	trackFlags(set, in)
	archiveFlags(set, in, "the worker's")
	set.StringVar(&in.SeparationTaskID, "separation-task-id", in.SeparationTaskID,
		"`ID` of a separation that is paid for already: it is taken up, and nothing is paid")
	timingFlags(set, in)
	set.StringVar(&o.inputFile, "input", o.inputFile, "`FILE` with the input as JSON, - for standard input")
	set.BoolVar(&o.wait, "wait", o.wait, "show the progress until the separation ends")
	set.BoolVar(&o.json, "json", o.json, "print JSON only")
}

// durationFlag is a duration on the command line. Its error says what one looks like.
type durationFlag stemflow.Duration

func (d *durationFlag) String() string { return stemflow.Duration(*d).String() }

func (d *durationFlag) Set(text string) error {
	v, err := time.ParseDuration(text)
	if err != nil {
		return errors.New("write it with a unit, like 30s, 3m or 1h30m")
	}
	*d = durationFlag(v)
	return nil
}

// maxInput is far above any input.
const maxInput = 1 << 20

func (o *startOptions) readInput(stdin io.Reader) error {
	source := stdin
	if o.inputFile != "-" {
		file, err := os.Open(o.inputFile)
		if err != nil {
			return usageError("start", "the input cannot be read: "+err.Error())
		}
		defer file.Close()
		source = file
	}
	text, err := io.ReadAll(io.LimitReader(source, maxInput))
	if err != nil {
		return usageError("start", "the input cannot be read: "+err.Error())
	}
	o.in = stemflow.SeparateStemsInput{}
	if err := json.Unmarshal(text, &o.in); err != nil {
		return usageError("start", fmt.Sprintf("the input is not JSON: %v", err))
	}
	return nil
}

func (p *cli) start(ctx context.Context, o startOptions) error {
	if err := checkInput(o.in); err != nil {
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
	run, started, err := startOrJoin(
		ctx,
		c,
		cfg,
		stemflow.WorkflowID(o.in),
		title(o.in),
		stemflow.WorkflowSeparateStems,
		o.in,
	)
	if err != nil {
		return temporalFailure("the separation cannot be started", err)
	}
	if !o.json {
		p.announce(o, run, started)
	}
	switch {
	case o.wait:
		return p.wait(ctx, c, cfg, run, o.in, o.json)
	case o.json:
		p.printJSON(startedRun{WorkflowID: run.GetID(), RunID: run.GetRunID(), Started: started})
	}
	return nil
}

// startedRun is what --json prints of a start that is not waited for.
type startedRun struct {
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"`
	// Started is false if a run that was under way was joined.
	Started bool `json:"started"`
}

// startOrJoin starts a workflow of stemflow's, or joins the run that has the id; started reports
// which.
func startOrJoin(
	ctx context.Context, c client.Client, cfg config.Starter, id, summary, workflow string, in any,
) (run client.WorkflowRun, started bool, err error) {
	run, err = c.ExecuteWorkflow(withStarted(ctx, &started), client.StartWorkflowOptions{
		ID:                       id,
		TaskQueue:                cfg.TaskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		StaticSummary:            summary,
	}, workflow, in)
	return run, started, err
}

// announce prints for a person what was started, and what can be done with it.
func (p *cli) announce(o startOptions, run client.WorkflowRun, started bool) {
	if started {
		fmt.Fprintf(p.stdout, "Started %s\n", title(o.in))
	} else {
		fmt.Fprintf(p.stdout, "Joined the separation that is running: %s\nIt keeps the input that it was started "+
			"with.\n", title(o.in))
	}
	fmt.Fprintf(p.stdout, "  id      %s\n  run     %s\n", run.GetID(), run.GetRunID())
	if !o.wait {
		fmt.Fprintln(p.stdout, nextSteps(o.in))
	}
}
