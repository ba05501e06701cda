// Command cluster brings up on this machine what stemflow runs on in production, and proves
// stemflow on it: PostgreSQL, Temporal as seven processes (two each of frontend, history and
// matching, one worker), a MinIO of four drives, two of stemflow's workers, two bridges, and kiesim
// with the provider's limits on.
//
//	go run ./dev/cluster up       stays up, and says how to point tests and programs at it
//	go run ./dev/cluster prove    separates 300 tracks while it kills and freezes what runs, and accounts for each
//
// -help after each says more. It takes PostgreSQL's server. Everything listens on the loopback
// interface on free ports, and is gone when the command ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	commands := map[string]func(context.Context, *flag.FlagSet, []string) error{"up": upCommand, "prove": proveCommand}
	if len(args) == 0 || commands[args[0]] == nil {
		return errors.New("say what to do: up or prove")
	}
	return commands[args[0]](ctx, flag.NewFlagSet("cluster "+args[0], flag.ContinueOnError), args[1:])
}

func upCommand(ctx context.Context, set *flag.FlagSet, args []string) error {
	server := set.String("server", string(pinned), "which Temporal `server`: pinned, as in tools/go.mod, or next, "+
		"the newest one, as in tools/temporalnext/go.mod")
	if err := set.Parse(args); err != nil {
		return err
	}
	servers, err := serversOf(*server)
	if err != nil {
		return err
	}
	if len(servers) != 1 {
		return errors.New("-server both: only prove can do one after the other")
	}
	c, err := newCluster(servers[0])
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.up(ctx, defaultSeparationTime); err != nil {
		return unlessInterrupted(ctx, err)
	}
	c.describe()
	<-ctx.Done()
	return nil
}

// defaultSeparationTime is how long the provider's stand-in takes for a separation.
const defaultSeparationTime = 5 * time.Second

func proveCommand(ctx context.Context, set *flag.FlagSet, args []string) error {
	server := set.String("server", string(pinned), "which Temporal `server`: pinned, as in tools/go.mod, next, "+
		"the newest one, as in tools/temporalnext/go.mod, or both, one after the other")
	tracks := set.Int("tracks", fullProof, "`number` of tracks, half of them a catalogue; fewer than 300 "+
		"leave no time for all faults")
	calm := set.Bool("calm", false, "kill, freeze and cut nothing: how long everything takes when all is well")
	if err := set.Parse(args); err != nil {
		return err
	}
	servers, err := serversOf(*server)
	if err != nil {
		return err
	}
	if *tracks < 2 {
		return fmt.Errorf("-tracks %d: give at least 2, one by itself and one in a catalogue", *tracks)
	}
	var columns []column
	for _, server := range servers {
		found, err := proveOn(ctx, server, *tracks, *calm)
		if err != nil {
			return unlessInterrupted(ctx, err)
		}
		c := column{server, found, judge(found)}
		for _, violation := range c.violations {
			fmt.Printf("BROKEN  %s\n", violation)
		}
		columns = append(columns, c)
	}
	fmt.Printf("\n%s\n", proofTable(columns))
	var broken []error
	for _, c := range columns {
		if !*calm {
			fmt.Printf("%s\n", faultTable(c))
		}
		for _, violation := range c.violations {
			broken = append(broken, fmt.Errorf("on Temporal's %s server: %s", c.server, violation))
		}
	}
	return errors.Join(broken...)
}

// unlessInterrupted is nothing where a person has ended the program.
func unlessInterrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	return err
}

// server is which of Temporal's servers the cluster runs.
type server string

const (
	pinned server = "pinned"
	next   server = "next"
)

func serversOf(flag string) ([]server, error) {
	switch flag {
	case string(pinned), string(next):
		return []server{server(flag)}, nil
	case "both":
		return []server{pinned, next}, nil
	default:
		return nil, fmt.Errorf("-server %q: give pinned, next or both", flag)
	}
}

// tools are the names of the server and of what sets its database up; see devtools.
func (s server) tools() (program, sqlTool string) {
	if s == next {
		return "temporal-server-next", "temporal-sql-tool-next"
	}
	return "temporal-server", "temporal-sql-tool"
}
