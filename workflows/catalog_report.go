package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
)

// record keeps the outcomes for the report. What cannot be recorded stays to be.
func (c *catalog) record(ctx workflow.Context, scheduleToClose time.Duration) error {
	for len(c.outcomes) > 0 {
		batch := c.outcomes
		c.outcomes, c.recording = nil, batch
		in := activityapi.RecordOutcomesInput{Location: c.state.Prepared.Location, Outcomes: batch}
		err := workflow.ExecuteActivity(outcomesOptions(ctx, scheduleToClose), activityapi.ActivityRecordOutcomes, in).
			Get(ctx, nil)
		c.recording = nil
		if err != nil {
			c.outcomes = append(batch, c.outcomes...)
			return activityFailure(err, stemflow.ErrorArchiveUnavailable)
		}
	}
	return nil
}

// finish waits for what is under way, and reports. A catalogue that is cancelled, or cannot go on,
// reports what came to be, and ends with the error that it is given.
func (c *catalog) finish(ctx workflow.Context, err error) (stemflow.SeparateCatalogResult, error) {
	// Tracks under way end by themselves, and soon when the catalogue is cancelled, for they are,
	// too.
	detached, _ := workflow.NewDisconnectedContext(ctx)
	_ = workflow.Await(detached, func() bool { return len(c.running) == 0 })
	for _, track := range c.state.Again {
		if track.Tried { // the others were left to a next run, as are those that are not read yet
			c.finishTrack(ctx, outcomeOf(track, cancelledUnpaid("it was to be tried again once the catalogue went on")))
		}
	}
	c.state.Again = nil

	result := stemflow.SeparateCatalogResult{
		Name: c.in.Name, Tracks: c.state.Prepared.Tracks, CatalogCounts: c.state.Counts, Credits: c.budget.spent,
		StartedAt: c.state.StartedAt, EndedAt: workflow.Now(ctx),
	}
	if result.Tracks == 0 {
		return result, err
	}
	c.enter(ctx, stemflow.CatalogReporting)
	report, reportErr := c.report(ctx, scheduleToCloseArchive, result)
	if temporal.IsCanceledError(reportErr) {
		report, reportErr = c.report(detached, scheduleToCloseReportCancelled, result)
	}
	result.Report = report
	if err == nil {
		err = reportErr
	}
	return result, err
}

func (c *catalog) report(
	ctx workflow.Context, scheduleToClose time.Duration, result stemflow.SeparateCatalogResult,
) (report stemflow.ReportRefs, err error) {
	if err := c.record(ctx, scheduleToClose); err != nil {
		return report, err
	}
	in := activityapi.WriteCatalogReportInput{Location: c.state.Prepared.Location, Result: result}
	err = workflow.ExecuteActivity(reportOptions(ctx, scheduleToClose), activityapi.ActivityWriteCatalogReport, in).
		Get(ctx, &report)
	return report, activityFailure(err, stemflow.ErrorArchiveUnavailable)
}
