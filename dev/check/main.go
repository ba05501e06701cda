// Command check is the one check of this repository: how the source is written, what linters find
// in it, known vulnerabilities, the Kubernetes manifests, alerts and dashboard, and every test with
// the race detector.
//
//	go run ./dev/check             everything
//	go run ./dev/check -run Name   everything, with the arguments given to go test
//	go run ./dev/check -lint       only what reads the source
package main

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	source := []step{
		{"gofmt", formatted},
		{"line widths", widths},
		{"golangci-lint", lint},
		{"workflowcheck", tool("workflowcheck", "./workflows/...", "./plugin/...")},
		{"govulncheck", vulnerabilities},
	}
	c := &checker{out: os.Stdout}
	if slices.Equal(os.Args[1:], []string{"-lint"}) {
		c.run(ctx, source)
	} else {
		// The tests mostly wait for timers and servers, and leave the processors to the others.
		c.run(ctx, []step{{"go test", test(os.Args[1:])}}, slices.Concat(source, []step{
			{"Kubernetes manifests", command("go", "-C", "deploy/kubernetes", "test", "./...")},
			{"alerts and dashboard", alerts},
		}))
	}
	if !c.summarize() {
		os.Exit(1)
	}
}
