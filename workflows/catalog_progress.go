package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"stemflow"
)

func (c *catalog) offerProgress(ctx workflow.Context) error {
	return workflow.SetQueryHandlerWithOptions(ctx, stemflow.QueryProgress,
		func() (stemflow.CatalogProgress, error) { return c.progress(), nil },
		workflow.QueryHandlerOptions{Description: "Where the catalogue stands."})
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

// showDetails writes the execution's current details, in Markdown.
func (c *catalog) showDetails(ctx workflow.Context) {
	var b strings.Builder
	p := c.progress()
	b.WriteString(fmt.Sprintf("**%s** %s, %d tracks, %d at a time\n\n", p.Phase, p.Name, p.Tracks, p.Window))
	if p.Paused != nil {
		b.WriteString(
			fmt.Sprintf("**paused** since %s: %s %s\n\n", clock(p.Paused.Since), p.Paused.Reason, p.Paused.Message),
		)
	}
	if p.Paused == nil && p.Trial {
		b.WriteString(
			"**trial** after the pause: one track is tried, and no other is started until it has succeeded\n\n",
		)
	} else if p.PaidWindow > 0 {
		b.WriteString(fmt.Sprintf("for now %d at a time of those that cost credits: more as they succeed\n\n",
			p.PaidWindow))
	}
	b.WriteString("| archived | found | partial | failed | skipped | cancelled | running | waiting | credits |\n" +
		"|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	b.WriteString(
		fmt.Sprintf(
			"| %d | %d | %d | %d | %d | %d | %d | %d | %d |\n",
			p.Archived,
			p.Found,
			p.Partial,
			p.Failed,
			p.Skipped,
			p.Cancelled,
			p.Running,
			p.Tracks-p.Ended()-p.Running,
			p.Credits,
		),
	)
	workflow.SetCurrentDetails(ctx, b.String())
}
