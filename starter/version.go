package main

import (
	"github.com/spf13/cobra"

	"stemflow/internal/program"
)

func init() { register(groupOther, newVersionCommand) }

func newVersionCommand(c *cli) *cobra.Command {
	cmd := c.newCommand("version", "print the version, and the commit that it was built from", "", "version")
	cmd.RunE = func(*cobra.Command, []string) error {
		if c.wantsJSON() {
			c.printJSON(map[string]string{"version": program.Version(), "commit": program.Commit()})
			return nil
		}
		c.printf("%s %s\n", c.invoked.name, program.Version())
		return nil
	}
	return cmd
}
