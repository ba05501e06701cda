package workflows

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/workflow"

	"stemflow"
)

// offerControl lets people pause a catalogue, let it go on, and change its window.
func (c *catalog) offerControl(ctx workflow.Context) error {
	return errors.Join(
		workflow.SetUpdateHandlerWithOptions(
			ctx,
			stemflow.UpdatePause,
			func(ctx workflow.Context) (stemflow.CatalogProgress, error) {
				if c.state.Paused == nil {
					c.pause(ctx, stemflow.CatalogPause{Reason: stemflow.PauseRequested})
				}
				return c.progress(), nil
			},
			workflow.UpdateHandlerOptions{
				Description: "Start no more tracks; those under way go on.",
				Validator:   c.canControl,
			},
		),

		workflow.SetUpdateHandlerWithOptions(
			ctx,
			stemflow.UpdateResume,
			func(ctx workflow.Context) (stemflow.CatalogProgress, error) {
				if c.breaker && c.pausedItself() {
					c.startTrial()
				}
				if !c.breaker {
					c.state.Outages = 0
				}
				c.state.Paused = nil
				c.budget.known = false // it may be what was mended
				c.showDetails(ctx)
				return c.progress(), nil
			},
			workflow.UpdateHandlerOptions{
				Description: "Go on after a pause. If the catalogue paused by itself, one track is tried first.",
				Validator:   c.canControl,
			},
		),

		workflow.SetUpdateHandlerWithOptions(
			ctx,
			stemflow.UpdateSetWindow,
			func(ctx workflow.Context, window int) (stemflow.CatalogProgress, error) {
				c.state.Window = window
				c.showDetails(ctx)
				return c.progress(), nil
			},
			workflow.UpdateHandlerOptions{
				Description: "Have so many tracks under way at a time from now on.",
				Validator: func(ctx workflow.Context, window int) error {
					if window < 1 || window > stemflow.MaxWindow {
						return fmt.Errorf(
							"%d is not between 1 and %d; to start no more tracks, pause",
							window,
							stemflow.MaxWindow,
						)
					}
					return c.canControl(ctx)
				},
			},
		),
	)
}

func (c *catalog) canControl(workflow.Context) error {
	switch {
	case c.phase != stemflow.CatalogPreparing && c.phase != stemflow.CatalogSeparating:
		return errors.New("no track is left to be started")
	case c.cancelling:
		return errors.New("the catalogue is being cancelled; once it has ended, start it again to go on")
	}
	return nil
}

func (c *catalog) pause(ctx workflow.Context, pause stemflow.CatalogPause) {
	pause.Message = shorten(pause.Message)
	pause.Since = workflow.Now(ctx)
	c.state.Paused = &pause
	c.showDetails(ctx)
	c.tellPaused(ctx, pause)
}

// pauseItself pauses for something that a person has to mend: to go on would only make one track
// after the other fail.
func (c *catalog) pauseItself(ctx workflow.Context, reason, message string) {
	if !c.pausedItself() {
		workflow.GetLogger(ctx).
			Warn("the catalogue pauses until the fault is mended and the update resume is sent",
				"reason", reason, "message", message)
		c.pause(ctx, stemflow.CatalogPause{Reason: reason, Message: message})
	}
}

func (c *catalog) pausedItself() bool {
	return c.state.Paused != nil && c.state.Paused.Reason != stemflow.PauseRequested
}
