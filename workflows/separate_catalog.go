package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
)

// SeparateCatalog separates the tracks of a catalogue, each as a [SeparateStems] of its own, a
// window of them at a time, and reports what became of each. That a track fails stops no other.
// However many there are, they are one logical run: it continues as new with the state that a run
// of it hands on, and that a person who starts one leaves out.
//
// It ends with a *temporal.ApplicationError of type ErrorInvalidInput or ErrorArchiveUnavailable,
// or cancelled. The first detail is a [stemflow.SeparateCatalogResult] of what came to be.
func SeparateCatalog(
	ctx workflow.Context, in stemflow.SeparateCatalogInput, state *activityapi.CatalogState,
) (*stemflow.SeparateCatalogResult, error) {
	ctx, callers := shareRun(ctx, state)
	c := newCatalog(ctx, in.WithDefaults(), state)
	c.callers = callers
	if err := c.offerProgress(ctx); err != nil {
		return nil, err
	}
	if err := c.offerControl(ctx); err != nil {
		return nil, err
	}
	c.showCancellation(ctx)
	err := c.prepare(ctx)
	if err == nil {
		err = c.separateAll(ctx)
	}
	if workflow.IsContinueAsNewError(err) {
		return nil, err
	}
	result, err := c.finish(ctx, err)
	awaitHandlers(ctx)
	if err != nil {
		if temporal.IsCanceledError(err) {
			err = c.callers.cancelled(result)
		} else {
			err = failureWith(err, result)
		}
	}
	c.tellEnd(ctx, result, err)
	c.showEnd(ctx, result, err)
	if err != nil {
		return nil, err
	}
	return &result, nil
}

// catalog is one run of a catalogue.
type catalog struct {
	in stemflow.SeparateCatalogInput
	// callers are the Nexus callers that wait for the catalogue.
	callers *callers
	phase   stemflow.CatalogPhase
	// state is what is handed on, except for running and budget.
	state  activityapi.CatalogState
	budget creditBudget
	// breaker says that the run has the breaker of catalog_breaker.go.
	breaker bool

	// page are the tracks of the page that is being taken, without those that are; next is where
	// the page after it begins.
	page []activityapi.CatalogTrack
	next int64
	// running are the tracks under way.
	running []*activityapi.RunningTrack
	// outcomes are those that are not recorded yet, recording those that are just being.
	outcomes, recording []stemflow.TrackOutcome

	// cancelling says that the catalogue was asked to stop. ended is how it ended, once it has.
	cancelling bool
	ended      catalogEnd
	// telling is how many events Temporal does not have yet.
	telling int
}

func newCatalog(ctx workflow.Context, in stemflow.SeparateCatalogInput, state *activityapi.CatalogState) *catalog {
	c := &catalog{in: in, phase: stemflow.CatalogPreparing}
	if state == nil {
		c.state = activityapi.CatalogState{Window: in.Window, StartedAt: workflow.Now(ctx)}
	} else {
		c.state = *state
	}
	c.state.Repeated = c.state.Repeated || isRepeated(ctx)
	c.budget = newCreditBudget(in.CreditBudget, c.state)
	return c
}

// isRepeated reports whether a run is a reset or a retry of another one. What that has started by
// force it must not start again so: the runs of tracks have owners of their own.
func isRepeated(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return info.Attempt > 1 || info.OriginalRunID != "" && info.OriginalRunID != info.WorkflowExecution.RunID
}

// paidSince is from when on payments for the tracks count as those of a catalogue that is reset:
// nothing else says what the run before has paid. One that a retry policy has begun anew counts
// from its own start. nil: it is neither.
func (c *catalog) paidSince(ctx workflow.Context) *time.Time {
	if !c.state.Repeated {
		return nil
	}
	since := c.state.StartedAt
	if first := workflow.GetInfo(ctx).WorkflowStartTime; first.Before(since) { // a reset starts at its own time
		since = first
	}
	return &since
}

// prepare checks the tracks and keeps them for the run, before anything is started. A run that
// continues another one finds that done.
func (c *catalog) prepare(ctx workflow.Context) error {
	if c.state.Prepared.Tracks > 0 {
		return nil
	}
	if err := c.in.Validate(); err != nil {
		return endWith(stemflow.ErrorInvalidInput, "the input is wrong: "+err.Error())
	}
	c.showDetails(ctx)
	err := workflow.ExecuteActivity(prepareCatalogOptions(ctx), activityapi.ActivityPrepareCatalog, c.in).
		Get(ctx, &c.state.Prepared)
	return activityFailure(err, stemflow.ErrorArchiveUnavailable)
}

// separateAll brings every track to an end. It returns early with a cancellation, with an ending,
// or to continue as new.
func (c *catalog) separateAll(ctx workflow.Context) error {
	c.breaker = hasBreaker(ctx)
	c.enter(ctx, stemflow.CatalogSeparating)
	c.adopt(ctx)
	for {
		if shouldContinueAsNew(ctx) {
			return c.continueAsNew(ctx)
		}
		track, err := c.nextTrack(ctx)
		if err != nil || track == nil {
			return err
		}
		if track.Found != nil {
			row := *track.Found
			row.Credits = track.Credits
			c.finishTrack(ctx, row)
		} else if err := c.startOrSkip(ctx, *track); err != nil {
			if c.breaker { // so that the report has a track that was tried before
				c.putBack(*track)
			}
			return err
		}
		if len(c.outcomes) >= activityapi.CatalogPageSize {
			if err := c.record(ctx, noTimeout); err != nil {
				return err
			}
		}
	}
}

// nextTrack takes the track whose turn it is, or returns nil when all have come to an end.
func (c *catalog) nextTrack(ctx workflow.Context) (*activityapi.RunningTrack, error) {
	for {
		switch {
		case len(c.state.Again) > 0:
			track := c.state.Again[0]
			c.state.Again = c.state.Again[1:]
			return &track, nil
		case len(c.page) > 0:
			track := activityapi.RunningTrack{CatalogTrack: c.takeFromPage()}
			c.countBefore(&track)
			return &track, nil
		case !c.state.Read:
			if err := c.readPage(ctx); err != nil {
				return nil, err
			}
		case len(c.running) > 0:
			err := workflow.Await(ctx, func() bool { return len(c.running) == 0 || len(c.state.Again) > 0 })
			if err != nil {
				return nil, err
			}
		default:
			return nil, nil
		}
	}
}

func (c *catalog) takeFromPage() activityapi.CatalogTrack {
	track := c.page[0]
	c.page = c.page[1:]
	c.state.Taken++
	if len(c.page) == 0 {
		c.state.Offset, c.state.Taken, c.state.Read = c.next, 0, c.next == 0
	}
	return track
}

// putBack makes a track the next one again.
func (c *catalog) putBack(track activityapi.RunningTrack) {
	c.state.Again = append([]activityapi.RunningTrack{track}, c.state.Again...)
}

// readPage reads the page from which tracks are taken. With each page the balance is looked at
// again, once something is to be paid.
func (c *catalog) readPage(ctx workflow.Context) error {
	var page activityapi.CatalogPage
	err := workflow.ExecuteActivity(readCatalogOptions(ctx), activityapi.ActivityReadCatalog,
		activityapi.ReadCatalogInput{
			Location: c.state.Prepared.Location, ETag: c.state.Prepared.ETag, Offset: c.state.Offset,
			PaidSince: c.paidSince(ctx),
		}).
		Get(ctx, &page)
	if err == nil && len(page.Tracks) <= c.state.Taken {
		return endWith(
			stemflow.ErrorArchiveUnavailable,
			"what the run has kept of its tracks ends early; start the catalogue again, which pays for "+
				"nothing that is paid for",
		)
	}
	if err != nil {
		return activityFailure(err, stemflow.ErrorArchiveUnavailable)
	}
	c.page, c.next = page.Tracks[c.state.Taken:], page.Next
	c.budget.known = false
	return nil
}

// continueAsNew hands everything on to a run with an empty history. Tracks under way go on: the
// next run awaits them. Nothing may be under way that it would not learn of: a child that is not
// known to have begun, an outcome that is not recorded, an update that is not answered, an event
// that Temporal does not have.
func (c *catalog) continueAsNew(ctx workflow.Context) error {
	for ready := false; !ready; ready = c.telling == 0 { // it may pause while outcomes are recorded
		err := workflow.Await(ctx, func() bool {
			for _, r := range c.running {
				if !r.Begun {
					return false
				}
			}
			return c.telling == 0 && workflow.AllHandlersFinished(ctx)
		})
		if err != nil {
			return err
		}
		if err := c.record(ctx, noTimeout); err != nil {
			return err
		}
	}
	c.callers.readAll(ctx)
	if ctx.Err() != nil { // the next run would not know that it is cancelled
		return ctx.Err()
	}
	in := c.in
	in.Tracks = nil
	state := c.state
	state.Credits, state.Doubtful, state.RefusedAt = c.budget.spent, c.budget.doubtful, c.budget.refusedAt
	state.Callers = c.callers.waiting
	state.Running = nil
	for _, r := range c.running {
		state.Running = append(state.Running, *r)
	}
	return workflow.NewContinueAsNewError(ctx, stemflow.WorkflowSeparateCatalog, in, state)
}
