package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/devtools"
	"stemflow/localstack/internal/programs"
)

// dirVariable makes this test binary a localstack that keeps its data in a directory of the tests.
const dirVariable = "LOCALSTACK_TEST_DIR"

// built has the programs that all tests run.
var built string

func TestMain(m *testing.M) {
	if dir := os.Getenv(dirVariable); dir != "" {
		root, err := devtools.ModuleRoot()
		if err != nil {
			panic(err)
		}
		uses := map[string]func(*stack, context.Context) error{
			"serve": (*stack).serve, "demo": (*stack).demo, "kill-worker": (*stack).demoWithKill,
		}
		os.Exit(run(&stack{root: root, dir: dir}, uses[os.Args[1]]))
	}
	os.Exit(func() int {
		var err error
		if built, err = os.MkdirTemp("", "localstack-test-"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(built)
		// Two stacks that start at once must not both find the same port free.
		for _, port := range []int{7233, 8233, 9000, 9001, 8088, 8090, 9464, 9465} {
			defer occupy(port)()
		}
		return m.Run()
	}())
}

var build = sync.OnceValue(func() error {
	root, err := devtools.ModuleRoot()
	if err != nil {
		return err
	}
	noCheck := func(context.Context) error { return nil }
	return programs.Build(context.Background(), root, built, devtools.NewDisplay(os.Stderr), noCheck)
})

// newDir is what a localstack keeps its data in, with the programs that it runs.
func newDir(t *testing.T) string {
	t.Helper()
	serverstest.SkipIfShort(t)
	require.NoError(t, build())
	dir := t.TempDir()
	require.NoError(t, os.Symlink(filepath.Join(built, "bin"), filepath.Join(dir, "bin")))
	return dir
}

// running is a localstack in a process of its own.
type running struct {
	t      *testing.T
	dir    string
	cmd    *exec.Cmd
	mu     sync.Mutex
	stdout strings.Builder
	stderr bytes.Buffer
	lines  chan string
}

const patience = 3 * time.Minute

func startLocalstack(t *testing.T, dir string, command ...string) *running {
	t.Helper()
	r := &running{t: t, dir: dir, lines: make(chan string)}
	r.cmd = exec.Command(command[0], command[1:]...)
	r.cmd.Env = append(os.Environ(), dirVariable+"="+dir)
	r.cmd.Stderr = &r.stderr
	stdout, err := r.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, r.cmd.Start())
	t.Cleanup(func() { _ = r.cmd.Process.Kill() })
	go func() {
		defer close(r.lines)
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			r.mu.Lock()
			fmt.Fprintln(&r.stdout, scanner.Text())
			r.mu.Unlock()
			r.lines <- scanner.Text()
		}
	}()
	return r
}

// await reads on until a line contains text.
func (r *running) await(text string) {
	r.t.Helper()
	r.awaitAll(text)
}

// awaitAll reads on until each text was in a line, in any order.
func (r *running) awaitAll(texts ...string) {
	r.t.Helper()
	limit := time.After(patience)
	for {
		select {
		case line, more := <-r.lines:
			texts = slices.DeleteFunc(texts, func(text string) bool { return strings.Contains(line, text) })
			if len(texts) == 0 {
				return
			}
			if !more {
				_ = r.cmd.Wait()
				require.Fail(r.t, "localstack ended", "before it said %q:\n%s\n%s", texts, r.output(), r.stderr.String())
			}
		case <-limit:
			require.Fail(r.t, "localstack is too slow", "before it said %q:\n%s", texts, r.output())
		}
	}
}

// end reads on until localstack has ended, and returns its exit code.
func (r *running) end() int {
	r.t.Helper()
	for limit := time.After(patience); ; {
		select {
		case _, more := <-r.lines:
			if more {
				continue
			}
			_ = r.cmd.Wait()
			return r.cmd.ProcessState.ExitCode()
		case <-limit:
			require.Fail(r.t, "localstack does not end", r.output())
		}
	}
}

func (r *running) output() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stdout.String()
}

var addressPattern = regexp.MustCompile(`127\.0\.0\.1:\d+`)

// addresses are those that it said it listens on.
func (r *running) addresses() []string { return addressPattern.FindAllString(r.output(), -1) }

// requireAllGone demands that nothing answers any more.
func (r *running) requireAllGone() {
	r.t.Helper()
	require.NotEmpty(r.t, r.addresses())
	for _, a := range r.addresses() {
		require.Eventually(r.t, func() bool {
			conn, err := net.Dial("tcp", a)
			if err == nil {
				conn.Close()
			}
			return err != nil
		}, 30*time.Second, 100*time.Millisecond, a)
	}
}

// occupy keeps a port from localstack, unless another program does, until it is released.
func occupy(port int) (release func()) {
	l, err := net.Listen("tcp", address(port))
	if err != nil {
		return func() {}
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, conn) }()
		}
	}()
	return func() { l.Close() }
}
