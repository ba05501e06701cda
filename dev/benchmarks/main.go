// Command benchmarks measures stemflow beside other ways of doing the same, in one run and on one
// machine. All servers are real.
//
//	go run ./dev/benchmarks archive    how fast stems come into the archive, beside a bare program that checks nothing and what people use instead
//	go run ./dev/benchmarks engine     how many separations a minute one worker finishes, beside the same workflow with nothing in it
//	go run ./dev/benchmarks waiting    100, 1,000 and 10,000 separations that wait at once
//	go run ./dev/benchmarks cancel     how long a transfer goes on after its run was cancelled
//	go run ./dev/benchmarks verify     how long a check of ten thousand archived tracks takes
//
// -help after each says more; docs/benchmarks.md has what they printed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"stemflow/internal/devtools"
	"stemflow/kiesim"
)

func main() {
	if isImplementation(os.Args) {
		os.Exit(implementationMain(os.Args))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "benchmarks:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	commands := map[string]func(context.Context, *flag.FlagSet, []string) error{
		"archive": archiveCommand, "engine": engineCommand, "waiting": waitingCommand, "cancel": cancelCommand,
		"verify": verifyCommand,
	}
	if len(args) == 0 || commands[args[0]] == nil {
		return errors.New("say what to measure: archive, engine, waiting, cancel or verify")
	}
	return commands[args[0]](ctx, flag.NewFlagSet("benchmarks "+args[0], flag.ContinueOnError), args[1:])
}

func archiveCommand(ctx context.Context, set *flag.FlagSet, args []string) error {
	extremes := set.Bool("extremes", false, "archive a stem of 2 GB, and 96 stems at once, too")
	rclone := set.Bool("rclone", false, "compare with rclone copyurl, too, which is built from its module")
	rounds := set.Int("rounds", 5, "`number` of times that each does each")
	only := set.String("only", "", "take part: comma-separated `ways`, beside the floor and the activities")
	if err := set.Parse(args); err != nil {
		return err
	}
	s, err := newSuite(ctx, inMemory)
	if err != nil {
		return err
	}
	defer s.close()
	if s.ways, err = waysOf(*only, *rclone); err != nil {
		return err
	}
	if *rclone {
		announce := func(line string) { fmt.Fprintln(os.Stderr, line) }
		if s.rclone, err = devtools.FindTool(ctx, "rclone", announce); err != nil {
			return err
		}
	}
	loads := []load{{12, 5e6}, {12, 100e6}}
	if *extremes {
		loads = append(loads, load{1, 2 << 30}, load{96, 10e6})
	}
	for _, l := range loads {
		results, err := s.compare(ctx, l, *rounds)
		if err != nil {
			return err
		}
		fmt.Println(table(l, results))
	}
	return nil
}

// waysOf are the ways that take part, in the order of the table: all where none is named.
func waysOf(only string, rclone bool) ([]string, error) {
	named := strings.Split(only, ",")
	for _, name := range named {
		if only != "" && !slices.Contains(order, name) {
			return nil, fmt.Errorf("-only: %q is none of %s", name, strings.Join(order, ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(order), func(name string) bool {
		switch name {
		case "floor", "activities":
			return false
		case rcloneName:
			return !rclone
		default:
			return only != "" && !slices.Contains(named, name)
		}
	}), nil
}

// providerDelay is how long the provider takes: runs wait for it as they do in earnest, and not for
// long.
const providerDelay = kiesim.Duration(500 * time.Millisecond)

func engineCommand(ctx context.Context, set *flag.FlagSet, args []string) error {
	rounds := set.Int("rounds", 5, "`number` of times that each does each")
	l := rateLoad{}
	set.IntVar(&l.runs, "runs", 300, "`number` of runs in a round")
	set.IntVar(&l.underWay, "at-once", 100, "`number` of them under way at the same time")
	memory := set.Bool(
		"memory",
		false,
		"let Temporal keep its histories in memory, so that the processors are the limit and not the disk",
	)
	if err := set.Parse(args); err != nil {
		return err
	}
	e, err := newEngine(ctx, histories(!*memory), kiesim.Scenario{Delay: providerDelay})
	if err != nil {
		return err
	}
	defer e.close()
	results, err := e.rates(ctx, l, *rounds)
	if err != nil {
		return err
	}
	fmt.Println(rateTable(l, results))
	all, err := e.settles(ctx, 50)
	if err != nil {
		return err
	}
	bones, err := e.settlesSkeleton(ctx, 50)
	if err != nil {
		return err
	}
	fmt.Println(settleTable(all, bones))
	return nil
}

func waitingCommand(ctx context.Context, set *flag.FlagSet, args []string) error {
	text := set.String("runs", "100,1000,10000", "`numbers` of separations")
	if err := set.Parse(args); err != nil {
		return err
	}
	var all []waited
	for _, number := range strings.Split(*text, ",") {
		runs, err := strconv.Atoi(number)
		if err != nil {
			return fmt.Errorf("-runs: %q is no number", number)
		}
		w, err := wait(ctx, runs)
		if err != nil {
			return fmt.Errorf("%d separations: %w", runs, err)
		}
		all = append(all, w)
	}
	fmt.Println(waitTable(all))
	return nil
}

func cancelCommand(ctx context.Context, set *flag.FlagSet, args []string) error {
	runs := set.Int("runs", 40, "`number` of separations that are cancelled, of two transfers each")
	atOnce := set.Int("at-once", 10, "`number` of them under way at the same time")
	if err := set.Parse(args); err != nil {
		return err
	}
	e, err := newEngine(ctx, onDisk, kiesim.Scenario{Files: slowFiles})
	if err != nil {
		return err
	}
	defer e.close()
	all, err := e.cancels(ctx, *runs, *atOnce)
	if err != nil {
		return err
	}
	fmt.Println(cancelTable(all))
	return nil
}
