package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/limit"
	"stemflow/starter/internal/view"
)

func init() { register(groupSeparations, newStartCommand) }

func newStartCommand(c *cli) *cobra.Command {
	cmd := c.newCommand("start", "separate a track, or join the separation of it that is running", `
Starting a track twice joins the run that is under way. A track that is archived already is not paid
for again, and a paid separation that could not be finished is taken up; --force pays again.

--input takes the workflow's input as JSON, like {"taskId": "...", "audioId": "..."}; flags come on top
of it.

--wait shows the progress and then the stems. Interrupting it leaves the separation running. --json
prints one JSON document and nothing else: the result with --wait, what was started without it, or
{"error": {"type", "message", "details"}}. With -o jsonl, --wait prints both, each on a line.`,
		"start 5c79...be8e e231...c7dc split_stem --wait",
		"start --input track.json --deadline 1h")
	o := &startOptions{}
	o.declare(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := o.complete(c, cmd); err != nil {
			return err
		}
		return c.start(cmd.Context(), *o)
	}
	return cmd
}

// startOptions are the flags of start and resume.
type startOptions struct {
	in        stemflow.SeparateStemsInput
	inputFile string
	wait      bool
}

func (o *startOptions) declare(cmd *cobra.Command) {
	in := &o.in
	trackFlags(cmd, in)
	archiveFlags(cmd, in, "the worker's")
	cmd.Flags().StringVar(&in.SeparationTaskID, "separation-task-id", "",
		"`ID` of a separation that is paid for already: it is taken up, and nothing is paid")
	timingFlags(cmd, in)
	cmd.Flags().StringVar(&o.in.Title, "title", "", "`TITLE` of the track, for displays and reports")
	cmd.Flags().StringVar(&o.inputFile, "input", "", "`FILE` with the input as JSON, - for standard input")
	cmd.Flags().BoolVar(&o.wait, "wait", false, "show the progress until the separation ends")
}

// complete reads the input, where one is given, and sets the flags once more, on top of it.
func (o *startOptions) complete(c *cli, cmd *cobra.Command) error {
	if o.inputFile == "" {
		return nil
	}
	given := map[string]string{}
	cmd.Flags().Visit(func(f *pflag.Flag) { given[f.Name] = f.Value.String() })
	if err := o.readInput(cmd, c.stdin); err != nil {
		return err
	}
	for name, value := range given {
		if err := cmd.Flags().Set(name, value); err != nil {
			return flagError(cmd, err)
		}
	}
	return nil
}

// maxInput is far above any input.
const maxInput = 1 << 20

func (o *startOptions) readInput(cmd *cobra.Command, stdin io.Reader) error {
	source := stdin
	if o.inputFile != "-" {
		file, err := os.Open(o.inputFile)
		if err != nil {
			return failure.Usage(nameOf(cmd), "the input cannot be read: %v", err)
		}
		defer file.Close()
		source = file
	}
	text, err := io.ReadAll(io.LimitReader(source, maxInput))
	if err != nil {
		return failure.Usage(nameOf(cmd), "the input cannot be read: %v", err)
	}
	o.in = stemflow.SeparateStemsInput{}
	if err := json.Unmarshal(text, &o.in); err != nil {
		return failure.Usage(nameOf(cmd), "the input is not JSON: %v", err)
	}
	return nil
}

func (c *cli) start(ctx context.Context, o startOptions) error {
	if err := failure.Input(o.in); err != nil {
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
		ID: stemflow.WorkflowID(o.in), TaskQueue: cfg.TaskQueue, StaticSummary: view.Title(o.in),
	}, stemflow.WorkflowSeparateStems, o.in)
	if err != nil {
		return notStarted("the separation cannot be started", err,
			"Starting the track again joins the run if there is one.")
	}
	c.announce(o, run, started)
	if !o.wait {
		return nil
	}
	return c.wait(ctx, t, cfg, run, o.in)
}

// notStarted is the failure of a start. Without an answer it is not known whether a run began.
func notStarted(what string, err error, hint string) error {
	f := failure.Temporal(what, err)
	if isUnanswered(err) {
		f.Hint = "Whether a run was started is not known. " + hint
	}
	return f
}

func isUnanswered(err error) bool {
	_, interrupted := errors.AsType[*limit.Interrupted](err)
	_, exceeded := errors.AsType[*limit.Exceeded](err)
	return interrupted || exceeded
}

// startedRun is what --json prints of a start that is not waited for.
type startedRun struct {
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"`
	// Started is false if a run that was under way was joined.
	Started bool `json:"started"`
}

// announce prints what was started and, for a person, what can be done with it.
func (c *cli) announce(o startOptions, run client.WorkflowRun, started bool) {
	if c.wantsJSON() {
		if !o.wait || c.global.format == formatJSONL {
			c.printJSON(startedRun{WorkflowID: run.GetID(), RunID: run.GetRunID(), Started: started})
		}
		return
	}
	if started {
		c.printf("Started %s\n", view.Title(o.in))
	} else {
		c.printf("Joined the separation that is running: %s\nIt keeps the input that it was started "+
			"with.\n", view.Title(o.in))
	}
	c.printf("  id      %s\n  run     %s\n", run.GetID(), run.GetRunID())
	if !o.wait && !c.global.quiet {
		c.printf("%s\n", c.nextSteps(o.in))
	}
}

// nextSteps are the commands for a separation that goes on by itself. None of them can pay.
func (c *cli) nextSteps(in stemflow.SeparateStemsInput) string {
	track := trackArguments(in)
	return fmt.Sprintf(
		"  watch   %s\n  cancel  %s\n  show    %s%s%s  (when it is done)",
		c.again("watch"+track),
		c.again("cancel"+track),
		c.invoked.command+" show", track, archiveArguments(in),
	)
}
