package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/catalog"
	"stemflow/internal/naming"
	"stemflow/starter/internal/archived"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/view"
)

func init() { registerBelow("catalog", newCatalogRetryCommand) }

const (
	// retrySuffix makes the name of the catalogue that starts another's failures again.
	retrySuffix = "-retry"
	// maxRetryLooks is how many failures are looked up at a time.
	maxRetryLooks = 32
)

func newCatalogRetryCommand(c *cli) *cobra.Command {
	cmd := c.newCommand("retry", "start the failed tracks of a catalogue again, where that can help", `
The tracks are started as a catalogue of their own, called as the first with "-retry" behind it, each as
it was started before and never by force. What the ledger says is paid for is archived unpaid. You are
asked before anything is paid, as with "catalog".

Tracks that may have been paid for without their separation being known are not started, nor are those
that would only fail again: they are listed, with what to do about them.`,
		"catalog retry june",
		"catalog retry june --credit-budget 500 --wait")
	o := &retryOptions{}
	set := cmd.Flags()
	c.onReport(cmd, func(ctx context.Context, r *report) error { return c.retry(ctx, r, *o) })
	cmd.Annotations = nil // its result is a catalogue
	set.Var(budgetFlag{&o.budget}, "credit-budget",
		"`CREDITS` that may be spent, by the documented prices; 0 pays nothing (default: what the account has)")
	set.IntVar(&o.window, "window", 0,
		fmt.Sprintf("`NUMBER` of tracks under way at a time (default %d)", stemflow.DefaultWindow))
	set.Var((*durationFlag)(&o.deadline), "deadline", "`DURATION` that the provider may take (default: as before)")
	set.BoolVar(&o.allowPartial, "allow-partial", false, "succeed even if some stems cannot be archived")
	o.payment.declare(set)
	set.BoolVar(&o.dryRun, "dry-run", false, "show what would be started and paid, and start nothing")
	set.BoolVar(&o.wait, "wait", false, "show the progress until all tracks have come to an end")
	return cmd
}

type retryOptions struct {
	payment
	budget       *int
	window       int
	deadline     stemflow.Duration
	allowPartial bool
	wait         bool
}

// retried says what becomes of a failed track.
type retried struct {
	outcome  stemflow.TrackOutcome
	track    activityapi.CatalogTrack
	standing archived.Standing
	start    bool
}

func (c *cli) retry(ctx context.Context, r *report, o retryOptions) error {
	in := stemflow.SeparateCatalogInput{
		Name: retryName(r.in.Name), Window: o.window, CreditBudget: o.budget,
		Source: &stemflow.ObjectRef{Key: "retry.csv"},
	}
	// The catalogue's own folder is "<prefix>/_catalogs/<name>/<run>/".
	prefix, _, _ := strings.Cut("/"+r.folder.Key, "/_catalogs/") // the slash tells none from the worker's
	in.Bucket, in.Prefix = r.folder.Bucket, cmp.Or(prefix, "/")
	if err := failure.Input(in); err != nil {
		return err
	}
	if r.isRunning {
		return &failure.Failure{
			Type: failure.TypeStillRunning, Code: failure.ExitFailed,
			Message: "catalogue " + r.in.Name + " is still running, and may try its tracks again itself",
			Hint:    "Wait for its end: " + c.again("catalog watch --name "+view.Quote(r.in.Name)),
		}
	}
	if r.t == nil && !o.dryRun {
		t, err := c.connect(ctx)
		if err != nil {
			return err
		}
		r.t = t
	}
	all, err := c.lookAtFailures(ctx, r, archived.NewLooker(r.store, r.cfg, in.Bucket, in.Prefix))
	if err != nil {
		return err
	}
	c.printLeftOut(all)
	file, n, err := writeRetryList(all, o)
	if err != nil {
		return failure.Usage("catalog retry", "the list cannot be written: %v", err)
	}
	defer os.RemoveAll(filepath.Dir(file))
	if n == 0 {
		return c.nothingToRetry(in.Name)
	}
	if err := o.check(c, "catalog retry", in); err != nil {
		return err
	}
	list, err := archived.ReadList(r.store, r.cfg, file, in)
	if err != nil {
		return err
	}
	defer list.Close()
	if o.dryRun || o.asks(c, in) {
		price, err := c.price(ctx, list, in, archived.NewLooker(r.store, r.cfg, in.Bucket, in.Prefix))
		if err != nil {
			return err
		}
		if o.dryRun {
			c.printPrice(price)
			return nil
		}
		if err := c.confirm(ctx, price, &in); err != nil {
			return err
		}
	}
	return c.launchCatalog(ctx, r.t, r.cfg, list, in, o.wait)
}

// retryName is the name of the catalogue that starts the failures of another again. That of a long
// name is cut.
func retryName(name string) string {
	name = strings.TrimSuffix(name, retrySuffix)
	return name[:min(len(name), naming.MaxCatalogName-len(retrySuffix))] + retrySuffix
}

func (c *cli) nothingToRetry(name string) error {
	if c.wantsJSON() {
		c.printJSON(view.Price{Name: name})
		return nil
	}
	c.printf("There is nothing to start again.\n")
	return nil
}

// lookAtFailures finds out for each failed track whether starting it again can help.
func (c *cli) lookAtFailures(ctx context.Context, r *report, looker *archived.Looker) ([]retried, error) {
	var all []retried
	numbers := map[int]bool{}
	err := failuresOf(r.Outcomes(ctx))(func(o stemflow.TrackOutcome) error {
		numbers[o.Number] = true
		all = append(all, retried{outcome: o})
		return nil
	})
	if err != nil {
		return nil, err
	}
	tracks, err := r.Inputs(ctx, numbers)
	if err != nil {
		return nil, err
	}
	if len(tracks) != len(all) {
		return nil, &failure.Failure{
			Type: stemflow.ErrorArchiveUnavailable, Code: failure.ExitFailed,
			Message: "what the catalogue has kept of its tracks is gone or was changed",
			Hint:    "Start the catalogue again with its list, which pays only for what is not archived.",
		}
	}
	progress := c.lookProgress(len(all))
	looks, lookCtx := errgroup.WithContext(ctx)
	looks.SetLimit(maxRetryLooks)
	var mu sync.Mutex
	done := 0
	for i := range all {
		one := &all[i]
		one.track = tracks[i]
		looks.Go(func() error {
			in := one.track.Input
			in.Force, in.SeparationTaskID = false, ""
			standing, paid, err := looker.Look(lookCtx, in)
			if err != nil {
				return failure.Archive("the archive cannot be looked at: ", err)
			}
			one.standing, one.start = standing, canHelp(one.outcome, standing, paid, time.Now())
			mu.Lock()
			defer mu.Unlock()
			done++
			progress(done)
			return nil
		})
	}
	return all, looks.Wait()
}

// canHelp reports whether starting a failed track again can help, by what the ledger says now.
func canHelp(o stemflow.TrackOutcome, standing archived.Standing, paid *stemflow.Submission, now time.Time) bool {
	switch standing {
	case archived.IsArchived, archived.InDoubt, archived.Unreadable:
		return false
	case archived.IsPaid:
		// The provider keeps results for as long as the longest deadline.
		return paid == nil || paid.SubmittedAt.IsZero() ||
			now.Sub(paid.SubmittedAt) < time.Duration(stemflow.MaxDeadline)
	}
	switch o.Reason {
	case stemflow.ErrorInvalidInput, stemflow.ErrorProviderRejected:
		return false // it is refused again
	case stemflow.ErrorSubmissionUnknown:
		return o.SeparationTaskID != "" // the ledger does not know what became of it
	case stemflow.ErrorSeparationFailed:
		return true // a new try, which is paid for
	}
	t, known := stemflow.LookupErrorType(o.Reason)
	// What was paid for must be known by its id, or starting again would pay once more.
	return !known || t.Paid == stemflow.PaidNo || o.SeparationTaskID != "" || o.Credits == 0
}

// printLeftOut lists the failures that are not started again, with what to do about them.
func (c *cli) printLeftOut(all []retried) {
	var left []stemflow.TrackOutcome
	archivedNow := 0
	for _, one := range all {
		switch {
		case one.standing == archived.IsArchived:
			archivedNow++
		case !one.start:
			left = append(left, one.outcome)
		}
	}
	w := view.Plain(c.stderr)
	if c.global.quiet && len(left) == 0 {
		return
	}
	if archivedNow > 0 {
		fmt.Fprintf(w, "%d of the failures are archived by now.\n", archivedNow)
	}
	if len(left) > 0 {
		fmt.Fprintf(w, "Not started again: %d\n", len(left))
		view.Failures(w, view.GroupFailures(left, failure.HintFor), c.room(view.DefaultRoom))
		fmt.Fprintln(w)
	}
}

// writeRetryList writes the tracks that are started again to a list in a folder of its own.
func writeRetryList(all []retried, o retryOptions) (name string, tracks int, err error) {
	var extra []string
	for _, one := range all {
		for _, column := range one.track.Columns {
			if !slices.Contains(extra, column.Name) {
				extra = append(extra, column.Name)
			}
		}
	}
	dir, err := os.MkdirTemp("", "stemflow-retry-")
	if err != nil {
		return "", 0, err
	}
	name = filepath.Join(dir, "retry.csv")
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return name, 0, err
	}
	rows := csv.NewWriter(file)
	_ = rows.Write(cells(append(slices.Clone(retryColumns), extra...))) // errors stay in the writer
	for _, one := range all {
		if one.start {
			tracks++
			_ = rows.Write(cells(one.row(o, extra)))
		}
	}
	rows.Flush()
	if err := rows.Error(); err != nil {
		_ = file.Close()
		return name, 0, err
	}
	return name, tracks, file.Close()
}

var retryColumns = []string{
	"taskId", "audioId", "audioUrl", "audioSha256", "type", "stemName", "title", "separationTaskId", "bucket", "prefix",
	"callbackGrace", "pollInterval", "deadline", "allowPartial", "midi",
}

// row is a track as it was started before, never by force. What is known to be paid for is named,
// so that it cannot be paid for again even if the ledger is behind: by the list itself, which a
// report of an earlier release does not always repeat, or else by the outcome. A separation that
// failed is not.
func (one retried) row(o retryOptions, extra []string) []string {
	in := one.track.Input
	id := in.SeparationTaskID
	switch {
	case one.outcome.Reason == stemflow.ErrorSeparationFailed:
		id = "" // the ledger knows it
	case id == "" && one.standing != archived.IsPaid:
		id = one.outcome.SeparationTaskID
	}
	deadline := in.Deadline
	if o.deadline != 0 {
		deadline = o.deadline
	}
	row := []string{
		in.TaskID, in.AudioID, in.AudioURL, in.AudioSHA256, string(in.Type), in.StemName, in.Title, id, in.Bucket,
		in.Prefix, durationCell(in.CallbackGrace), durationCell(in.PollInterval), durationCell(deadline),
		strconv.FormatBool(in.AllowPartial || o.allowPartial), strconv.FormatBool(in.MIDI),
	}
	values := map[string]string{}
	for _, column := range one.track.Columns {
		values[column.Name] = column.Value
	}
	for _, name := range extra {
		row = append(row, values[name])
	}
	return row
}

// cells are texts as lists have them.
func cells(row []string) []string {
	for i := range row {
		row[i] = catalog.Cell(row[i])
	}
	return row
}

func durationCell(d stemflow.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}
