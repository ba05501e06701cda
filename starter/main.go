// Command starter is stemflow's command line, which is installed as "stemflow". It starts and
// resumes separations, of tracks and of whole catalogues, watches and cancels them, and shows,
// downloads, lists and deletes what they archived. "stemflow help" says how.
//
// A command is a file: it registers itself, and says there all that it takes and does.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"stemflow/internal/browser"
	"stemflow/internal/config"
	"stemflow/internal/program"
	"stemflow/starter/internal/failure"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	c := &cli{
		invoked: invokedAs(os.Args[0]),
		stdin:   os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		stdoutSize:      func() (program.TerminalSize, bool) { return program.SizeOfTerminal(os.Stdout) },
		stderrSize:      func() (program.TerminalSize, bool) { return program.SizeOfTerminal(os.Stderr) },
		stdinIsTerminal: isTerminal(os.Stdin),
		browse:          browser.Open,
		config:          func() (config.Starter, error) { return config.LoadStarter(os.LookupEnv) },
		minIO:           func() (config.MinIO, error) { return config.LoadMinIO(os.LookupEnv) },
		provider:        func() (*config.Provider, error) { return config.LoadProvider(os.LookupEnv) },
		survey:          func() config.Survey { return config.NewSurvey(os.LookupEnv, os.Environ()) },
		secrets: func(profile string) []string {
			return config.AllSecrets(config.WithProfile(os.LookupEnv, profile))
		},
	}
	os.Exit(c.runUntil(ctx, stop, os.Args[1:]))
}

// cli is the starter with what it touches of the process.
type cli struct {
	invoked        invocation
	stdin          io.Reader
	stdout, stderr io.Writer
	// stdoutSize and stderrSize are those of the terminals which stdout and stderr are, false if
	// they are none.
	stdoutSize, stderrSize func() (program.TerminalSize, bool)
	// stdinIsTerminal says that a person can be asked.
	stdinIsTerminal bool
	// browse opens a file in the user's browser.
	browse func(ctx context.Context, file string) error
	config func() (config.Starter, error)
	minIO  func() (config.MinIO, error)
	// provider reads what reaches the provider's account, nil if there is no key.
	provider func() (*config.Provider, error)
	// survey reads what the environment says to all programs, and secrets all secrets in it and in
	// a profile of Temporal's command line; empty is the environment's.
	survey  func() config.Survey
	secrets func(profile string) []string

	// args are the arguments of the command line that is executed.
	args   []string
	global globalFlags
}

func isTerminal(f *os.File) bool {
	_, is := program.SizeOfTerminal(f)
	return is
}

// lastWords is how long an interrupted command may take to say what goes on without it. Nothing
// that it waits for may hold it any longer: standard input, a file system, a collector of traces.
const lastWords = time.Second

// runUntil executes one command line and returns the exit code. A signal, which ends ctx, ends it
// at any moment, and a second one at once: stop gives signals their usual effect back.
func (c *cli) runUntil(ctx context.Context, stop func(), args []string) int {
	done := make(chan int, 1)
	go func() { done <- c.run(ctx, args) }()
	select {
	case code := <-done:
		return code
	case <-ctx.Done():
	}
	stop()
	select {
	case code := <-done:
		return code
	case <-time.After(lastWords):
		fmt.Fprintln(c.stderr, "interrupted")
		return failure.ExitInterrupted
	}
}
