// Command starter starts and resumes separations from the command line, of tracks and of whole
// catalogues, watches them, shows what they archived, and cancels them. "starter help" says how.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"stemflow/internal/config"
	"stemflow/internal/program"
)

func main() {
	program.AnswerVersion()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	p := &cli{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		size:   func() (program.TerminalSize, bool) { return program.SizeOfTerminal(os.Stdout) },
		config: func() (config.Starter, error) { return config.LoadStarter(os.LookupEnv) },
		minIO:  func() (config.MinIO, error) { return config.LoadMinIO(os.LookupEnv) },
	}
	code := p.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// cli is the starter with what it touches of the process.
type cli struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	// size is that of the terminal which stdout is, false if it is none.
	size   func() (program.TerminalSize, bool)
	config func() (config.Starter, error)
	minIO  func() (config.MinIO, error)
}

// command is one of the starter's subcommands.
type command struct {
	name, summary, about string
	// flags declares the command's flags on a set and returns what runs it with them.
	flags func(p *cli, set *flag.FlagSet) func(ctx context.Context, args []string) error
}

func commands() []command {
	return append(
		[]command{startCommand, resumeCommand, watchCommand, showCommand, listenCommand, cancelCommand},
		catalogCommands()...)
}

// find returns the command that a command line begins with, by the longest name that fits, and what
// is left for its flags.
func find(args []string) (c command, rest []string, ok bool) {
	for words := min(2, len(args)); words > 0; words-- {
		name := strings.Join(args[:words], " ")
		at := slices.IndexFunc(commands(), func(c command) bool { return c.name == name })
		if at >= 0 {
			return commands()[at], args[words:], true
		}
	}
	return command{}, nil, false
}

// run executes one command line and returns the exit code.
func (p *cli) run(ctx context.Context, args []string) int {
	if len(args) == 0 {
		p.usage(p.stderr)
		return exitUsage
	}
	if isHelp(args[0]) {
		return p.help(args[1:])
	}
	c, rest, ok := find(args)
	if !ok {
		return p.noCommand(args[0])
	}
	set := newFlagSet(c.name)
	execute := c.flags(p, set)
	err := set.Parse(rest)
	switch {
	case errors.Is(err, flag.ErrHelp):
		c.help(p.stdout)
		return exitDone
	case err != nil:
		err = usageError(c.name, err.Error())
	case set.NArg() > 0:
		err = usageError(c.name, fmt.Sprintf("%q is not a flag, and %s takes flags only", set.Arg(0), c.name))
	default:
		err = execute(ctx, rest)
	}
	return p.report(err, slices.ContainsFunc(args, func(a string) bool { return a == "--json" || a == "-json" }))
}

func isHelp(arg string) bool { return slices.Contains([]string{"help", "-h", "-help", "--help"}, arg) }

func (p *cli) help(about []string) int {
	if len(about) == 0 {
		p.usage(p.stdout)
		return exitDone
	}
	c, _, ok := find(about)
	if !ok {
		return p.noCommand(about[0])
	}
	c.help(p.stdout)
	return exitDone
}

func (p *cli) noCommand(name string) int {
	fmt.Fprintf(p.stderr, "starter: there is no command %q\n\n", name)
	p.usage(p.stderr)
	return exitUsage
}
