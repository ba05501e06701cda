// Command benchmarks compares how fast, and with how much memory and processor time, stems come into the archive: by stemflow, by a bare program
// that checks nothing, and by what people use instead. Source and store are real servers on this machine.
//
//	go run ./benchmarks            12 stems of 5 MB and 12 of 100 MB
//	go run ./benchmarks -huge      one stem of 2 GB too
//	go run ./benchmarks -rclone    with rclone copyurl, which is built from its module
//
// docs/benchmarks.md has what it printed.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if isContestant(os.Args) {
		os.Exit(contestantMain(os.Args))
	}
	huge := flag.Bool("huge", false, "archive a stem of 2 GB, too")
	rclone := flag.Bool("rclone", false, "compare with rclone, too")
	rounds := flag.Int("rounds", 5, "`number` of times that each does each")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *rounds, *huge, *rclone)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchmarks:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, rounds int, huge, rclone bool) error {
	s, err := newSuite(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if rclone {
		if s.rclone, err = buildRclone(ctx); err != nil {
			return err
		}
	}
	loads := []load{{12, 5e6}, {12, 100e6}}
	if huge {
		loads = append(loads, load{1, 2 << 30})
	}
	for _, l := range loads {
		results, err := s.compare(ctx, l, rounds)
		if err != nil {
			return err
		}
		fmt.Println(table(l, results))
	}
	return nil
}
