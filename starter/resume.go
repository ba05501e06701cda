package main

import (
	"github.com/spf13/cobra"

	"stemflow/starter/internal/failure"
)

func init() { register(groupSeparations, newResumeCommand) }

func newResumeCommand(c *cli) *cobra.Command {
	cmd := c.newCommand("resume",
		"archive a separation that is paid for already, by its id at the provider; it never pays", `
For a separation that was paid for elsewhere, or by a run that could not tell: its id is in the
provider's log. A run of the track that is under way is joined, with the input that it was started
with.`,
		"resume --separation-task-id 3e63...71e7 5c79...be8e e231...c7dc split_stem --wait")
	o := &startOptions{}
	o.declare(c, cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := o.complete(c, cmd); err != nil {
			return err
		}
		if o.in.SeparationTaskID == "" {
			return failure.Usage(nameOf(cmd), "--separation-task-id is required: it says what is paid for")
		}
		return c.start(cmd.Context(), *o)
	}
	return cmd
}
