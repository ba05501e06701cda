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
	"stemflow/internal/archive"
	"stemflow/internal/config"
	"stemflow/starter/internal/download"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/limit"
	"stemflow/starter/internal/observe"
	"stemflow/starter/internal/songfile"
	"stemflow/starter/internal/view"
)

func init() { register(groupSeparations, newStartCommand) }

func newStartCommand(c *cli) *cobra.Command {
	cmd := c.newCommand("start", "separate a track, or join the separation of it that is running", `
Starting a track twice joins the run that is under way. A track that is archived already is not paid
for again, and a paid separation that could not be finished is taken up; --force pays again.

A SONG of your own is a file, an https address, or an object of the store as s3://bucket/key. A file
is put into the store, and is known by its content: the same song under another name, or on another
machine, is not paid for again. At most 20 MB.

--input takes the workflow's input as JSON, like {"taskId": "...", "audioId": "..."}; flags come on top
of it.

--wait shows the progress and then the stems. Interrupting it leaves the separation running. --json
prints one JSON document and nothing else: the result with --wait, what was started without it, or
{"error": {"type", "message", "details"}}. With -o jsonl, --wait prints both, each on a line. --out
downloads the stems then, as get does.`,
		"start song.mp3 --type split_stem --wait --out stems",
		"start 5c79...be8e e231...c7dc split_stem --wait",
		"start --input track.json --deadline 1h")
	o := &startOptions{}
	o.declare(c, cmd)
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
	// out is the folder to download the stems to; empty: they are not.
	out string
	// song is the file to separate, nil if it is none.
	song *songfile.Song
}

func (o *startOptions) declare(c *cli, cmd *cobra.Command) {
	in := &o.in
	c.trackFlags(cmd, in)
	cmd.PreRunE = nil // complete names the song, once all is read
	archiveFlags(cmd, in, "the worker's")
	cmd.Flags().StringVar(&in.SeparationTaskID, "separation-task-id", "",
		"`ID` of a separation that is paid for already: it is taken up, and nothing is paid")
	timingFlags(cmd, in)
	cmd.Flags().StringVar(&o.in.Title, "title", "", "`TITLE` of the track, for displays and reports")
	cmd.Flags().StringVar(&o.inputFile, "input", "", "`FILE` with the input as JSON, - for standard input")
	cmd.Flags().BoolVar(&o.wait, "wait", false, "show the progress until the separation ends")
	cmd.Flags().StringVar(&o.out, "out", "", "`DIR` to download the stems to, when --wait has seen the end")
}

// complete reads the input, where one is given, and sets the flags once more, on top of it. Then it
// reads the song.
func (o *startOptions) complete(c *cli, cmd *cobra.Command) error {
	if o.out != "" && !o.wait {
		return failure.Usage(nameOf(cmd), `--out goes with --wait: without it, "get" downloads the stems later`)
	}
	if err := o.overInput(c, cmd); err != nil {
		return err
	}
	if o.in.AudioURL == "" {
		return nil
	}
	cfg, err := c.config()
	if err != nil {
		return failure.Configuration(err)
	}
	meant := o.in.AudioSHA256
	if o.song, err = readSong(&o.in, cfg); err == nil && o.song != nil && o.song.Cut && meant == "" {
		return &failure.Failure{
			Type: stemflow.ErrorInvalidInput, Code: failure.ExitUsage,
			Message: o.song.Name + " ends earlier than it says itself",
			Hint: "Give the whole song. If this is all there is of it, give --audio-sha256 " + o.song.SHA256 +
				" as well, which says so.",
		}
	}
	return err
}

func (o *startOptions) overInput(c *cli, cmd *cobra.Command) error {
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
	var store *archive.Store
	if o.song != nil || o.out != "" { // before anything is paid
		if store, _, err = c.openStore(); err != nil {
			return err
		}
	}
	t, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer t.Close()
	if o.song != nil {
		if err := c.uploadSong(ctx, store, cfg, o.in, o.song); err != nil {
			return err
		}
	}
	run, started, err := startSeparation(ctx, t, cfg, o.in)
	if err != nil {
		return err
	}
	c.announce(o, run, started)
	switch {
	case !o.wait:
		return nil
	case o.out == "":
		return c.wait(ctx, t, cfg, run, o.in)
	}
	return c.waitAndGet(ctx, t, cfg, run, o)
}

func startSeparation(
	ctx context.Context, t *observe.Temporal, cfg config.Starter, in stemflow.SeparateStemsInput,
) (run client.WorkflowRun, started bool, err error) {
	run, started, err = t.Start(ctx, client.StartWorkflowOptions{
		ID: stemflow.WorkflowID(in), TaskQueue: cfg.TaskQueue, StaticSummary: view.Summary(in),
	}, stemflow.WorkflowSeparateStems, in)
	if err != nil {
		return nil, false, notStarted("the separation cannot be started", err,
			"Starting the track again joins the run if there is one.")
	}
	return run, started, nil
}

// gotStems is what --json prints of a separation whose stems were downloaded.
type gotStems struct {
	*stemflow.SeparateStemsResult
	Download gotFiles `json:"download"`
}

// waitAndGet waits for a run as wait does, and downloads its stems as get does.
func (c *cli) waitAndGet(
	ctx context.Context, t *observe.Temporal, cfg config.Starter, run client.WorkflowRun, o startOptions,
) error {
	result, started, err := c.await(ctx, t, cfg, run, o.in)
	if err != nil {
		return err
	}
	if c.global.format != formatJSON {
		c.printResult(o.in, result, started)
	}
	wanted := getOptions{out: o.out}
	wanted.Input.Bucket, wanted.ManifestKey = result.Manifest.Bucket, result.Manifest.Key
	template, err := download.ParseTemplate(download.DefaultTemplate)
	if err != nil {
		return err
	}
	got, m, err := c.download(ctx, wanted, template)
	if err != nil {
		f := *failure.Of(err)
		f.Message = "the stems are archived, and not all are downloaded: " + f.Message
		f.Hint = c.invoked.command + " get" + trackArguments(o.in) + archiveArguments(o.in) +
			" --out " + view.Quote(o.out) + " goes on, unpaid."
		return &f
	}
	if c.global.format == formatJSON {
		c.printJSON(gotStems{result, got})
		return nil
	}
	if !c.wantsJSON() {
		c.printf("\n")
	}
	c.printGot(got, m)
	return nil
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
