package main

import (
	"context"

	"github.com/spf13/cobra"

	"stemflow"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/observe"
)

func init() { registerBelow("catalog", newCatalogCancelCommand) }

func newCatalogCancelCommand(c *cli) *cobra.Command {
	cmd := c.newCommand("cancel", "cancel a catalogue and its tracks that are under way", `
What was paid is not lost: the provider finishes it, and starting the catalogue again takes it up. The
report says how far it got.`,
		"catalog cancel june")
	c.onCatalog(cmd, c.cancelCatalog)
	return cmd
}

func (c *cli) cancelCatalog(ctx context.Context, t *observe.Temporal, in stemflow.SeparateCatalogInput) error {
	id := stemflow.CatalogWorkflowID(in)
	canceled, err := requestCancel(ctx, t, id, "the catalogue")
	if err != nil {
		return err
	}
	if !canceled {
		return failure.CatalogNotRunning(in.Name)
	}
	if c.wantsJSON() {
		c.printJSON(cancelledRun{id})
		return nil
	}
	c.printf("Asked catalogue %s to stop, and its tracks that are under way.\n", in.Name)
	if !c.global.quiet {
		c.printf("Starting it again goes on from there: what was paid is taken up, not paid twice.\n")
	}
	return nil
}
