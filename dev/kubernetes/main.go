//go:build linux

// Command kubernetes brings up a Kubernetes of two nodes on this machine, with containers, a pod
// network and services, and proves stemflow's manifests on it.
//
//	go run ./dev/kubernetes up       stays up, and says how to look at it
//	go run ./dev/kubernetes prove    separates tracks through a rollout, a drain and more
//	go run ./dev/kubernetes down     ends what up has started in another terminal
//
// -help after each says more. It takes root's rights and some of Debian's packages, which it names
// where they are missing. Everything runs in namespaces of its own: processes, mounts and network
// are gone when the command ends, however it ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "kubernetes:", err)
		os.Exit(1)
	}
}

// The commands that this program gives itself, inside of its namespaces.
const (
	insideUp    = "inside-up"
	insideProve = "inside-prove"
	asNode      = "node"
)

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("say what to do: up, prove or down")
	}
	set := flag.NewFlagSet("kubernetes "+args[0], flag.ContinueOnError)
	switch args[0] {
	case "up", "prove":
		tracks := set.Int("tracks", fullProof, "`number` of tracks at least that prove separates meanwhile")
		if err := set.Parse(args[1:]); err != nil {
			return err
		}
		if *tracks < leastTracks {
			return fmt.Errorf("-tracks %d: give at least %d", *tracks, leastTracks)
		}
		return enclosed(ctx, map[string]string{"up": insideUp, "prove": insideProve}[args[0]], *tracks)
	case "down":
		if err := set.Parse(args[1:]); err != nil {
			return err
		}
		return down(ctx)
	case insideUp, insideProve:
		if len(args) == 2 {
			return inside(ctx, args[0], args[1])
		}
	case asNode:
		if len(args) == 3 {
			return runNode(ctx, args[1], args[2])
		}
	}
	return fmt.Errorf("%q: say what to do: up, prove or down", strings.Join(args, " "))
}
