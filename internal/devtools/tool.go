package devtools

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// pin is where a tool is pinned, and what go.mod calls it there.
type pin struct{ module, program string }

// pins are those of tools that are not in tools/go.mod by their own name. The commands of
// Temporal's server have names that say little, and are there in two versions.
var pins = map[string]pin{
	"golangci-lint":           {module: "tools/lint"},
	"govulncheck":             {module: "tools/lint"},
	"keda-adapter":            {module: moduleKEDA, program: "adapter"},
	"keda-operator":           {module: moduleKEDA, program: "operator"},
	"kube-apiserver":          {module: moduleKubernetes},
	"kube-controller-manager": {module: moduleKubernetes},
	"kube-proxy":              {module: moduleKubernetes},
	"kube-router":             {module: moduleRouter},
	"kube-scheduler":          {module: moduleKubernetes},
	"kubectl":                 {module: moduleKubernetes},
	"kubelet":                 {module: moduleKubernetes},
	"linearizable":            {module: "tools/linearizable"},
	"prometheus":              {module: "tools/prometheus"},
	"promtool":                {module: "tools/prometheus"},
	"rclone":                  {module: "tools/rclone"},
	"temporal-server":         {program: "server"},
	"temporal-sql-tool":       {program: "sql"},
	"temporal-server-next":    {module: moduleNext, program: "server"},
	"temporal-sql-tool-next":  {module: moduleNext, program: "sql"},
	"versitygw":               {module: "tools/versitygw"},
	"weed":                    {module: "tools/seaweedfs"},
}

const (
	// moduleNext pins Temporal's newest server.
	moduleNext       = "tools/temporalnext"
	moduleKubernetes = "tools/kubernetes"
	moduleKEDA       = "tools/keda"
	moduleRouter     = "tools/kuberouter"
)

// keptFor is how long programs are kept that nobody asks for any more: those of other versions.
const keptFor = 30 * 24 * time.Hour

// FindTool returns the path of a program that a module under tools pins: the one on PATH if its
// version fits, because that is quickest, else the pinned one, which is built on first use and
// kept. Announce, where given, gets lines about a build, and about a program that is taken from
// PATH.
func FindTool(ctx context.Context, name string, announce func(string)) (string, error) {
	if announce == nil {
		announce = func(string) {}
	}
	if path, version, ok := onPath(ctx, name); ok {
		announce(fmt.Sprintf("using %s %s from %s", name, version, path))
		return path, nil
	}
	tools, err := pinned(name)
	if err != nil {
		return "", err
	}
	builds, release, err := buildsOf(ctx, tools, announce)
	if err != nil {
		return "", err
	}
	defer release()
	return tools[0].file, builds.Run(ctx, NewLines(announce))
}

// ToolBuilds are the builds of those of the named tools, all of tools/go.mod, that FindTool would
// have to build, which is quicker than one by one. Call release when they are built. Announce is
// told when another process has to be waited for.
func ToolBuilds(
	ctx context.Context, announce func(string), names ...string,
) (builds Builds, release func(), err error) {
	missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, _, ok := onPath(ctx, name)
		return ok
	})
	tools, err := pinned(missing...)
	if err != nil {
		return nil, nil, err
	}
	return buildsOf(ctx, tools, announce)
}

// tool is a pinned program.
type tool struct {
	name string
	// program is what go.mod, and so go build, calls it.
	program string
	// module is the folder of its module below root, by which it is known, and dir its path.
	module, dir string
	// file is the built program. The name of its folder is made from everything that it is built
	// from, so all who need the same program share it.
	file string
}

// pinned are tools of one module.
func pinned(names ...string) ([]tool, error) {
	root, err := ModuleRoot()
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", strings.Join(names, ", "), err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("find a place for %s: %w", strings.Join(names, ", "), err)
	}
	var tools []tool
	for _, name := range names {
		at := pins[name]
		module := cmp.Or(at.module, "tools")
		t := tool{
			name: name, program: cmp.Or(at.program, name),
			module: module, dir: filepath.Join(root, filepath.FromSlash(module)),
		}
		key, err := t.key()
		if err != nil {
			return nil, fmt.Errorf("find %s: %w", name, err)
		}
		t.file = filepath.Join(cache, "stemflow", "tools", key, name)
		tools = append(tools, t)
	}
	return tools, nil
}

// key changes with whatever changes the program: versions and checksums of all modules, the source
// of what is in the module itself, and the compiler.
func (t tool) key() (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, runtime.Version(), runtime.GOOS, runtime.GOARCH, os.Getenv("GOFLAGS"), buildFlags[t.module])
	files, err := filepath.Glob(filepath.Join(t.dir, t.program, "*.go"))
	if err != nil {
		return "", err
	}
	own, err := filepath.Glob(filepath.Join(t.dir, "*.go"))
	if err != nil {
		return "", err
	}
	for _, file := range append(append(files, own...), filepath.Join(t.dir, "go.mod"), filepath.Join(t.dir, "go.sum")) {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(sum, filepath.Base(file), len(text))
		sum.Write(text)
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}

// environment is that of the go command. The newest server may ask for a newer Go than the rest,
// which the go command then fetches as it fetches modules.
func (t tool) environment() []string {
	if t.module == moduleNext {
		return Environment([]string{"GOWORK=", "GOTOOLCHAIN="}, "GOWORK=off", "GOTOOLCHAIN=auto")
	}
	return Environment([]string{"GOWORK="}, "GOWORK=off")
}

// there reports whether the tool is built. A look at it keeps it.
func (t tool) there() bool {
	if info, err := os.Stat(t.file); err != nil || !info.Mode().IsRegular() {
		return false
	}
	now := time.Now()
	_ = os.Chtimes(filepath.Dir(t.file), now, now) // at worst it is built again one day
	return true
}

// buildFlags are those that a tool is built with, by its module. SQLite is what a dev server spends
// its time in. Prometheus' service discoveries are the clients of twenty clouds, which take longer
// to build than all else.
var buildFlags = map[string][]string{
	"tools":            append(quickFlags, "-gcflags=modernc.org/...=-dwarf=false"),
	moduleNext:         append(quickFlags, "-gcflags=modernc.org/...=-dwarf=false"),
	moduleKEDA:         quickFlags,
	moduleRouter:       quickFlags,
	moduleKubernetes:   append([]string{kubernetesVersion}, quickFlags[1:]...),
	"tools/lint":       {"-ldflags=-s -w"},
	"tools/prometheus": {"-ldflags=-s -w", "-tags=remove_all_sd"},
	"tools/rclone":     {"-ldflags=-s -w"},
	"tools/seaweedfs":  {"-ldflags=-s -w"},
	"tools/versitygw":  {"-ldflags=-s -w"},
}

// kubernetesVersion is the version in tools/kubernetes/go.mod. Kubernetes' programs know it from
// their build only.
const kubernetesVersion = "-ldflags=-s -w -X k8s.io/component-base/version.gitVersion=v1.35.4" +
	" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=35"

// quickFlags are for what is compiled for a few tests and demos, a thousand packages each. What is
// other people's needs no symbols for debuggers. Without inlining it takes a third less to build,
// and does its work as fast. Go's own packages stay as they are, for they are shared with what is
// built beside them.
var quickFlags = slices.Clip([]string{"-ldflags=-s -w", "-gcflags=all=-l -dwarf=false", "-gcflags=std="})

// buildsOf is the build of those tools of one module that are not there. It waits for another
// process that builds tools: to build the same twice at once takes both longer.
func buildsOf(
	ctx context.Context, tools []tool, announce func(string),
) (builds Builds, release func(), err error) {
	if tools = slices.DeleteFunc(slices.Clone(tools), tool.there); len(tools) == 0 {
		return nil, func() {}, nil
	}
	place := filepath.Dir(filepath.Dir(tools[0].file))
	if err := os.MkdirAll(place, 0o755); err != nil {
		return nil, nil, fmt.Errorf("make a place for tools: %w", err)
	}
	unlock, err := lock(ctx, filepath.Join(place, "lock"), announce)
	if err != nil {
		return nil, nil, err
	}
	if tools = slices.DeleteFunc(tools, tool.there); len(tools) == 0 {
		return nil, unlock, nil // the other process has built them
	}
	removeOld(place)
	into, err := os.MkdirTemp(place, "building-")
	if err != nil {
		unlock()
		return nil, nil, fmt.Errorf("make a place for tools: %w", err)
	}
	release = func() {
		_ = os.RemoveAll(into)
		unlock()
	}
	build := Build{
		Dir: tools[0].dir, Env: tools[0].environment(), Flags: buildFlags[tools[0].module],
		Into: into, Then: func(context.Context) error { return keep(tools, into) },
	}
	for _, t := range tools {
		pkg, err := t.packagePath(ctx)
		if err != nil {
			release()
			return nil, nil, err
		}
		build.Names = append(build.Names, t.name)
		build.Packages = append(build.Packages, pkg)
	}
	return Builds{build}, release, nil
}

// keep puts built tools where all will find them.
func keep(tools []tool, from string) error {
	for _, t := range tools {
		if err := os.MkdirAll(filepath.Dir(t.file), 0o755); err != nil {
			return fmt.Errorf("keep %s: %w", t.name, err)
		}
		if err := os.Rename(filepath.Join(from, t.program), t.file); err != nil {
			return fmt.Errorf("keep %s: %w", t.name, err)
		}
	}
	return nil
}

var versionSuffix = regexp.MustCompile(`^v[0-9]+$`)

// packagePath is the package of a tool, which go.mod names.
func (t tool) packagePath(ctx context.Context) (string, error) {
	cmd := exec.Command("go", "mod", "edit", "-json")
	cmd.Dir = t.dir
	cmd.Env = Environment([]string{"GOTOOLCHAIN="}, "GOTOOLCHAIN=local") // any Go can read it
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := Run(ctx, cmd); err != nil {
		return "", fmt.Errorf("read %s/go.mod: %w\n%s", t.module, err, stderr.Bytes())
	}
	var mod struct{ Tool []struct{ Path string } }
	if err := json.Unmarshal(stdout.Bytes(), &mod); err != nil {
		return "", fmt.Errorf("read %s/go.mod: %w", t.module, err)
	}
	for _, candidate := range mod.Tool {
		name := candidate.Path
		if versionSuffix.MatchString(path.Base(name)) {
			name = path.Dir(name)
		}
		if path.Base(name) == t.program {
			return candidate.Path, nil
		}
	}
	return "", fmt.Errorf("build %s from %s/go.mod: it is no tool of that module", t.name, t.module)
}

// lock takes a lock that ends with this process.
func lock(ctx context.Context, name string, announce func(string)) (unlock func(), err error) {
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("make a place for tools: %w", err)
	}
	for waiting := false; ; waiting = true {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			_ = file.Close()
			return nil, fmt.Errorf("lock %s: %w", name, err)
		}
		if !waiting {
			announce("waiting for another program that builds tools")
		}
		select {
		case <-ctx.Done():
			_ = file.Close()
			return nil, context.Cause(ctx)
		case <-time.After(lockPause):
		}
	}
}

const lockPause = 200 * time.Millisecond

// removeOld removes what was not asked for in a long time. What cannot be removed stays.
func removeOld(place string) {
	entries, _ := os.ReadDir(place)
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && entry.IsDir() && time.Since(info.ModTime()) > keptFor {
			_ = os.RemoveAll(filepath.Join(place, entry.Name()))
		}
	}
}
