// Command check is the one test command: formatting, vet, workflowcheck, staticcheck, the Kubernetes manifests, alerts and dashboard, and every
// test with the race detector.
//
//	go run ./dev/check             everything
//	go run ./dev/check -run Name   everything, with the arguments given to go test
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"stemflow/internal/devservers"
)

// testTimeout is for one package's tests, on a small machine that builds the servers' databases as it goes.
const testTimeout = "20m"

type step struct {
	name string
	run  func(context.Context) error
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	for _, s := range []step{
		{"gofmt", formatted},
		{"go vet", command("go", "vet", "./...")},
		{"tools", tools},
		{"go vet of the tools", inModule("tools", "vet", "./miniosetup", "./uicheck", "./listencheck")},
		{"Kubernetes manifests", inModule("deploy/kubernetes", "test", "./...")},
		{"alerts and dashboard", inModule("deploy/monitoring", "test", "./...")},
		{"workflowcheck", tool("workflowcheck", "./workflows/...", "./plugin/...")},
		{"staticcheck", tool("staticcheck", "./...")},
		{"go test", test},
	} {
		fmt.Printf("== %s\n", s.name)
		begun := time.Now()
		if err := s.run(ctx); err != nil {
			fmt.Fprintf(os.Stderr, "check: %s failed after %v: %v\n", s.name, time.Since(begun).Round(time.Second), err)
			os.Exit(1)
		}
	}
}

func formatted(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "gofmt", "-l", ".").Output()
	if err != nil {
		return err
	}
	if files := strings.Fields(string(out)); len(files) > 0 {
		return fmt.Errorf("run gofmt -w on %s", strings.Join(files, " "))
	}
	return nil
}

// tools builds what the tests start, so that no test's own time is spent on it.
func tools(ctx context.Context) error {
	for _, name := range []string{"temporal", "minio", "miniosetup", "workflowcheck", "staticcheck"} {
		if _, err := devservers.FindTool(ctx, name, say); err != nil {
			return err
		}
	}
	return nil
}

// inModule runs the go command in a folder that is a module of its own.
func inModule(folder string, args ...string) func(context.Context) error {
	return command("go", append([]string{"-C", folder}, args...)...)
}

func tool(name string, args ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		path, err := devservers.FindTool(ctx, name, say)
		if err != nil {
			return err
		}
		return command(path, args...)(ctx)
	}
}

func test(ctx context.Context) error {
	args := []string{"test", "-timeout", testTimeout}
	if raceDetector(ctx) {
		args = append(args, "-race")
	} else {
		say("no C compiler was found, so the race detector stays off: install gcc or clang for it")
	}
	return command("go", append(append(args, os.Args[1:]...), "./...")...)(ctx)
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

// command runs a program with our own output, and ends it with us.
func command(name string, args ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.WaitDelay = 20 * time.Second
		return cmd.Run()
	}
}

func say(line string) { fmt.Println(line) }
