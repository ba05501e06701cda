package main

import (
	"context"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/starter/internal/archived"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/observe"
	"stemflow/starter/internal/view"
)

func init() { registerBelow("catalog", newCatalogFailuresCommand) }

const (
	// shownFailures is how many failures are shown when a catalogue ends.
	shownFailures = 20
	// failuresTimeout bounds reading them then, which only adds to the result.
	failuresTimeout = 20 * time.Second
)

func newCatalogFailuresCommand(c *cli) *cobra.Command {
	cmd := c.newCommand("failures", "show which tracks of a catalogue failed, why, and what to do about it", `
Of a catalogue that is running those so far are shown. Tracks that are archived in part are among them.`,
		"catalog failures june",
		"catalog failures june -o jsonl")
	c.onReport(cmd, c.printFailures)
	return cmd
}

func (c *cli) printFailures(ctx context.Context, r *report) error {
	failures := failuresOf(r.Outcomes(ctx))
	if c.global.format == formatCSV {
		return c.printCSV(ctx, r, failures)
	}
	rows := []failureRow{}
	err := failures(func(o stemflow.TrackOutcome) error {
		row := failureRow{o, failure.HintFor(o.Reason)}
		if c.global.format == formatJSONL {
			c.printJSON(row)
			return nil
		}
		rows = append(rows, row)
		return nil
	})
	if err != nil || c.global.format == formatJSONL {
		return err
	}
	if c.wantsJSON() {
		c.printJSON(struct {
			Name     string       `json:"name"`
			Failures []failureRow `json:"failures"`
		}{r.in.Name, rows})
		return nil
	}
	if len(rows) == 0 {
		c.printf("No track of catalogue %s has failed.\n", r.in.Name)
		return nil
	}
	outcomes := make([]stemflow.TrackOutcome, len(rows))
	for i, row := range rows {
		outcomes[i] = row.TrackOutcome
	}
	c.printf("Failures of catalogue %s: %s\n", r.in.Name, humanize.Comma(int64(len(rows))))
	view.Failures(c.forPeople(), view.GroupFailures(outcomes, failure.HintFor), c.room(view.DefaultRoom))
	if !c.global.quiet {
		c.printf("\nTo start them again where that can help: %s\n", c.again("catalog retry "+view.Quote(r.in.Name)))
	}
	return nil
}

// showFailures shows the first failures of a catalogue that has ended. They are in its report;
// where that cannot be read, the run itself knows the latest.
func (c *cli) showFailures(
	ctx context.Context, t *observe.Temporal, run client.WorkflowRun, result stemflow.SeparateCatalogResult,
) {
	failed := result.Failed + result.Partial
	if failed == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, failuresTimeout)
	defer cancel()
	var failures []stemflow.TrackOutcome
	if store, _, err := c.openStore(); err == nil && result.Report.JSON.Key != "" {
		if r, err := archived.ReportAt(ctx, store, folderOf(result.Report.JSON), nil); err == nil {
			failures, _ = firstFailures(r.Outcomes(ctx)) // without them the counts stand alone
		}
	}
	if len(failures) == 0 {
		if p, err := observe.QueryProgress[stemflow.CatalogProgress](ctx, t, run.GetID(), ""); err == nil {
			failures = p.Failures
		}
	}
	view.Failures(c.forPeople(), view.GroupFailures(failures, failure.HintFor), c.room(view.DefaultRoom))
	if more := failed - len(failures); more > 0 {
		c.printf("\n  and %s more: %s\n", humanize.Comma(int64(more)),
			c.again("catalog failures "+view.Quote(result.Name)))
	}
}
