package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"stemflow"
	"stemflow/starter/internal/archived"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/observe"
	"stemflow/starter/internal/view"
)

func init() { register(groupArchive, newDeleteCommand) }

func newDeleteCommand(c *cli) *cobra.Command {
	cmd := c.newCommand("delete", "remove what is archived of a track", `
Removes the manifest first, so that nobody takes for an archive what is being removed, and then the
page and the stems. What it leaves behind says so: "verify" does not miss the track, and --repair does
not bring it back. It asks before, unless --yes is given. It refuses while a run of the track is open.

The ledger stays, so that nothing is paid for twice by accident: starting the track again takes up
what it names, unpaid, for as long as the provider keeps it, which is 14 days. After that a start ends
with SourceExpired, unpaid, and only --force pays again.

A song that start has put into the store goes with the last of its types. Starting the file again puts
it there again.

It needs credentials that may write and remove objects. Those of the workers, which
deploy/minio/policy.json describes, may not remove any.`,
		"delete 5c79...be8e e231...c7dc split_stem --dry-run",
		"delete 5c79...be8e e231...c7dc split_stem --yes")
	o := &deleteOptions{}
	c.trackFlags(cmd, &o.in)
	archiveFlags(cmd, &o.in, "STEMFLOW_BUCKET and STEMFLOW_PREFIX")
	cmd.Flags().BoolVar(&o.yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "print what would be removed, and remove nothing")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := failure.Input(paidInput{o.in}); err != nil {
			return err
		}
		if !o.yes && !o.dryRun && (c.wantsJSON() || !c.canAsk()) {
			return failure.Usage(nameOf(cmd), "nobody can be asked here: give --yes to remove, or --dry-run to look")
		}
		return c.delete(cmd.Context(), *o)
	}
	return cmd
}

// deleteOptions are the flags of delete.
type deleteOptions struct {
	in          stemflow.SeparateStemsInput
	yes, dryRun bool
}

// removed is what --json prints of a removal.
type removed struct {
	DryRun  bool     `json:"dryRun"`
	Objects []string `json:"objects"`
	Size    int64    `json:"size"`
	// Others stay: stemflow did not put them there.
	Others []string `json:"others,omitempty"`
	// SeparationTaskID is what a later start takes up, unpaid.
	SeparationTaskID string `json:"separationTaskId,omitempty"`
}

func (c *cli) delete(ctx context.Context, o deleteOptions) error {
	store, cfg, err := c.openStore()
	if err != nil {
		return err
	}
	t, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer t.Close()
	if err := c.refuseWhileOpen(ctx, t, o.in, nil, "Nothing was removed."); err != nil {
		return err
	}
	keepsSong, err := songInUse(ctx, t, o.in)
	if err != nil {
		return err
	}
	plan, err := archived.PlanRemoval(ctx, store, cfg, o.in, keepsSong)
	if err != nil {
		return err
	}
	if o.dryRun {
		c.printRemoval(o, plan)
		return nil
	}
	if !o.yes {
		if err := c.ask(ctx, o, plan); err != nil {
			return err
		}
	}
	if err := c.remove(ctx, t, o.in, plan); err != nil {
		return err
	}
	c.printRemoval(o, plan)
	return nil
}

// songInUse reports whether a run of a song's other types is open, which may be about to read it.
func songInUse(ctx context.Context, t *observe.Temporal, in stemflow.SeparateStemsInput) (bool, error) {
	if !in.Track().IsSong() {
		return false, nil
	}
	vocal := stemflow.SeparateStemsInput{TaskID: in.TaskID, AudioID: in.AudioID, Type: stemflow.SeparateVocal}
	open, err := t.IsOpen(ctx, stemflow.WorkflowID(vocal))
	if err == nil && !open {
		open, err = t.HasOtherTypesOpen(ctx, vocal)
	}
	if err != nil {
		return false, failure.Temporal("whether a run of the song is open cannot be found out", err)
	}
	return open, nil
}

// remove removes what is planned. A run that begins meanwhile counts on what it finds, so it is
// looked for again once the manifest is gone, and at the end.
func (c *cli) remove(
	ctx context.Context, t *observe.Temporal, in stemflow.SeparateStemsInput, plan *archived.Removal,
) error {
	// Without a person to answer, and after one, time has passed.
	if err := c.refuseWhileOpen(ctx, t, in, plan, "Nothing was removed."); err != nil {
		return err
	}
	if err := plan.RemoveManifest(ctx); err != nil {
		return err
	}
	if err := c.refuseWhileOpen(ctx, t, in, plan, "The manifest is removed, which the run may write again; the rest "+
		"is there."); err != nil {
		if failure.Of(err).Type != failure.TypeRefused {
			err = incomplete(err)
		}
		return err
	}
	if err := plan.Mark(ctx); err != nil {
		return incomplete(err)
	}
	switch used, err := songInUse(ctx, t, in); { // time has passed for the song, too
	case err != nil:
		return incomplete(err)
	case used:
		plan.KeepSong()
	}
	if err := plan.RemoveRest(ctx); err != nil {
		return incomplete(err)
	}
	back, err := plan.IsBack(ctx)
	if err != nil {
		return incomplete(err)
	}
	if back {
		return &failure.Failure{
			Type: failure.TypeRefused, Code: failure.ExitFailed,
			Message: "a run has archived the track again while it was removed, and stems of it may be gone",
			Hint:    `Remove it again, or start it again: that archives again what is missing, unpaid.`,
		}
	}
	return nil
}

// incomplete says of a failure after the manifest was removed how to go on.
func incomplete(err error) error {
	f := *failure.Of(err)
	f.Message = "the manifest is removed, and objects are left: " + f.Message
	f.Hint = "The same command removes the rest."
	return &f
}

// refuseWhileOpen fails while a run is open that counts on what is archived of the track, or adds
// to it. The plan, where there is one, says which stems may be transcribed.
func (c *cli) refuseWhileOpen(
	ctx context.Context, t *observe.Temporal, in stemflow.SeparateStemsInput, plan *archived.Removal, so string,
) error {
	midi := stemflow.GenerateMIDIInput{TaskID: in.TaskID, AudioID: in.AudioID, Type: in.Type, StemName: in.StemName}
	ids := []string{stemflow.WorkflowID(in), stemflow.MIDIWorkflowID(midi)}
	if plan != nil {
		for _, midi.Stem = range plan.Stems() {
			ids = append(ids, stemflow.MIDIWorkflowID(midi))
		}
	}
	for _, id := range ids {
		open, err := t.IsOpen(ctx, id)
		if err != nil {
			return failure.Temporal("whether a run of the track is open cannot be found out", err)
		}
		if open {
			return &failure.Failure{
				Type: failure.TypeRefused, Code: failure.ExitFailed,
				Message: "the run " + id + " of this track is open, and counts on what is archived. " + so,
				Hint:    `Wait until it has ended, or end it: "` + c.again("cancel --workflow-id "+view.Quote(id)) + `".`,
			}
		}
	}
	return nil
}

// canAsk reports whether a person can be asked and can answer.
func (c *cli) canAsk() bool {
	_, seen := c.stderrSize()
	return seen && c.stdinIsTerminal
}

// ask asks a person whether to remove what is planned. Anything but yes means no.
func (c *cli) ask(ctx context.Context, o deleteOptions, plan *archived.Removal) error {
	fmt.Fprintf(c.stderr, "Remove %s of %s: %s, %s, in %s? [y/N] ", view.Title(o.in), o.in.TaskID,
		view.Plural(len(plan.Objects), "object"), view.Bytes(plan.Size), view.Printable(plan.Where()))
	yes, err := c.readYes(ctx, "delete", "nothing was removed")
	if yes || err != nil {
		return err
	}
	return &failure.Failure{
		Type: failure.TypeRefused, Message: "not confirmed, nothing was removed", Code: failure.ExitFailed,
	}
}

func (c *cli) printRemoval(o deleteOptions, plan *archived.Removal) {
	done := removed{DryRun: o.dryRun, Objects: []string{}, Size: plan.Size, Others: plan.Others}
	for _, object := range plan.Objects {
		done.Objects = append(done.Objects, object.Key)
	}
	if plan.Paid != nil {
		done.SeparationTaskID = plan.Paid.SeparationTaskID
	}
	if c.wantsJSON() {
		c.printJSON(done)
		return
	}
	verb := "Removed"
	if o.dryRun {
		verb = "Would remove"
		for _, key := range done.Objects {
			c.printf("  %s\n", view.Printable(key))
		}
	}
	c.printf("%s %s, %s, in %s\n", verb, view.Plural(len(done.Objects), "object"), view.Bytes(plan.Size),
		view.Printable(plan.Where()))
	for _, key := range plan.Others {
		c.printf("  stays         %s\n", view.Printable(key))
	}
	if !c.global.quiet {
		c.printf("%s\n", whatAStartDoes(plan, time.Now()))
	}
}

// whatAStartDoes says what starting the track again comes to.
func whatAStartDoes(plan *archived.Removal, now time.Time) string {
	switch {
	case plan.Paid == nil && plan.Unknown:
		return "The ledger stays. It has an attempt to pay whose outcome is not known, so a start pays nothing by " +
			"itself."
	case plan.Paid == nil:
		return "No ledger knows of a payment for the track: starting it again pays."
	}
	id := plan.Paid.SeparationTaskID
	until := plan.Paid.SubmittedAt.Add(time.Duration(stemflow.MaxDeadline))
	if !plan.Paid.SubmittedAt.IsZero() && now.After(until) {
		return "The ledger stays: it names the separation " + id + ", which the provider keeps no longer. Starting " +
			"the track again pays nothing and cannot archive it; only --force pays again."
	}
	return "The ledger stays: starting the track again takes up the separation " + id + ", unpaid, while the " +
		"provider keeps it (14 days)."
}
