package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"stemflow/internal/devtools"
)

// testTimeout is for one package's tests on a small machine.
const testTimeout = "20m"

// modules are the folders of the modules that have Go code.
var modules = []string{".", "tools", "tools/linearizable", "deploy/kubernetes", "deploy/monitoring"}

func formatted(ctx context.Context, out io.Writer) error {
	cmd := exec.CommandContext(ctx, "gofmt", "-l", ".")
	cmd.Stderr = out
	unformatted, err := cmd.Output()
	if err != nil {
		return err
	}
	if files := strings.Fields(string(unformatted)); len(files) > 0 {
		return fmt.Errorf("run gofmt -w on %s", strings.Join(files, " "))
	}
	return nil
}

// lint runs golangci-lint, with the settings of .golangci.yml, in every module.
func lint(ctx context.Context, out io.Writer) error {
	path, err := find(ctx, "golangci-lint", out)
	if err != nil {
		return err
	}
	settings, err := filepath.Abs(".golangci.yml")
	if err != nil {
		return err
	}
	var errs []error
	for _, module := range modules {
		// An editor may run another one at the same time.
		cmd := prepare(ctx, out, path, "run", "--config", settings, "--allow-parallel-runners", "--timeout", "20m")
		cmd.Dir = module
		if err := cmd.Run(); err != nil {
			errs = append(errs, fmt.Errorf("in %s: %w", module, err))
		}
	}
	return errors.Join(errs...)
}

// test builds the servers first, so that no test's own time is spent on it. The packages whose
// tests take longest come first, and several are tested at once however few cores there are: their
// tests mostly wait. What go vet finds, golangci-lint finds as well, in all modules.
func test(args []string) func(context.Context, io.Writer) error {
	return func(ctx context.Context, out io.Writer) error {
		if err := buildServers(ctx, out); err != nil {
			return err
		}
		all := []string{"test", "-vet=off", "-timeout", testTimeout, "-p", fmt.Sprint(max(3, runtime.GOMAXPROCS(0)))}
		if raceDetector(ctx) {
			all = append(all, "-race")
		} else {
			fmt.Fprintln(out, "no C compiler was found, so the race detector stays off: install gcc or clang for it")
		}
		all = append(append(all, args...), "./integration", "./localstack/stack", "./internal/archive", "./...")
		return command("go", all...)(ctx, out)
	}
}

// buildServers builds what the tests start, all at once: each would be built by the first test that
// asks for it.
func buildServers(ctx context.Context, out io.Writer) error {
	say := func(line string) { fmt.Fprintln(out, line) }
	builds, release, err := devtools.ToolBuilds(ctx, say, "temporal", "minio", "miniosetup")
	if err != nil {
		return err
	}
	defer release()
	return builds.Run(ctx, devtools.NewLines(say))
}

// alerts holds alerts and dashboard against what the programs serve, and has promtool try that each
// alert fires for its cause and stays quiet without it.
func alerts(ctx context.Context, out io.Writer) error {
	cases, err := filepath.Glob("deploy/prometheus/tests/*.test.yaml")
	if err != nil {
		return err
	}
	return errors.Join(
		command("go", "-C", "deploy/monitoring", "test", "./...")(ctx, out),
		tool("promtool", "check", "rules", "deploy/prometheus/stemflow.rules.yaml")(ctx, out),
		tool("promtool", append([]string{"test", "rules"}, cases...)...)(ctx, out),
	)
}

// raceDetector reports whether go test -race works here: it needs cgo, and cgo a C compiler.
func raceDetector(ctx context.Context) bool {
	out, err := exec.CommandContext(ctx, "go", "env", "CGO_ENABLED", "CC").Output()
	if err != nil {
		return false
	}
	enabled, compiler, _ := strings.Cut(string(bytes.TrimSpace(out)), "\n")
	if enabled != "1" || compiler == "" {
		return false
	}
	_, err = exec.LookPath(strings.Fields(compiler)[0])
	return err == nil
}

// tool runs a program that a module under tools pins.
func tool(name string, args ...string) func(context.Context, io.Writer) error {
	return func(ctx context.Context, out io.Writer) error {
		path, err := find(ctx, name, out)
		if err != nil {
			return err
		}
		return command(path, args...)(ctx, out)
	}
}

func find(ctx context.Context, name string, out io.Writer) (string, error) {
	return devtools.FindTool(ctx, name, func(line string) { fmt.Fprintln(out, line) })
}

func command(name string, args ...string) func(context.Context, io.Writer) error {
	return func(ctx context.Context, out io.Writer) error { return prepare(ctx, out, name, args...).Run() }
}

// prepare returns a command that ends with us.
func prepare(ctx context.Context, out io.Writer, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	return cmd
}
