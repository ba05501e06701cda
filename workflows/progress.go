package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"stemflow"
)

func (s *separation) offerProgress(ctx workflow.Context) error {
	return workflow.SetQueryHandlerWithOptions(ctx, stemflow.QueryProgress,
		func() (stemflow.Progress, error) { return s.progress, nil },
		workflow.QueryHandlerOptions{Description: "Where the separation stands."})
}

// enter moves to a phase and shows it on the execution's page.
func (s *separation) enter(ctx workflow.Context, phase stemflow.Phase) {
	s.progress.Phase = phase
	s.showDetails(ctx)
}

// showDetails writes the execution's current details: a line and a small table of stems, in
// Markdown.
func (s *separation) showDetails(ctx workflow.Context) {
	var b strings.Builder
	p := s.progress
	b.WriteString(fmt.Sprintf("**%s**", p.Phase))
	switch {
	case p.SubmissionUnknown:
		b.WriteString(
			fmt.Sprintf(": the submit's outcome is unknown, waiting for the callback until %s", clock(p.Deadline)),
		)
	case p.Phase == stemflow.PhaseWaiting:
		b.WriteString(fmt.Sprintf(" for the callback, polling from %s", clock(p.PollingFrom)))
	case p.Phase == stemflow.PhasePolling:
		b.WriteString(fmt.Sprintf(" every %v until %s", s.in.PollInterval, clock(p.Deadline)))
	}
	if p.SeparationTaskID != "" {
		b.WriteString(fmt.Sprintf("\n\nseparation task `%s`", p.SeparationTaskID))
	}
	if len(p.Stems) > 0 {
		b.WriteString("\n\n| stem | state | bytes |\n|---|---|---:|\n")
		for _, stem := range p.Stems {
			b.WriteString(fmt.Sprintf("| %s | %s | %d |\n", stem.Name, stem.State, stem.Size))
		}
	}
	workflow.SetCurrentDetails(ctx, b.String())
}
