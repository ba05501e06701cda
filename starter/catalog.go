package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/config"
	"stemflow/internal/reach"
	"stemflow/starter/internal/archived"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/limit"
	"stemflow/starter/internal/observe"
	"stemflow/starter/internal/view"
)

func init() { register(groupCatalogs, newCatalogCommand) }

func newCatalogCommand(c *cli) *cobra.Command {
	cmd := c.newCommand("catalog",
		"separate many tracks from a list, or join the run of the list that is under way", `
The list is a CSV file, whose first row names the columns, or JSON lines: an object like {"taskId":
"...", "audioId": "..."} in each line. Columns and fields are those of the input of one track;
taskId and audioId are required, or audioUrl in their place, and what a track leaves out is as the
flags say. The file is checked, put into the bucket, and started from there; --key names a list that
is in the bucket already.

A track that fails stops no other. Starting a list again pays only for what is not archived.

On a terminal you are asked before anything is paid, with what it costs by what is archived and paid
for. Elsewhere --credit-budget or --yes has to say that paying is all right. --dry-run only shows the
price, and the account's balance if KIE_API_KEY is set: it changes nothing and pays nothing.

--wait shows the progress and then where the report is. Interrupting it leaves the catalogue
running. --json prints one JSON document and nothing else: the result with --wait, what was started
without it, or {"error": {"type", "message", "catalog"}}. With -o jsonl, --wait prints both, each on a
line.`,
		"catalog --file tracks.csv --type split_stem --dry-run",
		"catalog --file tracks.csv --type split_stem --credit-budget 5000 --wait",
		"catalog --key lists/june.jsonl --wait")
	commandsOnly := cmd.Args
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 && isListFile(args[0]) {
			return failure.Usage(nameOf(cmd), "%q is no command: name the list as --file %s", args[0], args[0])
		}
		return commandsOnly(cmd, args)
	}
	o := &catalogOptions{}
	o.declare(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if (o.file == "") == (o.key == "") {
			return failure.Usage(nameOf(cmd),
				"give the list of tracks with --file or, if it is in the bucket already, with --key")
		}
		if o.dryRun && o.wait {
			return failure.Usage(nameOf(cmd), "--dry-run starts nothing that --wait could wait for")
		}
		return c.startCatalog(cmd.Context(), *o)
	}
	return cmd
}

// isListFile reports whether an argument is a list of tracks, by its name or because the file is
// there.
func isListFile(arg string) bool {
	switch strings.ToLower(filepath.Ext(arg)) {
	case ".csv", ".tsv", ".jsonl", ".json", ".ndjson":
		return true
	}
	info, err := os.Stat(arg)
	return err == nil && info.Mode().IsRegular()
}

// catalogOptions are the flags of catalog.
type catalogOptions struct {
	catalogNames
	in stemflow.SeparateCatalogInput
	// common is what holds for all tracks.
	common stemflow.SeparateStemsInput
	payment
	wait bool
}

func (o *catalogOptions) declare(cmd *cobra.Command) {
	o.catalogNames.declare(cmd)
	typeFlags(cmd, &o.common)
	archiveFlags(cmd, &o.common, "the worker's, and STEMFLOW_BUCKET and STEMFLOW_PREFIX for the file")
	timingFlags(cmd, &o.common)
	set := cmd.Flags()
	set.IntVar(&o.in.Window, "window", 0,
		fmt.Sprintf("`NUMBER` of tracks under way at a time (default %d)", stemflow.DefaultWindow))
	set.Var(budgetFlag{&o.in.CreditBudget}, "credit-budget",
		"`CREDITS` that may be spent, by the documented prices; 0 pays nothing (default: what the account has)")
	o.payment.declare(set)
	set.BoolVar(&o.dryRun, "dry-run", false,
		"show what would be paid, by what is archived and paid for, and start nothing")
	set.BoolVar(&o.wait, "wait", false, "show the progress until all tracks have come to an end")
}

// budgetFlag is a number of credits, which may be 0, or not given.
type budgetFlag struct{ credits **int }

// String implements pflag.Value.
func (b budgetFlag) String() string {
	if b.credits == nil || *b.credits == nil {
		return ""
	}
	return strconv.Itoa(**b.credits)
}

// Type implements pflag.Value.
func (budgetFlag) Type() string { return "credits" }

// Set implements pflag.Value.
func (b budgetFlag) Set(text string) error {
	budget, err := strconv.Atoi(text)
	if err != nil {
		return errors.New("write a whole number")
	}
	*b.credits = &budget
	return nil
}

// catalogNames are the flags that name a catalogue.
type catalogNames struct{ name, file, key string }

func (n *catalogNames) declare(cmd *cobra.Command) {
	set := cmd.Flags()
	set.StringVar(&n.name, "name", "", "`NAME` of the catalogue (default: that of the file, without its ending)")
	set.StringVar(&n.file, "file", "", "`FILE` with the list of tracks")
	set.StringVar(&n.key, "key", "", "`KEY` of an object with the list of tracks, in place of a file")
}

// input is as much of the input as names the catalogue.
func (n catalogNames) input() stemflow.SeparateCatalogInput {
	in := stemflow.SeparateCatalogInput{Name: n.name}
	if key := cmp.Or(n.key, n.file); key != "" {
		in.Source = &stemflow.ObjectRef{Key: key}
	}
	in.Name = in.WithDefaults().Name
	return in
}

// input is the input as the flags say it.
func (o catalogOptions) input() stemflow.SeparateCatalogInput {
	in, common := o.catalogNames.input(), o.common
	in.Window, in.CreditBudget = o.in.Window, o.in.CreditBudget
	in.Type, in.StemName, in.Bucket, in.Prefix = common.Type, common.StemName, common.Bucket, common.Prefix
	in.CallbackGrace, in.PollInterval, in.Deadline = common.CallbackGrace, common.PollInterval, common.Deadline
	in.Force, in.AllowPartial, in.MIDI = common.Force, common.AllowPartial, common.MIDI
	return in
}

func (c *cli) startCatalog(ctx context.Context, o catalogOptions) error {
	in := o.input()
	if err := failure.Input(in); err != nil {
		return err
	}
	cfg, err := c.config()
	if err != nil {
		return failure.Configuration(err)
	}
	asks := o.asks(c, in)
	var list *archived.List
	var looker *archived.Looker
	if o.file != "" || o.dryRun || asks {
		store, _, err := c.openStore()
		if err != nil {
			return err
		}
		if list, err = c.openList(ctx, store, cfg, o.file, in); err != nil {
			return err
		}
		defer list.Close()
		looker = archived.NewLooker(store, cfg, in.Bucket, in.Prefix)
	}
	if err := o.check(c, "catalog", in); err != nil {
		return err
	}
	if o.dryRun {
		price, err := c.price(ctx, list, in, looker)
		if err != nil {
			return err
		}
		c.printPrice(price)
		return nil
	}
	t, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer t.Close()
	if asks {
		running, err := t.IsOpen(ctx, stemflow.CatalogWorkflowID(in))
		if err != nil {
			return failure.Temporal("it cannot be found out whether the catalogue is running", err)
		}
		if running { // joining one costs nothing, and should it end before, no other one pays unasked
			in.CreditBudget = new(int)
		} else {
			price, err := c.price(ctx, list, in, looker)
			if err == nil {
				err = c.confirm(ctx, price, &in)
			}
			if err != nil {
				return err
			}
		}
	}
	if o.file == "" {
		list = nil
	}
	return c.launchCatalog(ctx, t, cfg, list, in, o.wait)
}

func (c *cli) openList(
	ctx context.Context, store *archive.Store, cfg config.Starter, file string, in stemflow.SeparateCatalogInput,
) (*archived.List, error) {
	if file != "" {
		return archived.ReadList(store, cfg, file, in)
	}
	return archived.ReadObject(ctx, store, cfg, in)
}

// printPrice prints the price as the result of a command.
func (c *cli) printPrice(price *view.Price) {
	if c.wantsJSON() {
		c.printJSON(price)
		return
	}
	price.Print(c.forPeople())
}

// launchCatalog uploads the list, if it is a file, and starts the catalogue or joins the run of it.
func (c *cli) launchCatalog(
	ctx context.Context, t *observe.Temporal, cfg config.Starter, list *archived.List,
	in stemflow.SeparateCatalogInput, wait bool,
) (err error) {
	if list != nil {
		if in.Source, err = list.Upload(ctx); err != nil {
			return err
		}
	}
	run, started, err := t.Start(ctx, client.StartWorkflowOptions{
		ID: stemflow.CatalogWorkflowID(in), TaskQueue: cfg.TaskQueue, StaticSummary: "catalogue " + in.Name,
	}, stemflow.WorkflowSeparateCatalog, in)
	if err != nil {
		return notStarted("the catalogue cannot be started", err, "Starting it again joins the run if there is one.")
	}
	if !started {
		if err := c.sameSource(ctx, t, run, in); err != nil {
			return err
		}
	}
	c.announceCatalog(in, list, run, started, wait)
	if !wait {
		return nil
	}
	return c.waitForCatalog(ctx, t, cfg, run, in)
}

// startedCatalog is what --json prints of a catalogue that is not waited for.
type startedCatalog struct {
	startedRun
	Name   string             `json:"name"`
	Source stemflow.ObjectRef `json:"source"`
}

// sameSource requires that a run that was joined separates the same list: a name is easily used for
// two. A run that does not answer is believed to.
func (c *cli) sameSource(
	ctx context.Context, t *observe.Temporal, run client.WorkflowRun, in stemflow.SeparateCatalogInput,
) error {
	progress, err := observe.QueryProgress[stemflow.CatalogProgress](ctx, t, run.GetID(), "")
	if err != nil || mayBeSame(progress.Source, *in.Source) {
		return nil
	}
	other := "inline tracks"
	if progress.Source != nil {
		other = view.ObjectText(*progress.Source)
	}
	return &failure.Failure{
		Type: failure.TypeNameTaken, Code: failure.ExitUsage,
		Message: fmt.Sprintf("a catalogue of the name %s is under way, with another list: %s", in.Name, other),
		Hint: "Give this one another --name, or wait for the other: " +
			c.again("catalog watch --name "+view.Quote(in.Name)),
	}
}

// mayBeSame reports whether a run's list may be the one that is given. The bucket may be left out.
func mayBeSame(running *stemflow.ObjectRef, given stemflow.ObjectRef) bool {
	return running != nil && running.Key == given.Key &&
		(running.Bucket == given.Bucket || running.Bucket == "" || given.Bucket == "")
}

// announceCatalog prints what was started and, for a person, what can be done with it.
func (c *cli) announceCatalog(
	in stemflow.SeparateCatalogInput,
	list *archived.List,
	run client.WorkflowRun,
	started, wait bool,
) {
	if c.wantsJSON() {
		if !wait || c.global.format == formatJSONL {
			c.printJSON(startedCatalog{
				startedRun{WorkflowID: run.GetID(), RunID: run.GetRunID(), Started: started},
				in.Name,
				*in.Source,
			})
		}
		return
	}
	if started {
		c.printf("Started catalogue %s\n", in.Name)
	} else {
		c.printf("Joined catalogue %s, which is running\nIt keeps the input that it was started with.\n", in.Name)
	}
	if list != nil && started {
		most := list.Credits
		if in.CreditBudget != nil {
			most = min(most, *in.CreditBudget)
		}
		c.printf("  tracks  %s, at most %s credits\n", humanize.Comma(int64(list.Tracks)), humanize.Comma(int64(most)))
	}
	c.printf("  list    %s\n  id      %s\n  run     %s\n", view.ObjectText(*in.Source), run.GetID(), run.GetRunID())
	if !wait && !c.global.quiet {
		c.printf("%s\n", c.nextCatalogSteps(in.Name))
	}
}

// nextCatalogSteps are the commands for a catalogue that goes on by itself.
func (c *cli) nextCatalogSteps(name string) string {
	name = view.Quote(name)
	return fmt.Sprintf(
		"  watch   %s\n  pause   %s\n  cancel  %s",
		c.again("catalog watch --name "+name),
		c.again("catalog pause --name "+name),
		c.again("catalog cancel --name "+name),
	)
}

// waitForCatalog shows the progress of a catalogue until it ends, and then where its report is. The
// runs that continue it are followed.
func (c *cli) waitForCatalog(
	ctx context.Context,
	t *observe.Temporal,
	cfg config.Starter,
	run client.WorkflowRun,
	in stemflow.SeparateCatalogInput,
) error {
	result, err := c.followCatalog(ctx, t, cfg, run, in.Name)
	switch {
	case err != nil && ctx.Err() != nil:
		return &failure.Failure{
			Type: failure.TypeDetached, Message: "interrupted, the catalogue goes on by itself",
			Code: failure.ExitInterrupted, Hint: c.nextCatalogSteps(in.Name),
		}
	case err != nil:
		f := failure.OfCatalog(err)
		if f.Catalog != nil && !c.wantsJSON() { // before why it ended, which comes last
			view.Counts(c.forPeople(), *f.Catalog)
			c.showFailures(ctx, t, run, *f.Catalog)
			f.CatalogShown = true
		}
		return f
	case c.wantsJSON():
		c.printJSON(result)
	default:
		view.CatalogResult(c.forPeople(), *result)
		c.showFailures(ctx, t, run, *result)
	}
	return failure.Incomplete(*result, c.wantsJSON())
}

func (c *cli) followCatalog(
	ctx context.Context, t *observe.Temporal, cfg config.Starter, run client.WorkflowRun, name string,
) (*stemflow.SeparateCatalogResult, error) {
	if !c.showsProgress() {
		return reach.Await[stemflow.SeparateCatalogResult](ctx, run)
	}
	picture := view.Catalog{Resume: c.again("catalog resume --name " + view.Quote(name))}
	return observe.UntilEnd[stemflow.SeparateCatalogResult](
		ctx,
		run,
		view.NewDisplay(c.screen(cfg), time.Now(), picture),
		view.SpinnerStep,
		func(ctx context.Context, last observe.CatalogObservation) observe.CatalogObservation {
			return observe.Catalog(ctx, t, run.GetID(), last)
		},
	)
}

// onCatalog declares the flags and the argument that name a catalogue which was started before, and
// does something with it.
func (c *cli) onCatalog(
	cmd *cobra.Command, do func(context.Context, *observe.Temporal, stemflow.SeparateCatalogInput) error,
) {
	names := &catalogNames{}
	names.declare(cmd)
	nameArgument(cmd, names)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		t, err := c.connect(cmd.Context())
		if err != nil {
			return err
		}
		defer t.Close()
		return do(cmd.Context(), t, names.input())
	}
}

// nameArgument lets a command take the name of a catalogue as an argument, in place of a flag.
func nameArgument(cmd *cobra.Command, names *catalogNames) {
	cmd.Use += " [NAME]"
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return failure.Usage(nameOf(cmd), "%q is one name too many", args[1])
		}
		if len(args) == 1 {
			if *names != (catalogNames{}) {
				return failure.Usage(nameOf(cmd), "the catalogue is named twice, as %q and by a flag", args[0])
			}
			names.name = args[0]
		}
		if *names == (catalogNames{}) {
			return failure.Usage(nameOf(cmd),
				"give the name of the catalogue, or the --file or the --key that it was started with")
		}
		return failure.Input(validName{names.input()})
	}
}

// validName checks the name of a catalogue alone.
type validName struct{ in stemflow.SeparateCatalogInput }

// Validate reports what is wrong with the name.
func (v validName) Validate() error {
	in := v.in
	in.Source = &stemflow.ObjectRef{Key: "tracks.csv"}
	return in.Validate()
}

const (
	// updateTimeout bounds an update, which a worker has to answer.
	updateTimeout = 15 * time.Second
	// updateTries: a catalogue that is just continuing as new drops an update.
	updateTries = 5
)

// updateCatalog sends an update to a catalogue and returns what it answers.
func updateCatalog(
	ctx context.Context, t *observe.Temporal, in stemflow.SeparateCatalogInput, update string, args ...any,
) (*stemflow.CatalogProgress, error) {
	progress := &stemflow.CatalogProgress{}
	doing := fmt.Sprintf("waiting for a worker of the task queue of catalogue %s", in.Name)
	err := limit.Wait(ctx, updateTimeout, doing, func(ctx context.Context) error {
		return tryUpdate(ctx, t, in, progress, client.UpdateWorkflowOptions{
			WorkflowID: stemflow.CatalogWorkflowID(in), UpdateName: update, Args: args,
			WaitForStage: client.WorkflowUpdateStageCompleted,
		})
	})
	if _, ok := errors.AsType[*limit.Exceeded](err); ok {
		return nil, failure.Temporal("the catalogue does not answer, a worker of its task queue has to run", err)
	}
	return progress, err
}

func tryUpdate(
	ctx context.Context,
	t *observe.Temporal,
	in stemflow.SeparateCatalogInput,
	progress *stemflow.CatalogProgress,
	options client.UpdateWorkflowOptions,
) error {
	for try := 1; ; try++ {
		handle, err := t.UpdateWorkflow(ctx, options)
		if err == nil {
			err = handle.Get(ctx, progress)
		}
		if err == nil || ctx.Err() != nil {
			return err
		}
		open, askErr := t.IsOpen(ctx, options.WorkflowID)
		switch {
		case askErr != nil:
			return failure.Temporal(options.WorkflowID+" cannot be looked at", askErr)
		case !open:
			return failure.CatalogNotRunning(in.Name)
		case observe.IsRefusal(err):
			return &failure.Failure{Type: failure.TypeRefused, Message: err.Error(), Code: failure.ExitFailed}
		case try == updateTries:
			return failure.Temporal("the catalogue cannot be reached", err)
		}
		select {
		case <-time.After(observe.Interval):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// printUpdated prints what a catalogue answered to an update.
func (c *cli) printUpdated(done string, progress *stemflow.CatalogProgress) {
	if c.wantsJSON() {
		c.printJSON(progress)
		return
	}
	c.printf("%s\n  %s\n", done, view.CatalogSummary(*progress))
}
