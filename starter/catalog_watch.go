package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"stemflow"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/observe"
)

func init() { registerBelow("catalog", newCatalogWatchCommand) }

func newCatalogWatchCommand(c *cli) *cobra.Command {
	cmd := c.newCommand("watch", "show the progress of a catalogue, without ever starting one", `
Shows the catalogue until it ends, as "catalog --wait" does. If it has ended already, its end is
shown.`,
		"catalog watch june")
	c.onCatalog(cmd, c.watchCatalog)
	return cmd
}

func (c *cli) watchCatalog(ctx context.Context, t *observe.Temporal, in stemflow.SeparateCatalogInput) error {
	cfg, err := c.config()
	if err != nil {
		return failure.Configuration(err)
	}
	id := stemflow.CatalogWorkflowID(in)
	description, err := t.Describe(ctx, id, "")
	if observe.IsNotFound(err) {
		return failure.CatalogNotRunning(in.Name)
	}
	if err != nil {
		return failure.Temporal("the catalogue cannot be looked at", err)
	}
	fmt.Fprintf(c.progress(), "Watching catalogue %s\n", in.Name)
	run := t.GetWorkflow(ctx, id, description.GetWorkflowExecutionInfo().GetExecution().GetRunId())
	return c.waitForCatalog(ctx, t, cfg, run, in)
}
