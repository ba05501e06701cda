package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"text/tabwriter"
	"time"
)

// step is one part of the check. It writes what it has to say to out.
type step struct {
	name string
	run  func(ctx context.Context, out io.Writer) error
}

// skipped is the error of a step that cannot be done here, which is no failure.
type skipped string

func (s skipped) Error() string { return string(s) }

func isSkipped(err error) bool { return errors.As(err, new(skipped)) }

// checker runs steps and remembers how they ended. As a writer it is out, one write at a time.
type checker struct {
	mu    sync.Mutex
	out   io.Writer
	ended []ending
}

type ending struct {
	step string
	took time.Duration
	err  error
}

// run runs the lanes side by side, and the steps of each lane one after the other; a failure stops
// neither. What the first lane says is shown as it comes, what a step of another lane says when it
// has ended.
func (c *checker) run(ctx context.Context, first []step, others ...[]step) {
	var lanes sync.WaitGroup
	for _, lane := range others {
		lanes.Go(func() {
			for _, s := range lane {
				var said bytes.Buffer
				e := timed(ctx, s, &said)
				fmt.Fprintf(c, "== %s\n%s", s.name, said.Bytes())
				c.end(e)
			}
		})
	}
	for _, s := range first {
		fmt.Fprintf(c, "== %s\n", s.name)
		c.end(timed(ctx, s, c))
	}
	lanes.Wait()
}

func timed(ctx context.Context, s step, out io.Writer) ending {
	begun := time.Now()
	err := ctx.Err()
	if err == nil {
		err = s.run(ctx, out)
	}
	return ending{s.name, time.Since(begun), err}
}

func (c *checker) end(e ending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = append(c.ended, e)
}

func (c *checker) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Write(p)
}

// summarize prints how every step ended and reports whether none failed.
func (c *checker) summarize() bool {
	ok := true
	table := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	for _, e := range c.ended {
		result := "ok"
		switch {
		case isSkipped(e.err):
			result = "skipped: " + e.err.Error()
		case e.err != nil:
			ok, result = false, "FAILED: "+e.err.Error()
		}
		fmt.Fprintf(table, "check: %s\t%v\t%s\n", e.step, e.took.Round(time.Second), result)
	}
	_ = table.Flush()
	return ok
}
