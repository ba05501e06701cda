package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/config"
)

func catalogCommands() []command {
	return []command{
		catalogCommand,
		catalogWatchCommand,
		catalogPauseCommand,
		catalogResumeCommand,
		catalogWindowCommand,
		catalogCancelCommand,
	}
}

var catalogCommand = command{
	name:    "catalog",
	summary: "separate many tracks from a list, or join the run of the list that is under way",
	about: `
  starter catalog --file tracks.csv --type split_stem --credit-budget 5000 --wait
  starter catalog --key lists/june.jsonl --wait

The list is a CSV file, whose first row names the columns, or JSON lines: an object like {"taskId":
"...", "audioId": "..."} in each line. Columns and fields are those of the input of one track;
taskId and audioId are required, and what a track leaves out is as the flags say. The file is
checked, put into the bucket, and started from there; --key names a list that is in the bucket
already.

A track that fails stops no other. Starting a list again pays only for what is not archived.

--wait shows the progress and then where the report is. Interrupting it leaves the catalogue
running. --json prints one JSON document and nothing else: the result with --wait, what was started
without it, or {"error": {"type", "message", "catalog"}}.`,
	flags: func(p *cli, set *flag.FlagSet) func(context.Context, []string) error {
		o := &catalogOptions{}
		o.declare(set)
		return func(ctx context.Context, _ []string) error { return p.startCatalog(ctx, *o) }
	},
}

// catalogOptions are the flags of catalog.
type catalogOptions struct {
	catalogNames
	in stemflow.SeparateCatalogInput
	// common is what holds for all tracks.
	common     stemflow.SeparateStemsInput
	wait, json bool
}

func (o *catalogOptions) declare(set *flag.FlagSet) {
	o.catalogNames.declare(set)
	typeFlags(set, &o.common)
	archiveFlags(set, &o.common, "the worker's, and STEMFLOW_BUCKET and STEMFLOW_PREFIX for the file")
	timingFlags(set, &o.common)
	set.IntVar(
		&o.in.Window,
		"window",
		0,
		fmt.Sprintf("`NUMBER` of tracks under way at a time (default %d)", stemflow.DefaultWindow),
	)
	set.Func(
		"credit-budget",
		"`CREDITS` that may be spent, by the documented prices; 0 pays nothing (default: what the account has)",
		func(text string) error {
			budget, err := strconv.Atoi(text)
			if err != nil {
				return errors.New("write a whole number")
			}
			o.in.CreditBudget = &budget
			return nil
		},
	)
	set.BoolVar(&o.wait, "wait", false, "show the progress until all tracks have come to an end")
	set.BoolVar(&o.json, "json", false, "print JSON only")
}

// catalogNames are the flags that name a catalogue.
type catalogNames struct{ name, file, key string }

func (n *catalogNames) declare(set *flag.FlagSet) {
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
	in.Force, in.AllowPartial = common.Force, common.AllowPartial
	return in
}

func (p *cli) startCatalog(ctx context.Context, o catalogOptions) error {
	if (o.file == "") == (o.key == "") {
		return usageError(
			"catalog",
			"give the list of tracks with --file or, if it is in the bucket already, with --key",
		)
	}
	in := o.input()
	if err := checkInput(in); err != nil {
		return err
	}
	cfg, err := p.config()
	if err != nil {
		return configurationError(err)
	}
	var list *list
	if o.file != "" {
		if list, err = p.readList(o.file, in, cfg); err != nil {
			return err
		}
		defer list.file.Close()
	}
	c, err := dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if list != nil {
		if in.Source, err = list.upload(ctx); err != nil {
			return err
		}
	}
	run, started, err := startOrJoin(
		ctx,
		c,
		cfg,
		stemflow.CatalogWorkflowID(in),
		"catalogue "+in.Name,
		stemflow.WorkflowSeparateCatalog,
		in,
	)
	if err != nil {
		return temporalFailure("the catalogue cannot be started", err)
	}
	if !started {
		if err := sameSource(ctx, c, run, in); err != nil {
			return err
		}
	}
	if !o.json {
		p.announceCatalog(in, list, run, started, o.wait)
	}
	switch {
	case o.wait:
		return p.waitForCatalog(ctx, c, cfg, run, in, o.json)
	case o.json:
		p.printJSON(
			startedCatalog{
				startedRun{WorkflowID: run.GetID(), RunID: run.GetRunID(), Started: started},
				in.Name,
				*in.Source,
			},
		)
	}
	return nil
}

// startedCatalog is what --json prints of a catalogue that is not waited for.
type startedCatalog struct {
	startedRun
	Name   string             `json:"name"`
	Source stemflow.ObjectRef `json:"source"`
}

// sameSource requires that a run that was joined separates the same list: a name is easily used for
// two. A run that does not answer is believed to.
func sameSource(ctx context.Context, c client.Client, run client.WorkflowRun, in stemflow.SeparateCatalogInput) error {
	progress, err := queryProgress[stemflow.CatalogProgress](ctx, c, run.GetID(), "")
	if err != nil || progress.Source != nil && *progress.Source == *in.Source {
		return nil
	}
	other := "inline tracks"
	if progress.Source != nil {
		other = progress.Source.Key
	}
	return &failure{
		Type: failureNameTaken, code: exitUsage,
		Message: fmt.Sprintf("a catalogue of the name %s is under way, with another list: %s", in.Name, other),
		hint:    "Give this one another --name, or wait for the other: starter catalog watch --name " + quote(in.Name),
	}
}

// announceCatalog prints for a person what was started, and what can be done with it.
func (p *cli) announceCatalog(
	in stemflow.SeparateCatalogInput,
	list *list,
	run client.WorkflowRun,
	started, wait bool,
) {
	if started {
		fmt.Fprintf(p.stdout, "Started catalogue %s\n", in.Name)
	} else {
		fmt.Fprintf(p.stdout, "Joined catalogue %s, which is running\nIt keeps the input that it was started "+
			"with.\n", in.Name)
	}
	if list != nil {
		fmt.Fprintf(
			p.stdout,
			"  tracks  %s, at most %s credits\n",
			humanize.Comma(int64(list.tracks)),
			humanize.Comma(int64(list.credits)),
		)
	}
	fmt.Fprintf(
		p.stdout,
		"  list    %s\n  id      %s\n  run     %s\n",
		objectText(*in.Source),
		run.GetID(),
		run.GetRunID(),
	)
	if !wait {
		fmt.Fprintln(p.stdout, nextCatalogSteps(in.Name))
	}
}

// nextCatalogSteps are the commands for a catalogue that goes on by itself.
func nextCatalogSteps(name string) string {
	name = quote(name)
	return fmt.Sprintf(
		"  watch   starter catalog watch --name %s\n  pause   starter catalog pause --name %s\n  cancel  starter "+
			"catalog cancel --name %s",
		name,
		name,
		name,
	)
}

// objectText names an object for a person.
func objectText(ref stemflow.ObjectRef) string {
	if ref.Bucket == "" {
		return ref.Key
	}
	return "s3://" + ref.Bucket + "/" + ref.Key
}

// waitForCatalog shows the progress of a catalogue until it ends, and then where its report is. The
// runs that continue it are followed.
func (p *cli) waitForCatalog(
	ctx context.Context,
	c client.Client,
	cfg config.Starter,
	run client.WorkflowRun,
	in stemflow.SeparateCatalogInput,
	asJSON bool,
) error {
	result, err := p.followCatalog(ctx, c, cfg, run, asJSON)
	switch {
	case err != nil && ctx.Err() != nil:
		return &failure{
			Type: failureDetached, Message: "interrupted, the catalogue goes on by itself", code: exitInterrupted,
			hint: nextCatalogSteps(in.Name),
		}
	case err != nil:
		return catalogFailure(err)
	case asJSON:
		p.printJSON(result)
	default:
		p.printCatalogResult(*result)
	}
	return incomplete(*result, asJSON)
}

func (p *cli) followCatalog(
	ctx context.Context, c client.Client, cfg config.Starter, run client.WorkflowRun, asJSON bool,
) (*stemflow.SeparateCatalogResult, error) {
	if asJSON {
		return await[stemflow.SeparateCatalogResult](ctx, run)
	}
	d := newDisplay(p, cfg, time.Now(), picture[catalogObservation]{catalogFrame, catalogChanges})
	return showUntilEnd[stemflow.SeparateCatalogResult](
		ctx,
		run,
		d,
		func(ctx context.Context, last catalogObservation) catalogObservation {
			return observeCatalog(ctx, c, cfg.TaskQueue, run.GetID(), last)
		},
	)
}
