package main

import (
	"context"

	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/observe"
	"stemflow/starter/internal/view"
)

// connect connects to Temporal.
func (c *cli) connect(ctx context.Context) (*observe.Temporal, error) {
	t, err := observe.Connect(ctx, c.global.server)
	if err != nil {
		return nil, failure.Connection(err)
	}
	return t, nil
}

// again is a command that asks the same Temporal.
func (c *cli) again(command string) string {
	command = c.invoked.command + " " + command
	if address := c.global.server.Address; address != "" {
		command += " --address " + view.Quote(address)
	}
	if namespace := c.global.server.Namespace; namespace != "" {
		command += " --namespace " + view.Quote(namespace)
	}
	if profile := c.global.server.Profile; profile != "" {
		command += " --profile " + view.Quote(profile)
	}
	return command
}
