package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"stemflow"
)

func (s *separation) offerProgress(ctx workflow.Context) error {
	return workflow.SetQueryHandlerWithOptions(ctx, stemflow.QueryProgress,
		func() (stemflow.Progress, error) { return s.currentProgress(), nil },
		workflow.QueryHandlerOptions{Description: "Where the separation stands, and how it ended."})
}

func (s *separation) currentProgress() stemflow.Progress {
	p := s.progress
	p.Title = s.in.Title
	if s.cancelling && p.Failure == nil && p.Phase != stemflow.PhaseDone {
		p.Phase = stemflow.PhaseCancelling
	}
	if p.Paid = s.paid; s.paid && p.SeparationTaskID != "" { // not one that only a callback has named
		p.Credits = stemflow.Price(s.in.Type)
	}
	return p
}

// enter moves to a phase and shows it on the execution's page.
func (s *separation) enter(ctx workflow.Context, phase stemflow.Phase) {
	s.progress.Phase = phase
	s.showDetails(ctx)
}

// showArchived adds to the progress the stems that earlier runs have archived.
func (s *separation) showArchived() {
	for _, stem := range s.stems {
		shown := stemflow.StemProgress{Name: stem.Name, State: stemflow.StemArchived, Size: stem.Size}
		i := slices.IndexFunc(s.progress.Stems, func(p stemflow.StemProgress) bool { return p.Name == stem.Name })
		if i < 0 {
			s.progress.Stems = append(s.progress.Stems, shown)
		} else {
			s.progress.Stems[i] = shown
		}
	}
}

// showCancellation shows that the run was asked to stop, from when it was.
func (s *separation) showCancellation(ctx workflow.Context) {
	workflow.Go(ctx, func(ctx workflow.Context) {
		ctx.Done().Receive(ctx, nil)
		s.cancelling = true
		s.showDetails(ctx)
	})
}

// showFailure shows why the run ends without a result; nil: it has one.
func (s *separation) showFailure(ctx workflow.Context, err error) {
	if err == nil {
		return
	}
	s.progress.Failure = runFailure(s.failure(err), "the "+s.task.Name+" was cancelled", cancelledRemedy)
	phase := stemflow.PhaseFailed
	if s.progress.Failure.Type == stemflow.ReasonCanceled {
		phase = stemflow.PhaseCancelled
	}
	s.enter(ctx, phase)
}

// showDetails writes the execution's current details, in Markdown: where the run stands and for
// which track, what the separation costs, a small table of stems, and how it ended.
func (s *separation) showDetails(ctx workflow.Context) {
	var b details
	p := s.currentProgress()
	b.addf("**%s**", p.Phase)
	switch {
	case p.Failure != nil:
	case p.Phase == stemflow.PhaseCancelling:
		b.WriteString(": what is paid for is kept, and taken up when the track is started again")
	case p.SubmissionUnknown:
		b.addf(": the submit's outcome is unknown, waiting for the callback until %s", clock(p.Deadline))
	case p.Phase == stemflow.PhaseWaiting:
		b.addf(" for the callback, polling from %s", clock(p.PollingFrom))
	case p.Phase == stemflow.PhasePolling:
		b.addf(" every %v until %s", s.in.PollInterval, clock(p.Deadline))
	}
	b.addf("\n\n%s", trackName(s.in))
	writeFailure(&b, p.Failure)
	if p.SeparationTaskID != "" {
		b.addf("\n\n%s task `%s`", s.task.Name, p.SeparationTaskID)
	}
	switch {
	case p.Paid && p.SeparationTaskID != "":
		b.addf("\n\ncost: %s, by the documented price", costText(stemflow.Credits(s.in.Type)))
	case p.Paid:
		b.WriteString("\n\ncost: not known, the submit may have been accepted")
	}
	if len(p.Stems) > 0 {
		b.addf("\n\n| %s |", s.task.Part)
		b.WriteString(" state | size |\n|---|---|---:|\n")
		for _, stem := range p.Stems {
			b.addf("| %s | %s | %s |\n", stem.Name, stem.State, sizeText(stem.Size))
		}
	}
	if p.Manifest != nil {
		b.addf("\n\nmanifest `%s` in bucket `%s`", p.Manifest.Key, p.Manifest.Bucket)
	}
	workflow.SetCurrentDetails(ctx, b.String())
}
