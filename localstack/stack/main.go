// Command stack runs all of stemflow on this machine: Temporal with its UI, MinIO with its console,
// the provider's stand-in, the callback bridge and a worker, each the program that runs in
// production. The command localstack builds all of them, and then becomes this one.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"stemflow/internal/devtools"
	"stemflow/localstack/internal/command"
	"stemflow/localstack/internal/parent"
)

const exitUsage = 2

func main() {
	line, err := command.Parse(os.Args[1:])
	if err != nil {
		fail(err, exitUsage)
	}
	root, err := devtools.ModuleRoot()
	if err != nil {
		fail(err, 1)
	}
	s := &stack{root: root, dir: filepath.Join(root, ".localstack")}
	if line.RealProvider {
		if s.provider, err = realProvider(); err != nil {
			fail(err, exitUsage)
		}
	}
	switch {
	case line.Check:
	case line.KillWorker:
		os.Exit(run(s, (*stack).demoWithKill))
	case line.Demo:
		os.Exit(run(s, (*stack).demo))
	default:
		os.Exit(run(s, (*stack).serve))
	}
}

func fail(err error, exitCode int) {
	fmt.Fprintln(os.Stderr, "localstack:", err)
	os.Exit(exitCode)
}

// run brings the stack up, uses it, and takes it down again, whatever happens. It returns the exit
// code.
func run(s *stack, use func(*stack, context.Context) error) int {
	ctx, end := context.WithCancelCause(context.Background())
	watchSignals(end, s)
	parent.Watch(func() { end(errInterrupted) })

	err := s.up(ctx)
	if err == nil {
		err = use(s, ctx)
	}
	interrupted := errors.Is(context.Cause(ctx), errInterrupted)
	if interrupted {
		fmt.Println("\nStopping. Ctrl-C again kills.")
	}
	end(errEnded)
	s.down()
	switch {
	case s.killed.Load():
		return exitInterrupted
	case err == nil:
		return 0
	case interrupted:
		return exitInterrupted
	default:
		fmt.Fprintf(os.Stderr, "\nlocalstack: %v\n", err)
		return 1
	}
}
