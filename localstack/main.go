// Command localstack runs all of stemflow on this machine with one command. It builds what has to
// be built, and shows how far that is; then it becomes the program in localstack/stack. It imports
// the standard library only, so that it is itself there within seconds.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"stemflow/internal/devtools"
	"stemflow/localstack/internal/command"
	"stemflow/localstack/internal/parent"
	"stemflow/localstack/internal/programs"
)

// What shells report for a command line that is wrong, and for a program that Ctrl-C ended.
const (
	exitUsage       = 2
	exitInterrupted = 130
)

func main() {
	line, err := command.Parse(os.Args[1:])
	switch {
	case err != nil:
		fmt.Fprintf(os.Stderr, "localstack: %v\n\n%s", err, command.Usage)
		os.Exit(exitUsage)
	case line.Help:
		fmt.Print(command.Usage)
		return
	}
	os.Exit(run(os.Args[1:]))
}

// refused is why the built program does not want to run like that.
type refused struct {
	exitCode int
	said     string
}

func (r refused) Error() string { return r.said }

// run builds and goes on as the program that was built, or returns an exit code.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, end := context.WithCancel(ctx)
	defer end()
	parent.Watch(end)
	root, err := devtools.ModuleRoot()
	if err != nil {
		fmt.Fprintln(os.Stderr, "localstack:", err)
		return 1
	}
	dir := filepath.Join(root, ".localstack")
	program := programs.Path(dir, programs.Stack)
	err = programs.Build(ctx, root, dir, devtools.NewDisplay(os.Stdout), func(ctx context.Context) error {
		return check(ctx, program, args)
	})
	no, isRefused := errors.AsType[refused](err)
	switch {
	case ctx.Err() != nil:
		return exitInterrupted
	case isRefused:
		fmt.Fprint(os.Stderr, no.said)
		return no.exitCode
	case err != nil:
		fmt.Fprintln(os.Stderr, "localstack:", err)
		return 1
	}
	stop()
	err = syscall.Exec(program, append([]string{program}, args...), devtools.Environment(nil))
	fmt.Fprintf(os.Stderr, "localstack: start %s: %v\n", program, err)
	return 1
}

// check has the program look at its configuration, before minutes are spent on the servers.
func check(ctx context.Context, program string, args []string) error {
	cmd := exec.Command(program, append([]string{"-check"}, args...)...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err := devtools.Run(ctx, cmd)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return refused{exit.ExitCode(), said.String()}
	}
	return err
}
