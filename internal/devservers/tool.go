package devservers

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// buildPatience is how long a tool that is already built may take to be found. What takes longer is
// being built.
const buildPatience = 5 * time.Second

// modules are the modules that pin tools, by tool; all others are in tools/go.mod.
var modules = map[string]string{
	"golangci-lint": "tools/lint", "govulncheck": "tools/lint",
	"prometheus": "tools/prometheus", "promtool": "tools/prometheus",
}

// buildFlags are what tools of a module are built with. Prometheus' service discoveries are the
// clients of twenty clouds, which take longer to build than all else.
var buildFlags = map[string]string{"tools/prometheus": "-tags=remove_all_sd"}

// FindTool returns the path of a program that a module under tools pins: the one on PATH if its
// version fits, because that is quickest, else the pinned one, which is built on first use.
// Announce, where given, gets one line when a program is built, or taken from PATH.
func FindTool(ctx context.Context, name string, announce func(string)) (string, error) {
	if announce == nil {
		announce = func(string) {}
	}
	if path, version, ok := onPath(ctx, name); ok {
		announce(fmt.Sprintf("using %s %s from %s", name, version, path))
		return path, nil
	}
	root, err := ModuleRoot()
	if err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	if path, found := built.Load(toolIn{root, name}); found {
		return path.(string), nil
	}
	module := cmp.Or(modules[name], "tools")
	slow := time.AfterFunc(buildPatience, func() {
		announce("building " + name + " from " + module + "/go.mod: once, about two minutes")
	})
	defer slow.Stop()
	cmd := exec.Command("go", "tool", "-n", name)
	cmd.Dir = filepath.Join(root, filepath.FromSlash(module))
	cmd.Env = Environment([]string{"GOWORK="}, "GOWORK=off")
	if flags := buildFlags[module]; flags != "" {
		cmd.Env = append(cmd.Env, "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" "+flags))
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := Run(ctx, cmd); err != nil {
		return "", fmt.Errorf("build %s from %s/go.mod: %w\n%s", name, module, err, stderr.Bytes())
	}
	path := strings.TrimSpace(stdout.String())
	built.Store(toolIn{root, name}, path)
	return path, nil
}

// built holds the paths of the tools that were built: to have the go command look takes seconds on
// a busy machine, and a test starts many servers.
var built sync.Map

type toolIn struct{ root, name string }

// ModuleRoot is the directory of this repository: the nearest one above the working directory with
// a tools/go.mod. A test runs in the directory of its package.
func ModuleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		_, err := os.Stat(filepath.Join(dir, "tools", "go.mod"))
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("there is no tools/go.mod in %s or above: run this from within the repository", start)
		}
	}
}
