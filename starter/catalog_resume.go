package main

import (
	"context"

	"github.com/spf13/cobra"

	"stemflow"
	"stemflow/starter/internal/observe"
)

func init() { registerBelow("catalog", newCatalogResumeCommand) }

func newCatalogResumeCommand(c *cli) *cobra.Command {
	cmd := c.newCommand("resume",
		"let a catalogue go on that is paused; one that paused by itself tries one track first", "",
		"catalog resume june")
	c.onCatalog(cmd, func(ctx context.Context, t *observe.Temporal, in stemflow.SeparateCatalogInput) error {
		progress, err := updateCatalog(ctx, t, in, stemflow.UpdateResume)
		if err != nil {
			return err
		}
		done := "The catalogue goes on."
		if progress.Trial { // it had paused by itself
			done = "The catalogue tries one track, and goes on when that has succeeded."
		}
		c.printUpdated(done, progress)
		return nil
	})
	return cmd
}
