package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"stemflow/starter/internal/view"
)

// invocation is how the user calls the program.
type invocation struct {
	// name is the program's, as in its completion.
	name string
	// command is what the user types, as advice repeats it.
	command string
	// shared is the same for others, on other machines.
	shared string
}

// goRun is where "go run" puts what it builds: a folder of its own, or Go's cache.
var goRun = regexp.MustCompile(`[/\\]go-build\d*[/\\]|[/\\][0-9a-f]{2}[/\\][0-9a-f]{64}-d[/\\]`)

// invokedAs makes out how a program was called from its first argument.
func invokedAs(arg0 string) invocation {
	name := strings.TrimSuffix(filepath.Base(arg0), ".exe")
	if goRun.MatchString(arg0) {
		command := "go run ./" + name
		return invocation{name: name, command: command, shared: command}
	}
	if command, is := strings.CutPrefix(name, "temporal-"); is { // an extension of Temporal's command line
		return invocation{name: name, command: "temporal " + command, shared: "temporal " + command}
	}
	inv := invocation{name: name, command: view.Quote(arg0), shared: name}
	if found, err := exec.LookPath(name); err == nil && (arg0 == name || found == arg0) {
		inv.command = name
	}
	return inv
}
