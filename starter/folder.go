package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/config"
	"stemflow/internal/reach"
	"stemflow/starter/internal/archived"
	"stemflow/starter/internal/arrivals"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/observe"
	"stemflow/starter/internal/songfile"
	"stemflow/starter/internal/view"
)

func init() { register(groupSeparations, newFolderCommand) }

const (
	// folderPause is the pause between two looks at a folder, and folderSettle over how many of
	// them a file has to stay the same: ten seconds, in which a program that writes it writes
	// something.
	folderPause  = 2 * time.Second
	folderSettle = 5
	// folderWindow is how many separations are under way at a time.
	folderWindow = 20
)

func newFolderCommand(c *cli) *cobra.Command {
	cmd := c.newCommand("folder", "separate each song that arrives in a folder, until it is interrupted", `
Takes what is in the folder and the folders in it, and what comes later. Each song is separated once,
by its content: a copy under another name is not, and starting again finds what is done. A file that
is still being written is waited for: it is taken when it has not changed for ten seconds. What is no
audio, or larger than 20 MB, is skipped.

--credit-budget bounds what this command pays, by the documented prices: beyond it nothing is
started. It begins anew when the command is started again. --yes pays as much as the account has.

Prints a line for each file and each end, with -o jsonl as JSON. Interrupting it ends the watching:
what was started goes on in Temporal.

Have no other command download stems into the folder: they would be separated, too.`,
		"folder in --type split_stem --credit-budget 1000",
		"folder in --yes -o jsonl")
	o := &folderOptions{}
	typeFlags(cmd, &o.in)
	archiveFlags(cmd, &o.in, "STEMFLOW_BUCKET and STEMFLOW_PREFIX")
	set := cmd.Flags()
	set.StringVar(&o.dir, "dir", "", "`DIR` to watch, in place of the argument")
	set.Var(budgetFlag{&o.budget}, "credit-budget",
		"`CREDITS` that may be spent, by the documented prices; 0 pays nothing")
	set.BoolVarP(&o.yes, "yes", "y", false, "pay as much as the account has")
	cmd.Use += " [DIR]"
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 || len(args) == 1 && o.dir != "" {
			return failure.Usage(nameOf(cmd), "%q is one folder too many", args[len(args)-1])
		}
		if len(args) == 1 {
			o.dir = args[0]
		}
		return nil
	}
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := o.check(c, cmd); err != nil {
			return err
		}
		looks := time.NewTicker(folderPause)
		defer looks.Stop()
		return c.watchFolder(cmd.Context(), *o, looks.C)
	}
	return cmd
}

// folderOptions are the flags of folder.
type folderOptions struct {
	// in is what holds for all songs.
	in     stemflow.SeparateStemsInput
	dir    string
	budget *int
	yes    bool
}

func (o *folderOptions) check(c *cli, cmd *cobra.Command) error {
	info, err := os.Stat(o.dir)
	sample := o.in
	sample.AudioURL = "s3://bucket/song"
	switch {
	case o.dir == "":
		return failure.Usage(nameOf(cmd), "give the folder to watch")
	case err != nil:
		return failure.Usage(nameOf(cmd), "the folder cannot be read: %v", err)
	case !info.IsDir():
		return failure.Usage(nameOf(cmd), "%s is no folder", o.dir)
	case o.budget == nil && !o.yes:
		return failure.Usage(nameOf(cmd),
			"nobody is asked here whether to pay: give --credit-budget CREDITS, or --yes to pay as much as the "+
				"account has")
	case o.budget != nil && *o.budget < 0:
		return failure.Usage(nameOf(cmd), "--credit-budget is negative: give 0 to pay nothing")
	case c.global.format == formatJSON:
		return failure.Usage(nameOf(cmd), "there is no one result: use -o jsonl")
	}
	return failure.Input(sample)
}

// What is printed of a file.
const (
	eventStarted  = "started"
	eventJoined   = "joined"
	eventDone     = "done"
	eventFailed   = "failed"
	eventArchived = "archived"
	eventSame     = "same"
	eventSkipped  = "skipped"
	eventUnpaid   = "not started"
)

// folderEvent is what -o jsonl prints of a file.
type folderEvent struct {
	File  string `json:"file"`
	Event string `json:"event"`
	// SHA256 is of its content, and WorkflowID of its run.
	SHA256     string `json:"sha256,omitempty"`
	WorkflowID string `json:"workflowId,omitempty"`
	// Credits is what it may cost by the documented prices, Stems how many are archived.
	Credits int    `json:"credits,omitempty"`
	Stems   int    `json:"stems,omitempty"`
	Message string `json:"message,omitempty"`
}

// folderWatch separates what arrives in a folder.
type folderWatch struct {
	c      *cli
	o      folderOptions
	cfg    config.Starter
	store  *archive.Store
	t      *observe.Temporal
	looker *archived.Looker
	files  arrivals.Watcher
	// first are the files in which songs were first seen, by their SHA-256.
	first map[string]string
	// asked are songs for which credits are reserved and whose start was not answered, and unpaid
	// files that the budget did not cover.
	asked  map[string]bool
	unpaid []string
	// unread is why the folder could not be read at the last look.
	unread string
	// slots bounds the runs under way.
	slots chan struct{}

	mu sync.Mutex
	// reserved is what was spent, or may be by runs under way.
	reserved int
	underWay int
}

// watchFolder looks at a folder whenever looks says so, until ctx ends.
func (c *cli) watchFolder(ctx context.Context, o folderOptions, looks <-chan time.Time) error {
	store, cfg, err := c.openStore()
	if err != nil {
		return err
	}
	t, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer t.Close()
	w := &folderWatch{
		c: c, o: o, cfg: cfg, store: store, t: t, looker: archived.NewLooker(store, cfg, o.in.Bucket, o.in.Prefix),
		files: arrivals.Watcher{Dir: o.dir, Settle: folderSettle}, first: map[string]string{}, asked: map[string]bool{},
		slots: make(chan struct{}, folderWindow),
	}
	fmt.Fprintf(c.progress(), "Watching %s\n", view.Printable(o.dir))
	var ends sync.WaitGroup
	defer ends.Wait() // their requests end with ctx
	for {
		w.retryUnpaid()
		whole, unread := w.files.Look()
		w.reportUnread(unread)
		for _, name := range whole {
			if ctx.Err() == nil {
				w.take(ctx, name, &ends)
			}
		}
		select {
		case <-looks:
		case <-ctx.Done():
			return w.interrupted()
		}
	}
}

func (w *folderWatch) interrupted() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := &failure.Failure{Type: failure.TypeDetached, Message: "interrupted", Code: failure.ExitInterrupted}
	if w.underWay > 0 {
		f.Message += ", " + view.Plural(w.underWay, "separation") + " under way go on without it"
		f.Hint = "The same command finds what they have archived."
	}
	return f
}

// retryUnpaid has files that the budget did not cover taken again, once there are credits again.
func (w *folderWatch) retryUnpaid() {
	if len(w.unpaid) == 0 || !w.reserve(w.price()) {
		return
	}
	w.reserve(-w.price())
	for _, name := range w.unpaid {
		w.files.Again(name)
	}
	w.unpaid = nil
}

func (w *folderWatch) price() int { return stemflow.Price(w.o.in.WithDefaults().Type) }

// reportUnread says what of the folder cannot be read, when that changes.
func (w *folderWatch) reportUnread(unread []error) {
	text := ""
	if len(unread) > 0 {
		text = errors.Join(unread...).Error()
	}
	if text != w.unread && text != "" {
		fmt.Fprintln(w.c.stderr, "warning: not all of the folder can be read: "+view.OneLine(text))
	}
	w.unread = text
}

// take separates a file that has become whole, unless that is done or not to be.
func (w *folderWatch) take(ctx context.Context, name string, ends *sync.WaitGroup) {
	song, err := songfile.Read(name)
	e := folderEvent{File: name}
	switch {
	case w.files.Changed(name):
		return // it comes again, and what was read of it may be a part
	case err != nil:
		e.Event, e.Message = eventSkipped, err.(*songfile.Error).Problem
		w.report(e)
		return
	}
	e.SHA256 = song.SHA256
	if first, known := w.first[song.SHA256]; known {
		if first != name {
			e.Event, e.Message = eventSame, "the same song as "+first
			w.report(e)
		}
		return
	}
	if song.Cut {
		e.Event, e.Message = eventSkipped, "ends too early: it is taken when it changes"
		w.report(e)
		return
	}
	select {
	case w.slots <- struct{}{}:
	case <-ctx.Done():
		return
	}
	run, e, err := w.start(ctx, song, e)
	if err != nil {
		w.files.Again(name) // once it is whole again
		e.Event, e.Message = eventUnpaid, "it is tried again: "+failure.Of(err).Message
	}
	if ctx.Err() == nil {
		w.report(e)
	}
	if run == nil {
		<-w.slots
		return
	}
	ends.Go(func() {
		w.await(ctx, run, e)
		<-w.slots
	})
}

// start starts the separation of a song, unless it is archived or would cost more than there is
// left. Credits of the event are those that it has reserved.
func (w *folderWatch) start(
	ctx context.Context, song *songfile.Song, e folderEvent,
) (client.WorkflowRun, folderEvent, error) {
	in := w.o.in
	at := songObject(in, w.cfg, song)
	in.AudioURL, in.AudioSHA256, in.Title = "s3://"+at.Bucket+"/"+at.Key, song.SHA256, song.Title
	standing, _, err := w.looker.Look(ctx, in)
	if err != nil {
		return nil, e, err
	}
	switch standing {
	case archived.IsArchived:
		w.first[song.SHA256], e.Event = e.File, eventArchived
		return nil, e, nil
	case archived.Unreadable:
		e.Event, e.Message = eventFailed, "its ledger cannot be read, and without it nothing is paid"
		return nil, e, nil
	case archived.ToPay, archived.InDoubt:
		if e.Credits = w.price(); !w.asked[song.SHA256] && !w.reserve(e.Credits) {
			w.unpaid = append(w.unpaid, e.File)
			e.Credits, e.Event = 0, eventUnpaid
			e.Message = "the credit budget of " + strconv.Itoa(*w.o.budget) + " is used up"
			return nil, e, nil
		}
	}
	if err := w.c.uploadSong(ctx, w.store, w.cfg, in, song); err != nil {
		if !w.asked[song.SHA256] {
			w.reserve(-e.Credits)
		}
		return nil, e, err
	}
	run, started, err := startSeparation(ctx, w.t, w.cfg, in)
	if err != nil {
		// It may have been started, and pay. Then the next start joins it.
		w.asked[song.SHA256] = e.Credits > 0
		return nil, e, err
	}
	w.first[song.SHA256] = e.File
	e.Event, e.WorkflowID = eventStarted, run.GetID()
	if !started {
		e.Event = eventJoined
		if !w.asked[song.SHA256] { // what it pays was another's to decide
			w.reserve(-e.Credits)
			e.Credits = 0
		}
	}
	delete(w.asked, song.SHA256)
	w.mu.Lock()
	w.underWay++
	w.mu.Unlock()
	return run, e, nil
}

// reserve takes credits from the budget, or gives them back. It reports whether there are as many.
func (w *folderWatch) reserve(credits int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if credits > 0 && w.o.budget != nil && w.reserved+credits > *w.o.budget {
		return false
	}
	w.reserved += credits
	return true
}

// await reports how a run ends. What it has not paid is there again.
func (w *folderWatch) await(ctx context.Context, run client.WorkflowRun, e folderEvent) {
	result, err := reach.Await[stemflow.SeparateStemsResult](ctx, run)
	if ctx.Err() != nil {
		return
	}
	w.mu.Lock()
	w.underWay--
	w.mu.Unlock()
	reserved := e.Credits
	e.Credits = 0
	if err == nil {
		e.Event, e.Stems = eventDone, len(result.Stems)
		if !result.Paid {
			w.reserve(-reserved)
		}
		w.report(e)
		return
	}
	f := failure.OfRun(err)
	e.Event, e.Message = eventFailed, f.Type+": "+f.Message
	if !mayHavePaid(f) {
		w.reserve(-reserved)
	}
	w.report(e)
}

// mayHavePaid reports whether a run that failed has paid, or does not say.
func mayHavePaid(f *failure.Failure) bool {
	if f.Details != nil {
		return f.Details.Paid
	}
	t, ok := stemflow.LookupErrorType(f.Type)
	return !ok || t.Paid != stemflow.PaidNo
}

// report prints an event.
func (w *folderWatch) report(e folderEvent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.c.wantsJSON() {
		w.c.printJSON(e)
		return
	}
	text := view.Printable(e.File) + ": " + e.Event
	switch {
	case e.Credits > 0 && e.Event == eventStarted:
		text += ", up to " + view.Plural(e.Credits, "credit")
	case e.Event == eventArchived:
		text += " already"
	case e.Event == eventDone:
		text += ", " + view.Plural(e.Stems, "stem")
	}
	if e.Message != "" {
		text += ": " + view.OneLine(e.Message)
	}
	w.c.printf("%s\n", text)
}
