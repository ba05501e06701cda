package workflows

import (
	"cmp"
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/bounded"
	"stemflow/internal/outcome"
)

// start separates a track, beside all others.
func (c *catalog) start(ctx workflow.Context, track activityapi.RunningTrack) {
	track.Begun = false // it may have been, at an earlier try
	if c.state.Repeated && track.Input.Force {
		workflow.GetLogger(ctx).Warn("the catalogue was reset or retried, so a track is not separated by force: it "+
			"may have been already; start the catalogue again if it has not", "line", track.Line)
		track.Input.Force = false
	}
	c.spawn(ctx, &track, c.separate)
}

// adopt awaits the tracks that the run before has started.
func (c *catalog) adopt(ctx workflow.Context) {
	for _, track := range c.state.Running {
		track.Begun = true
		c.spawn(ctx, &track, c.await)
	}
	c.state.Running = nil
}

// spawn adds a track to those under way, and settles it when its run has ended.
func (c *catalog) spawn(
	ctx workflow.Context, track *activityapi.RunningTrack,
	separate func(workflow.Context, *activityapi.RunningTrack) activityapi.EndedSeparation,
) {
	c.running = append(c.running, track)
	c.showDetails(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) {
		end := separate(ctx, track)
		c.running = slices.DeleteFunc(c.running, func(r *activityapi.RunningTrack) bool { return r == track })
		c.settle(ctx, *track, end)
	})
}

// separate starts a track's run as a child, and awaits it. Where a run of the track is under way
// already, it is joined.
func (c *catalog) separate(ctx workflow.Context, track *activityapi.RunningTrack) activityapi.EndedSeparation {
	child := workflow.ExecuteChildWorkflow(trackOptions(ctx, track.Input), stemflow.WorkflowSeparateStems, track.Input)
	var run workflow.Execution
	err := child.GetChildWorkflowExecution().Get(ctx, &run)
	track.Begun = true
	switch {
	case temporal.IsWorkflowExecutionAlreadyStartedError(err):
		if !mayBeOwn(*track) {
			c.budget.release(track) // whatever that run pays, it is not this catalogue's
		}
		track.Joined = true
		return c.await(ctx, track)
	case temporal.IsCanceledError(err):
		return cancelledUnpaid("the catalogue was cancelled before the track had begun")
	case err != nil:
		return activityapi.EndedSeparation{
			Reason:  stemflow.ReasonLost,
			Message: shorten(err.Error()),
			Details: &stemflow.ErrorDetails{},
		}
	}
	track.RunID = run.RunID
	result := &stemflow.SeparateStemsResult{}
	if err := child.Get(ctx, result); err != nil {
		return endedWith(err)
	}
	return activityapi.EndedSeparation{Result: result}
}

// await awaits a run that is not, or not any more, a child of this one. Cancelled, it cancels that
// run too, unless another caller started it: of a run that a catalogue joins which is reset the
// activity finds out whose it is.
func (c *catalog) await(ctx workflow.Context, track *activityapi.RunningTrack) activityapi.EndedSeparation {
	in := activityapi.AwaitSeparationInput{WorkflowID: stemflow.WorkflowID(track.Input), RunID: track.RunID}
	var end activityapi.EndedSeparation
	err := workflow.ExecuteActivity(awaitOptions(ctx, track.Input), activityapi.ActivityAwaitSeparation, in).
		Get(ctx, &end)
	if temporal.IsCanceledError(err) {
		detached, _ := workflow.NewDisconnectedContext(ctx)
		switch {
		case track.Joined && track.Before == nil:
			return cancelledUnpaid("another caller's run of the track goes on")
		case track.Joined:
			in.CancelFor = owner(ctx)
		default:
			// An error says that the run has ended: how, the activity learns.
			_ = workflow.RequestCancelExternalWorkflow(detached, in.WorkflowID, in.RunID).Get(detached, nil)
		}
		err = workflow.ExecuteActivity(awaitOptions(detached, track.Input), activityapi.ActivityAwaitSeparation, in).
			Get(detached, &end)
	}
	if err != nil {
		return endedWith(err)
	}
	return end
}

func cancelledUnpaid(message string) activityapi.EndedSeparation {
	return activityapi.EndedSeparation{
		Reason:  stemflow.ReasonCanceled,
		Message: message,
		Details: &stemflow.ErrorDetails{},
	}
}

// endedWith is the end of a separation that was awaited with this error.
func endedWith(err error) activityapi.EndedSeparation {
	return *endOf[stemflow.SeparateStemsResult, stemflow.ErrorDetails](nil, err)
}

// settle takes in how a track's run ended: the track is finished, or is to be started again.
func (c *catalog) settle(ctx workflow.Context, track activityapi.RunningTrack, end activityapi.EndedSeparation) {
	cost := costOf(track, end)
	c.budget.settle(&track, cost, end.Reason)
	c.observeEnd(ctx, track, end, cost)
	track.Credits += cost
	var (
		mayBePaid = cost > 0 || c.breaker && track.Joined && mayHavePaid(end)
		// What is wrong with the key, the provider or the store is not the track's fault.
		postponed = isPassing(end.Reason) && (c.pausedItself() || track.Earlier)
		// Another caller has given the track up, this catalogue has not.
		replaced = c.breaker && track.Joined && endedFromOutside(end.Reason) && track.Restarts < maxRestarts
	)
	switch {
	case ctx.Err() != nil || !postponed && !replaced:
	case postponed && c.breaker && mayBePaid && taskIDOf(end) == "":
		end.Message = "the track may be paid for and its separation task id is not known, so the catalogue does " +
			"not start " +
			"it again; look for it in the provider's logs and resume it with separationTaskId: " + end.Message
	default:
		if replaced {
			track.Restarts++
		}
		c.startAgain(ctx, track, end, mayBePaid)
		return
	}
	c.finishTrack(ctx, outcomeOf(track, end))
}

// startAgain makes a track one of the next to be started. What may be paid for is never forced
// again. Where the id of what was paid is known the run is given it: then it cannot pay, even if
// the ledger was out of reach and does not name it yet.
func (c *catalog) startAgain(
	ctx workflow.Context, track activityapi.RunningTrack, end activityapi.EndedSeparation, mayBePaid bool,
) {
	if mayBePaid {
		track.Input.Force = false
		if id := taskIDOf(end); id != "" {
			track.Input.SeparationTaskID = id
		}
	}
	track.RunID, track.Joined, track.Tried, track.Earlier = "", false, true, false
	c.state.Again = append(c.state.Again, track)
	c.showDetails(ctx)
}

// endedFromOutside reports whether a run was stopped, and did not end by itself.
func endedFromOutside(reason string) bool {
	switch reason {
	case stemflow.ReasonCanceled, stemflow.ReasonTerminated, stemflow.ReasonTimedOut, stemflow.ReasonLost:
		return true
	}
	return false
}

// mayHavePaid reports whether a run that failed has paid, or could not say.
func mayHavePaid(end activityapi.EndedSeparation) bool {
	return end.Result == nil && (end.Details == nil || end.Details.Paid)
}

// taskIDOf is the paid separation that a run which failed knew of.
func taskIDOf(end activityapi.EndedSeparation) string {
	if end.Details == nil {
		return ""
	}
	return end.Details.SeparationTaskID
}

// costOf is what a track's run cost. One that could not tell counts as paid, if it could pay.
func costOf(track activityapi.RunningTrack, end activityapi.EndedSeparation) int {
	paid := track.Reserved > 0
	switch {
	case track.Joined && !mayBeOwn(track):
		paid = false
	case end.Result != nil:
		paid = end.Result.Paid
	case end.Details != nil:
		paid = end.Details.Paid
	}
	if !paid {
		return 0
	}
	return trackPrice(track)
}

func outcomeOf(track activityapi.RunningTrack, end activityapi.EndedSeparation) stemflow.TrackOutcome {
	var row stemflow.TrackOutcome
	switch {
	case end.Result != nil:
		row = outcome.OfArchived(track.CatalogTrack, *end.Result)
	case end.Reason == stemflow.ReasonCanceled:
		row = outcome.OfTrack(track.CatalogTrack, stemflow.TrackCancelled)
	default:
		row = outcome.OfTrack(track.CatalogTrack, stemflow.TrackFailed)
	}
	if end.Result == nil {
		row.Reason, row.Message = end.Reason, end.Message
	}
	if end.Details != nil {
		row.SeparationTaskID = cmp.Or(end.Details.SeparationTaskID, row.SeparationTaskID)
		row.Stems = len(end.Details.Stems)
	}
	row.Credits, row.Joined = track.Credits, track.Joined
	return row
}

// finishTrack counts what became of a track, and keeps it to be recorded.
func (c *catalog) finishTrack(ctx workflow.Context, outcome stemflow.TrackOutcome) {
	outcome.Message = shorten(outcome.Message)
	c.state.Counts.Add(outcome.Status)
	c.outcomes = append(c.outcomes, outcome)
	if outcome.Status == stemflow.TrackFailed {
		c.state.Failures = append(c.state.Failures, outcome)
		c.state.Failures = c.state.Failures[max(0, len(c.state.Failures)-shownFailures):]
	}
	countTrack(ctx, outcome.Status)
	c.showDetails(ctx)
}

const (
	// shownFailures is how many of the latest failures are shown while a catalogue goes on; the
	// report has all.
	shownFailures = 5
	// mostMessage bounds what is kept of a message, in bytes.
	mostMessage = 500
)

func shorten(message string) string { return bounded.Text(message, mostMessage) }
