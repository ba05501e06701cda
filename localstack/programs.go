package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"stemflow"
	"stemflow/internal/devservers"
)

const (
	// apiKey is what the provider's stand-in takes.
	apiKey = "local"
	// workerStop is above the time that the worker gives to the stems under way.
	workerStop = 40 * time.Second
	// buildPatience is how long a build that has little to do may take before it is announced.
	buildPatience = 3 * time.Second
)

// programs are what stemflow is in production, and the provider's stand-in.
var programs = []string{"./worker", "./callbackbridge/cmd/callbackbridge", "./starter", "./kiesim/cmd/kiesim"}

// build builds everything that will run, so that what follows is quick.
func (s *stack) build(ctx context.Context) error {
	for _, tool := range []string{"temporal", "minio", "miniosetup"} {
		if _, err := devservers.FindTool(ctx, tool, announce); err != nil {
			return err
		}
	}
	slow := time.AfterFunc(
		buildPatience,
		func() { announce("building worker, callbackbridge, starter and kiesim: about a minute the first time") },
	)
	defer slow.Stop()
	var output bytes.Buffer
	cmd := exec.Command(
		"go",
		append([]string{"build", "-o", s.program("") + string(filepath.Separator)}, programs...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.root, &output, &output
	if err := devservers.Run(ctx, cmd); err != nil {
		return fmt.Errorf("build stemflow's programs: %w\n%s", err, output.Bytes())
	}
	return nil
}

// program is the path of a built one.
func (s *stack) program(name string) string { return filepath.Join(s.dir, "bin", name) }

func (s *stack) startProgram(ctx context.Context, command devservers.Command) error {
	command.Path = s.program(command.Name)
	_, err := s.start(command.Name, func(log *os.File) (*devservers.Process, error) {
		command.Log = log
		return devservers.Start(ctx, command)
	})
	return err
}

// start starts a child with a log of its own. When it ends by itself, so does everything else.
func (s *stack) start(name string, start func(log *os.File) (*devservers.Process, error)) (*devservers.Process, error) {
	log, err := os.Create(filepath.Join(s.dir, "logs", name+".log"))
	if err != nil {
		return nil, err
	}
	p, err := start(log)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.running = append(s.running, p)
	s.mu.Unlock()
	go func() {
		<-p.Done()
		if err := p.Err(); err != nil {
			s.end(fmt.Errorf("%w\nAll of its log is in %s", err, short(log.Name())))
		}
	}()
	return p, nil
}

// polled reports whether a worker waits for everything that a separation consists of.
func (s *stack) polled(ctx context.Context) error {
	c, err := client.DialContext(
		ctx,
		client.Options{HostPort: s.temporal, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))},
	)
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
