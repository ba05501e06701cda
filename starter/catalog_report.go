package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/catalog"
	"stemflow/internal/config"
	"stemflow/internal/outcome"
	"stemflow/starter/internal/archived"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/limit"
	"stemflow/starter/internal/observe"
	"stemflow/starter/internal/view"
)

func init() { registerBelow("catalog", newCatalogReportCommand) }

func newCatalogReportCommand(c *cli) *cobra.Command {
	cmd := c.newCommand("report", "show what became of each track of a catalogue", `
Of a catalogue that has ended the report is shown, of one that is running what became of its tracks so
far. -o csv prints it with all columns, those of the list too; -o json as one document, -o jsonl a
track in each line.`,
		"catalog report june",
		"catalog report june -o csv")
	c.onReport(cmd, c.printReport)
	return cmd
}

// reportOptions are the flags of the commands that read what became of a catalogue.
type reportOptions struct {
	catalogNames
	bucket, prefix string
}

// onReport declares the flags and the argument that name a catalogue, and does something with its
// report.
func (c *cli) onReport(cmd *cobra.Command, do func(context.Context, *report) error) {
	o := &reportOptions{}
	o.catalogNames.declare(cmd)
	cmd.Flags().StringVar(&o.bucket, "bucket", "", "`BUCKET` of the catalogue (default: STEMFLOW_BUCKET)")
	cmd.Flags().StringVar(&o.prefix, "prefix", "", "`PREFIX` of its keys (default: STEMFLOW_PREFIX)")
	acceptCSV(cmd)
	nameArgument(cmd, &o.catalogNames)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		r, err := c.openReport(cmd.Context(), *o)
		if err != nil {
			return err
		}
		defer r.close()
		return do(cmd.Context(), r)
	}
}

// report is what became of a catalogue, and what is known of its run.
type report struct {
	*archived.Report
	in     stemflow.SeparateCatalogInput
	cfg    config.Starter
	store  *archive.Store
	folder stemflow.ObjectRef
	// t is nil if Temporal is not reached.
	t *observe.Temporal
	// running is the state of a catalogue that has not ended, if it answers; isRunning says that it
	// has not.
	progress  *stemflow.CatalogProgress
	isRunning bool
}

func (r *report) close() {
	if r.t != nil {
		r.t.Close()
	}
}

// openReport finds the report of the latest run of a catalogue: by what Temporal knows of it, and
// in the bucket where Temporal has forgotten it or is not reached.
func (c *cli) openReport(ctx context.Context, o reportOptions) (_ *report, err error) {
	r := &report{in: o.input()}
	if r.store, r.cfg, err = c.openStore(); err != nil {
		return nil, err
	}
	var unrecorded []stemflow.TrackOutcome
	found := false
	t, connectErr := c.connect(ctx)
	if connectErr == nil {
		r.t = t
		if unrecorded, found, err = r.find(ctx, o); err != nil {
			r.close()
			return nil, err
		}
	} else if ctx.Err() != nil {
		return nil, connectErr
	} else {
		fmt.Fprintln(c.progress(), "Temporal is not reached: what is in the bucket is shown.")
	}
	if !found {
		r.folder, found, err = archived.LatestCatalogFolder(ctx, r.store, r.cfg, o.bucket, o.prefix, r.in.Name)
	}
	if err == nil && !found {
		err = failure.NoCatalog(r.in.Name)
	}
	if err == nil {
		r.Report, err = archived.ReportAt(ctx, r.store, r.folder, unrecorded)
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// find finds the folder of the latest run that Temporal knows, and outcomes that are not in it yet.
func (r *report) find(
	ctx context.Context, o reportOptions,
) (unrecorded []stemflow.TrackOutcome, found bool, err error) {
	id := stemflow.CatalogWorkflowID(r.in)
	description, err := r.t.Describe(ctx, id, "")
	if observe.IsNotFound(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, failure.Temporal("the catalogue cannot be looked at", err)
	}
	info := description.GetWorkflowExecutionInfo()
	runID := info.GetExecution().GetRunId()
	r.folder = archived.CatalogFolder(r.cfg, o.bucket, o.prefix, r.in.Name, runID)
	// One that continues another run has the folder of the first one, unless it was reset: then it
	// may have one of its own. The latest in the bucket is its.
	found = info.GetFirstRunId() == runID
	r.isRunning = outcome.IsOpen(info.GetStatus())
	if !r.isRunning {
		result := catalogResult(ctx, r.t.GetWorkflow(ctx, id, runID))
		if result != nil && result.Report.JSON.Key != "" {
			r.folder, found = folderOf(result.Report.JSON), true
		}
		return nil, found, nil
	}
	// Outcomes first: what is put into the store meanwhile is found there. A catalogue whose worker
	// is away does not answer, and what is in the store is shown.
	if outcomes, err := observe.QueryOutcomes(ctx, r.t, id); err == nil {
		unrecorded = *outcomes
	}
	if progress, err := observe.QueryProgress[stemflow.CatalogProgress](ctx, r.t, id, ""); err == nil {
		r.progress, found = progress, true
		if progress.Folder != nil {
			r.folder = *progress.Folder
		}
	}
	return unrecorded, found, nil
}

// catalogResult is what came of a run that has ended; nil if it does not say.
func catalogResult(ctx context.Context, run client.WorkflowRun) (result *stemflow.SeparateCatalogResult) {
	_ = limit.Wait(ctx, observe.RequestTimeout, "reading the catalogue's result", func(ctx context.Context) error {
		result = &stemflow.SeparateCatalogResult{}
		err := run.Get(ctx, result)
		if err != nil {
			result = failure.OfCatalog(err).Catalog
		}
		return err
	})
	return result
}

func folderOf(object stemflow.ObjectRef) stemflow.ObjectRef {
	dir := object.Key
	for len(dir) > 0 && dir[len(dir)-1] != '/' {
		dir = dir[:len(dir)-1]
	}
	return stemflow.ObjectRef{Bucket: object.Bucket, Key: dir}
}

// result is what is known of the whole catalogue.
func (r *report) result(ctx context.Context) (stemflow.SeparateCatalogResult, error) {
	if r.Final {
		return r.Result(ctx)
	}
	result := stemflow.SeparateCatalogResult{Name: r.in.Name}
	if p := r.progress; p != nil {
		result.Tracks, result.CatalogCounts, result.Credits, result.StartedAt = p.Tracks, p.CatalogCounts, p.Credits,
			p.StartedAt
		return result, nil
	}
	err := r.Outcomes(ctx)(func(o stemflow.TrackOutcome) error {
		result.Add(o.Status)
		result.Credits += o.Credits
		return nil
	})
	return result, err
}

// printReport prints what became of each track.
func (c *cli) printReport(ctx context.Context, r *report) error {
	outcomes := r.Outcomes(ctx)
	switch c.global.format {
	case formatCSV:
		return c.printCSV(ctx, r, outcomes)
	case formatJSONL:
		return outcomes(func(o stemflow.TrackOutcome) error {
			c.printJSON(o)
			return nil
		})
	}
	result, err := r.result(ctx)
	if err != nil {
		return err
	}
	if c.wantsJSON() {
		return catalog.WriteJSON(c.forScripts(), result, outcomes)
	}
	c.printf("Catalogue %s: %s\n\n", result.Name, r.state(result))
	table := view.NewOutcomeTable(c.forPeople(), c.room(view.DefaultRoom))
	if err := outcomes(func(o stemflow.TrackOutcome) error {
		table.Row(o)
		return nil
	}); err != nil {
		return err
	}
	c.printf("\n")
	view.Counts(c.forPeople(), result)
	c.printf("  %-10s %9s\n", "credits", humanize.Comma(int64(result.Credits)))
	return nil
}

// state says how far the catalogue is.
func (r *report) state(result stemflow.SeparateCatalogResult) string {
	tracks := view.Plural(result.Tracks, "track")
	ended := fmt.Sprintf("%s of %s have come to an end", humanize.Comma(int64(result.Ended())), tracks)
	switch {
	case r.isRunning && result.Tracks > 0:
		return "it is running, " + ended
	case r.isRunning:
		return "it is running"
	case r.Final && result.Ended() == result.Tracks:
		return tracks
	case r.Final:
		return "it ended early, " + ended
	default:
		return "it ended without a report, this is what it has recorded"
	}
}

func (c *cli) printCSV(ctx context.Context, r *report, outcomes catalog.Outcomes) error {
	names, err := r.Columns(ctx)
	if err != nil {
		return err
	}
	out := c.stdout
	if _, isTerminal := c.stdoutSize(); isTerminal { // a file has each title as it is
		out = c.forPeople()
	}
	return catalog.WriteCSV(out, names, outcomes)
}

// isFailure reports whether an outcome is one that somebody should look at.
func isFailure(o stemflow.TrackOutcome) bool {
	return o.Status == stemflow.TrackFailed || o.Status == stemflow.TrackPartial
}

// failuresOf yields the failures of a report.
func failuresOf(outcomes catalog.Outcomes) catalog.Outcomes {
	return func(yield func(stemflow.TrackOutcome) error) error {
		return outcomes(func(o stemflow.TrackOutcome) error {
			if !isFailure(o) {
				return nil
			}
			return yield(o)
		})
	}
}

// errEnough ends the reading of outcomes.
var errEnough = errors.New("enough")

// firstFailures are as many failures as are shown at the end of a catalogue.
func firstFailures(outcomes catalog.Outcomes) ([]stemflow.TrackOutcome, error) {
	var first []stemflow.TrackOutcome
	err := failuresOf(outcomes)(func(o stemflow.TrackOutcome) error {
		if first = append(first, o); len(first) == shownFailures {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return first, err
}

// failureRow is a failure as -o json and jsonl print it.
type failureRow struct {
	stemflow.TrackOutcome
	Remedy string `json:"remedy,omitempty"`
}
