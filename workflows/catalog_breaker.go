package workflows

import (
	"fmt"
	"strconv"
	"strings"

	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
)

// The breaker keeps a provider that fails every task from emptying the account. It pauses the
// catalogue after a few failures in a row, opens the window slowly while nothing has succeeded, and
// tries a single track after a pause.

// breakerChange is the change that brought the breaker. Runs that began before it only count
// outages: see noteOutage.
const breakerChange = "catalog-breaker"

func hasBreaker(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, breakerChange, workflow.DefaultVersion, 1) >= 1
}

// paidWindow is how many tracks that may cost credits may be under way at a time.
func (c *catalog) paidWindow() int {
	if c.state.PaidWindow == 0 {
		return firstPaidWindow
	}
	return c.state.PaidWindow
}

// hasRoom reports whether a track of this price may be started now. Tracks that were started before
// a trial say nothing about what comes next, so they only fill the window.
func (c *catalog) hasRoom(price int) bool {
	if c.state.Paused != nil || len(c.running) >= c.state.Window {
		return false
	}
	if !c.breaker {
		return true
	}
	current, paying := 0, 0
	for _, r := range c.running {
		if r.Earlier {
			continue
		}
		current++
		if r.Reserved > 0 {
			paying++
		}
	}
	if c.state.Trial {
		return current == 0
	}
	// A paid track that failed keeps its place until one succeeds: otherwise more tracks than it
	// takes to pause the catalogue would be paid for before it pauses.
	return price == 0 || paying+len(c.state.Lost) < c.paidWindow()
}

// observeEnd learns from the end of a track's run whether it is worth starting more.
func (c *catalog) observeEnd(
	ctx workflow.Context, track activityapi.RunningTrack, end activityapi.EndedSeparation, cost int,
) {
	switch {
	case !c.breaker:
		c.noteOutage(ctx, end)
	case track.Earlier, end.Reason == stemflow.ReasonCanceled:
		// It began before the pause, or was stopped by a person.
	case end.Result != nil && end.Result.SettledBy == stemflow.SettledByArchive:
		// The provider had no part in it.
	case end.Result != nil:
		c.noteSuccess(ctx, track.Credits+cost > 0)
	case end.Reason == stemflow.ErrorUnauthorized:
		c.pauseItself(ctx, end.Reason, end.Message)
	case cost > 0 || isOutage(end.Reason) || end.Reason == stemflow.ErrorProviderRejected:
		c.noteFailure(ctx, track, end, cost)
	}
}

// noteSuccess: only a success that was paid for proves that paying for another track is worth it.
// One that was paid for before this catalogue would otherwise hide that the provider fails
// everything new.
func (c *catalog) noteSuccess(ctx workflow.Context, paid bool) {
	c.state.Outages, c.state.Trial = 0, false
	if paid {
		c.state.Lost = nil
		c.state.PaidWindow = min(2*c.paidWindow(), stemflow.MaxWindow)
	}
	c.showDetails(ctx)
}

func (c *catalog) noteFailure(
	ctx workflow.Context, track activityapi.RunningTrack, end activityapi.EndedSeparation, cost int,
) {
	c.state.Outages++
	if cost > 0 {
		c.state.Lost = append(c.state.Lost, cost)
	}
	switch last := fmt.Sprintf("line %d: %s", track.Line, end.Message); {
	case c.state.Trial:
		c.pauseItself(ctx, end.Reason, fmt.Sprintf(
			"the one track that was tried after the pause failed too and cost %d credits, %s", cost, last))
	case len(c.state.Lost) >= paidFailuresToPause:
		c.pauseItself(ctx, end.Reason, fmt.Sprintf(
			"the last %d tracks that were paid for failed and cost %s credits, the last one in %s",
			len(c.state.Lost), sumText(c.state.Lost), last))
	case c.state.Outages >= outagesToPause:
		c.pauseItself(ctx, end.Reason, fmt.Sprintf(
			"%d tracks in a row could not be separated, the last one in %s", c.state.Outages, last))
	}
}

// sumText writes numbers as a sum, such as "10 + 10 + 50".
func sumText(numbers []int) string {
	texts := make([]string, len(numbers))
	for i, n := range numbers {
		texts[i] = strconv.Itoa(n)
	}
	return strings.Join(texts, " + ")
}

// startTrial lets a single track show whether what the catalogue paused for is mended.
func (c *catalog) startTrial() {
	c.state.Trial = true
	c.state.Outages, c.state.Lost, c.state.PaidWindow = 0, nil, 0
	for _, r := range c.running {
		r.Earlier = true
	}
}

// noteOutage is what runs that began before the breaker do.
func (c *catalog) noteOutage(ctx workflow.Context, end activityapi.EndedSeparation) {
	switch {
	case end.Reason == stemflow.ErrorUnauthorized:
		c.pauseItself(ctx, end.Reason, end.Message)
	case !isOutage(end.Reason):
		c.state.Outages = 0
	default:
		if c.state.Outages++; c.state.Outages >= outagesToPause {
			c.pauseItself(ctx, end.Reason, fmt.Sprintf(
				"%d tracks in a row could not be separated, the last for this: %s", c.state.Outages, end.Message))
		}
	}
}

// isOutage reports whether an end speaks of the provider, the store or the worker's configuration,
// and not of the track.
func isOutage(reason string) bool {
	return isPassing(reason) && reason != stemflow.ErrorUnauthorized || reason == stemflow.ErrorSubmissionUnknown
}

// isPassing reports whether a track that ended so is worth another try once something has been
// mended, unpaid if it was paid for.
func isPassing(reason string) bool {
	switch reason {
	case stemflow.ErrorUnauthorized,
		stemflow.ErrorProviderUnavailable,
		stemflow.ErrorArchiveUnavailable,
		stemflow.ErrorSeparationTimedOut,
		stemflow.ErrorSourceForbidden,
		stemflow.ErrorSourceTooLarge,
		stemflow.ErrorSourceBlocked:
		return true
	}
	return false
}
