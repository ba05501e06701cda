package main

import (
	"context"

	"github.com/spf13/cobra"

	"stemflow"
	"stemflow/starter/internal/observe"
)

func init() { registerBelow("catalog", newCatalogPauseCommand) }

func newCatalogPauseCommand(c *cli) *cobra.Command {
	cmd := c.newCommand("pause", "start no more tracks of a catalogue; those under way go on", "",
		"catalog pause june")
	c.onCatalog(cmd, func(ctx context.Context, t *observe.Temporal, in stemflow.SeparateCatalogInput) error {
		progress, err := updateCatalog(ctx, t, in, stemflow.UpdatePause)
		if err != nil {
			return err
		}
		c.printUpdated("No more tracks are started. Those under way go on.", progress)
		return nil
	})
	return cmd
}
