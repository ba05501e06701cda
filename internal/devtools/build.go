// Package devtools finds and builds the programs that developers need: those that a module under
// tools pins, and stemflow's own. It imports the standard library only, so that a program which
// shows how far a build is takes seconds to build itself.
package devtools

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// Build is what one call of "go build" makes.
type Build struct {
	// Dir is the folder of the module, Env the whole environment.
	Dir   string
	Env   []string
	Flags []string
	// Packages are the main packages, and Names what messages call them, in the same order.
	Packages, Names []string
	// Into is the folder for the programs.
	Into string
	// Then, where given, is called when they are built, before the next build.
	Then func(context.Context) error
}

// Run runs builds one after the other, and shows how far all of them together are.
func (b Builds) Run(ctx context.Context, display Display) error {
	if len(b) == 0 {
		return nil
	}
	var names []string
	for _, one := range b {
		names = append(names, one.Names...)
	}
	meter := newMeter(strings.Join(names, ", "), runtime.GOMAXPROCS(0))
	stop := show(display, meter)
	defer stop()
	plan := map[string]float64{}
	for i, one := range b {
		todo, err := one.plan(ctx, meter.downloads)
		if err != nil {
			return err
		}
		for path, weight := range todo {
			plan[stepOf(i, path)] = weight
		}
	}
	meter.plan(plan, time.Now())
	for i, one := range b {
		if err := one.compile(ctx, func(path string) { meter.begin(stepOf(i, path), time.Now()) }); err != nil {
			return err
		}
		if one.Then == nil {
			continue
		}
		if err := one.Then(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Builds are built one after the other.
type Builds []Build

// stepOf names the compilation of a package in one of several builds: two modules may have it in
// two versions.
func stepOf(build int, path string) string { return fmt.Sprint(build, " ", path) }

// plan says which packages have to be compiled, and how much work each is. It downloads modules
// that are missing, and reports each.
func (b Build) plan(ctx context.Context, downloading func()) (map[string]float64, error) {
	heed := func(line string) {
		if strings.HasPrefix(line, "go: downloading ") {
			downloading()
		}
	}
	// Without EmbedFiles the go command does not look at them, and takes all packages that embed
	// something, and all that import those, for stale.
	const fields = "ImportPath,Name,Dir,Stale,StaleReason,GoFiles,CgoFiles,CFiles,SFiles,EmbedFiles"
	args := append([]string{"list", "-deps", "-json=" + fields}, b.Flags...)
	out, err := b.goCommand(ctx, heed, append(args, b.Packages...)...)
	if err != nil {
		return nil, err
	}
	var all float64
	todo := map[string]float64{}
	var programs []string
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("list the packages of %s: %w", strings.Join(b.Names, ", "), err)
		}
		weight := p.weight()
		all += weight
		if p.Stale && p.StaleReason != onlyToLink {
			todo[p.ImportPath] = weight
			if p.Name == "main" {
				programs = append(programs, p.ImportPath)
			}
		}
	}
	for _, path := range programs {
		todo[path] += all * linkShare
	}
	return todo, nil
}

// compile runs go build, which prints the path of each package when it begins with it.
func (b Build) compile(ctx context.Context, begun func(path string)) error {
	args := append([]string{"build", "-v", "-o", b.Into + string(filepath.Separator)}, b.Flags...)
	_, err := b.goCommand(ctx, begun, append(args, b.Packages...)...)
	return err
}

// goCommand runs the go command and returns its output. Each line of its errors is given to heed.
func (b Build) goCommand(ctx context.Context, heed func(string), args ...string) ([]byte, error) {
	var stdout bytes.Buffer
	var said lastLines
	reader, writer := io.Pipe()
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = b.Dir, b.Env, &stdout, writer
	if _, given := os.LookupEnv("GOGC"); !given {
		cmd.Env = append(slices.Clip(b.Env), "GOGC="+compilerGC)
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		lines := bufio.NewScanner(reader)
		for lines.Scan() {
			heed(lines.Text())
			said.add(lines.Text())
		}
		_, _ = io.Copy(io.Discard, reader) // a line that is too long must not stop the program
	})
	err := Run(ctx, cmd)
	_ = writer.Close()
	reading.Wait()
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("build %s: %w\n%s", strings.Join(b.Names, ", "), err, said.text())
	}
	return stdout.Bytes(), err
}

// onlyToLink is why a program is stale that is compiled.
const onlyToLink = "not installed but available in build cache"

// compilerGC lets the compiler collect its garbage less often. That takes a quarter off a build for
// a hundred megabytes more of each compiler.
const compilerGC = "400"

// listed is a package as go list describes it.
type listed struct {
	ImportPath, Name, Dir             string
	StaleReason                       string
	Stale                             bool
	GoFiles, CgoFiles, CFiles, SFiles []string
}

const (
	// packageCost is what a package takes however small it is, in the unit of weight.
	packageCost = 10_000
	// linkShare is what linking a program takes, as a share of what compiling all of it takes.
	linkShare = 0.025
)

// weight stands for the time that a package takes to compile. It was fitted to a build of all
// servers, of which it never misses the share of the time that is over by more than a tenth: larger
// packages take more than their size lets one expect.
func (p listed) weight() float64 {
	var size float64
	for _, names := range [][]string{p.GoFiles, p.CgoFiles, p.CFiles, p.SFiles} {
		for _, name := range names {
			if info, err := os.Stat(filepath.Join(p.Dir, name)); err == nil {
				size += float64(info.Size())
			}
		}
	}
	return packageCost + math.Pow(size, 1.2)/10
}

// lastLines are the last things that a program said.
type lastLines struct{ lines []string }

const maxLines = 30

func (l *lastLines) add(line string) {
	if l.lines = append(l.lines, line); len(l.lines) > maxLines {
		l.lines = l.lines[1:]
	}
}

func (l *lastLines) text() string { return strings.Join(l.lines, "\n") }
