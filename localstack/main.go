// Command localstack runs all of stemflow on this machine with one command: Temporal with its UI,
// MinIO with its console, the provider's stand-in, the callback bridge and a worker, each the
// program that runs in production.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"stemflow/internal/devservers"
)

const usage = `localstack runs all of stemflow on this machine.

  go run ./localstack        keeps running until Ctrl-C, and says how to start separations
  go run ./localstack demo   separates one track, shows how and what came of it, and ends

  go run ./localstack --provider kie
                             asks the real provider, with KIE_API_KEY, in place of kiesim:
                             separations are billed. No callback
                             reaches this machine, so results are polled for.

Histories, objects and logs are kept in .localstack; delete it to begin again.
`

func main() {
	root, err := devservers.ModuleRoot()
	if err != nil {
		fmt.Fprintln(os.Stderr, "localstack:", err)
		os.Exit(1)
	}
	dir := filepath.Join(root, ".localstack")
	switch args := os.Args[1:]; {
	case len(args) == 0:
		os.Exit(run(&stack{root: root, dir: dir}, (*stack).serve))
	case len(args) == 1 && args[0] == "demo":
		os.Exit(run(&stack{root: root, dir: dir}, (*stack).demo))
	case len(args) == 2 && strings.TrimPrefix(args[0], "-") == "-provider" && args[1] == "kie":
		provider, err := realProvider()
		if err != nil {
			fmt.Fprintln(os.Stderr, "localstack:", err)
			os.Exit(2)
		}
		os.Exit(run(&stack{root: root, dir: dir, provider: provider}, (*stack).serve))
	case len(args) == 1 && (args[0] == "help" || args[0] == "-h" || args[0] == "-help" || args[0] == "--help"):
		fmt.Print(usage)
	default:
		fmt.Fprintf(os.Stderr, "localstack: %q is not understood\n\n%s", args, usage)
		os.Exit(2)
	}
}

// run brings the stack up, uses it, and takes it down again, whatever happens. It returns the exit
// code.
func run(s *stack, use func(*stack, context.Context) error) int {
	ctx, end := context.WithCancelCause(context.Background())
	s.end = end
	watchSignals(end, s.kill)
	watchParent(end)

	err := s.up(ctx)
	if err == nil {
		err = use(s, ctx)
	}
	interrupted := errors.Is(context.Cause(ctx), errInterrupted)
	if interrupted {
		fmt.Println("\nStopping. Ctrl-C again kills.")
	}
	s.down()
	switch {
	case err == nil:
		return 0
	case interrupted:
		return exitInterrupted
	default:
		fmt.Fprintf(os.Stderr, "\nlocalstack: %v\n", err)
		return 1
	}
}
