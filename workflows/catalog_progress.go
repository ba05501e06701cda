package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"stemflow"
)

// catalogEnd is how a catalogue ended; the zero value: it has not.
type catalogEnd struct {
	at      time.Time
	report  stemflow.ReportRefs
	failure *stemflow.RunFailure
}

func (c *catalog) offerProgress(ctx workflow.Context) error {
	err := workflow.SetQueryHandlerWithOptions(ctx, stemflow.QueryProgress,
		func() (stemflow.CatalogProgress, error) { return c.progress(), nil },
		workflow.QueryHandlerOptions{Description: "Where the catalogue stands, and how it ended."})
	if err != nil {
		return err
	}
	return workflow.SetQueryHandlerWithOptions(ctx, stemflow.QueryOutcomes,
		func() ([]stemflow.TrackOutcome, error) { return slices.Concat(c.recording, c.outcomes), nil },
		workflow.QueryHandlerOptions{Description: "Outcomes of tracks that are not in the store yet."})
}

func (c *catalog) progress() stemflow.CatalogProgress {
	p := stemflow.CatalogProgress{
		Phase: c.phase, Name: c.in.Name, Source: c.in.Source, Paused: c.state.Paused, Window: c.state.Window,
		Tracks: c.state.Prepared.Tracks, CatalogCounts: c.state.Counts, Running: len(c.running),
		Credits: c.budget.spent, Reserved: c.budget.reserved, CreditBudget: c.in.CreditBudget,
		Failures: c.state.Failures, StartedAt: c.state.StartedAt,
	}
	if c.breaker {
		p.Trial = c.state.Trial
		if paid := c.paidWindow(); paid < p.Window {
			p.PaidWindow = paid
		}
	}
	if c.cancelling && (p.Phase == stemflow.CatalogPreparing || p.Phase == stemflow.CatalogSeparating) {
		p.Phase = stemflow.CatalogCancelling
	}
	if at := c.state.Prepared.Location; at.Dir != "" {
		p.Folder = &stemflow.ObjectRef{Bucket: at.Bucket, Key: at.Dir}
	}
	if report := c.ended.report; report.JSON.Key != "" {
		p.Report = &report
	}
	p.Failure, p.EndedAt = c.ended.failure, c.ended.at
	if c.budget.known {
		balance := c.budget.balance
		p.Balance = &balance
	}
	return p
}

// enter moves to a phase and shows it on the execution's page.
func (c *catalog) enter(ctx workflow.Context, phase stemflow.CatalogPhase) {
	c.phase = phase
	c.showDetails(ctx)
}

// showCancellation shows that the catalogue was asked to stop, from when it was.
func (c *catalog) showCancellation(ctx workflow.Context) {
	workflow.Go(ctx, func(ctx workflow.Context) {
		ctx.Done().Receive(ctx, nil)
		c.cancelling = true
		c.showDetails(ctx)
	})
}

// showEnd shows how the catalogue ended: err is what it returns.
func (c *catalog) showEnd(ctx workflow.Context, result stemflow.SeparateCatalogResult, err error) {
	c.ended.at, c.ended.report = workflow.Now(ctx), result.Report
	phase := stemflow.CatalogDone
	if err != nil {
		c.ended.failure = runFailure(err, "the catalogue was cancelled", catalogCancelledRemedy)
		phase = stemflow.CatalogFailed
		if c.ended.failure.Type == stemflow.ReasonCanceled {
			phase = stemflow.CatalogCancelled
		}
	}
	c.enter(ctx, phase)
}

// showDetails writes the execution's current details, in Markdown.
func (c *catalog) showDetails(ctx workflow.Context) {
	var b details
	p := c.progress()
	b.addf("**%s** %s, %d tracks, %d at a time", p.Phase, p.Name, p.Tracks, p.Window)
	writeFailure(&b, p.Failure)
	switch {
	case !p.EndedAt.IsZero() || p.Phase == stemflow.CatalogReporting:
	case p.Phase == stemflow.CatalogCancelling:
		b.WriteString("\n\nNo more tracks are started. Those under way are cancelled: what was paid is kept.")
	case p.Paused != nil:
		b.addf("\n\n**paused** since %s: %s %s", clock(p.Paused.Since), p.Paused.Reason,
			plainText(p.Paused.Message))
	case p.Trial:
		b.WriteString(
			"\n\n**trial** after the pause: one track is tried, and no other is started until it has succeeded")
	case p.PaidWindow > 0:
		b.addf("\n\nfor now %d at a time of those that cost credits: more as they succeed", p.PaidWindow)
	}
	b.WriteString("\n\n| archived | found | partial | failed | skipped | cancelled | running | waiting |\n" +
		"|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	b.addf("| %d | %d | %d | %d | %d | %d | %d | %d |\n", p.Archived, p.Found, p.Partial, p.Failed,
		p.Skipped, p.Cancelled, p.Running, p.Tracks-p.Ended()-p.Running)
	b.addf("\ncost so far: %s, by the documented prices", costText(float64(p.Credits)))
	if p.Reserved > 0 {
		b.addf("; %d credits reserved", p.Reserved)
	}
	if p.CreditBudget != nil {
		b.addf("; budget %d credits", *p.CreditBudget)
	}
	if len(p.Failures) > 0 {
		b.WriteString("\n\nlatest failures:\n")
		for _, f := range p.Failures {
			b.addf("\n- line %d, %s: **%s** %s", f.Line, plainText(nameOf(f)), f.Reason, plainText(f.Message))
		}
	}
	if p.Report != nil {
		b.addf("\n\nreport `%s` in bucket `%s`", p.Report.CSV.Key, p.Report.CSV.Bucket)
	}
	workflow.SetCurrentDetails(ctx, b.String())
}

// nameOf is what a person calls the track of an outcome.
func nameOf(o stemflow.TrackOutcome) string {
	if o.Title != "" {
		return o.Title
	}
	return o.AudioID
}
