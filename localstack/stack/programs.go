package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"stemflow"
	"stemflow/internal/devservers"
	"stemflow/localstack/internal/programs"
)

const (
	// apiKey is what the provider's stand-in takes.
	apiKey = "local"
	// workerStop is above the time that the worker gives to a paid call.
	workerStop = 90 * time.Second
)

// program is the path of a built one.
func (s *stack) program(name string) string { return programs.Path(s.dir, name) }

func (s *stack) startProgram(ctx context.Context, command devservers.Command) error {
	command.Path = s.program(command.Name)
	_, err := s.start(ctx, command.Name, func(log *os.File) (*devservers.Process, error) {
		command.Log = log
		return devservers.Start(ctx, command)
	})
	return err
}

// dial connects to Temporal, and is silent about it.
func (s *stack) dial(ctx context.Context) (client.Client, error) {
	return client.DialContext(
		ctx,
		client.Options{HostPort: s.temporal, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))},
	)
}

// polled reports whether a worker waits for everything that a separation consists of.
func (s *stack) polled(ctx context.Context) error {
	c, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, wanted := range []struct {
		queue string
		kind  enumspb.TaskQueueType
	}{
		{stemflow.TaskQueue, enumspb.TASK_QUEUE_TYPE_WORKFLOW},
		{stemflow.TaskQueue, enumspb.TASK_QUEUE_TYPE_ACTIVITY},
		{stemflow.SubmitTaskQueue(stemflow.TaskQueue), enumspb.TASK_QUEUE_TYPE_ACTIVITY},
	} {
		described, err := c.DescribeTaskQueue(ctx, wanted.queue, wanted.kind)
		if err != nil {
			return err
		}
		if len(described.Pollers) == 0 {
			return fmt.Errorf("nobody polls the %v queue %s yet", wanted.kind, wanted.queue)
		}
	}
	return nil
}
