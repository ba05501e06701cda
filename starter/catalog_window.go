package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"stemflow"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/observe"
)

func init() { registerBelow("catalog", newCatalogWindowCommand) }

func newCatalogWindowCommand(c *cli) *cobra.Command {
	cmd := c.newCommand("window", "change how many tracks of a catalogue are under way at a time", `
Fewer take effect as those under way end.`,
		"catalog window june --window 20")
	window := cmd.Flags().Int("window", 0, "`NUMBER` of tracks under way at a time")
	c.onCatalog(cmd, func(ctx context.Context, t *observe.Temporal, in stemflow.SeparateCatalogInput) error {
		progress, err := updateCatalog(ctx, t, in, stemflow.UpdateSetWindow, *window)
		if err != nil {
			return err
		}
		c.printUpdated(fmt.Sprintf("From now on %d tracks at a time.", *window), progress)
		return nil
	})
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if *window < 1 || *window > stemflow.MaxWindow {
			if !cmd.Flags().Changed("window") {
				return failure.Usage(nameOf(cmd), "--window is required: a number between 1 and %d", stemflow.MaxWindow)
			}
			return failure.Usage(nameOf(cmd), "--window: %d is not between 1 and %d", *window, stemflow.MaxWindow)
		}
		return nil
	}
	return cmd
}
