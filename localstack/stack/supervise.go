package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"stemflow/internal/devservers"
)

const (
	// A program that has ended is started again after firstPause, and after twice as long each time
	// that this does not help, up to longestPause.
	firstPause   = 500 * time.Millisecond
	longestPause = 30 * time.Second
	// settledAfter is how long a program runs until its next end counts as its first one.
	settledAfter = time.Minute
)

// supervised is a program that is started again when it ends by itself.
type supervised struct {
	name string
	log  string
	// process is guarded by the stack's mutex.
	process *devservers.Process
}

// start starts a child with a log of its own, and keeps it running until the stack stops.
// Everything else lives on meanwhile.
func (s *stack) start(
	ctx context.Context, name string, start func(log *os.File) (*devservers.Process, error),
) (*devservers.Process, error) {
	log, err := os.Create(filepath.Join(s.dir, "logs", name+".log"))
	if err != nil {
		return nil, err
	}
	p, err := start(log)
	if err != nil {
		return nil, err
	}
	program := &supervised{name: name, log: log.Name(), process: p}
	s.mu.Lock()
	s.running = append(s.running, program)
	s.mu.Unlock()
	s.supervisors.Go(func() { s.supervise(ctx, program) })
	return p, nil
}

// supervise starts a program again whenever it has ended, until the context does.
func (s *stack) supervise(ctx context.Context, program *supervised) {
	pause := firstPause
	for {
		p := s.process(program)
		began := time.Now()
		select {
		case <-p.Done():
		case <-ctx.Done():
			return
		}
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) >= settledAfter {
			pause = firstPause
		}
		tell(fmt.Sprintf("%s; it is started again, its log is %s", firstLine(p.Err()), short(program.log)))
		for {
			if !sleep(ctx, pause) {
				return
			}
			pause = min(2*pause, longestPause)
			again, err := p.Restart(ctx)
			if ctx.Err() != nil {
				if err == nil {
					again.Kill()
				}
				return
			}
			if err == nil {
				s.mu.Lock()
				program.process = again
				s.mu.Unlock()
				tell(program.name + " is up again")
				break
			}
			tell(fmt.Sprintf("%s cannot be started again, next try in %v: %v", program.name, pause, err))
		}
	}
}

func (s *stack) process(program *supervised) *devservers.Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return program.process
}

// sleep reports false when the context ended first.
func sleep(ctx context.Context, pause time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pause):
		return true
	}
}

// firstLine leaves out what a program said last: that is in its log.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
