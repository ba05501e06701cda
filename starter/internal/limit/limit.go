// Package limit bounds what the starter waits for: no request goes on for ever, an interruption
// ends each, and the errors say what was waited for.
package limit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// Interrupted says that the user ended the program while it waited.
type Interrupted struct {
	// Doing is what it was about, as in "connecting to Temporal at localhost:7233".
	Doing string
}

func (e *Interrupted) Error() string { return "interrupted while " + e.Doing }

// Exceeded says that something took longer than a person is made to wait.
type Exceeded struct {
	// Doing is what it was about.
	Doing string
	After time.Duration
	// Cause is why the last try failed; nil if there was no answer.
	Cause error
}

func (e *Exceeded) Error() string {
	text := fmt.Sprintf("no answer within %v while %s", e.After, e.Doing)
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

func (e *Exceeded) Unwrap() error { return e.Cause }

// Wait makes a request that may take as long as is said. Its error is the request's own, unless the
// user interrupted it or the time was up: then it says what was being done.
func Wait(ctx context.Context, longest time.Duration, doing string, request func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	err := request(bounded)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return &Interrupted{Doing: doing}
	case bounded.Err() == nil:
		return err
	}
	exceeded := &Exceeded{Doing: doing, After: longest}
	if !isDeadline(err) {
		exceeded.Cause = err
	}
	return exceeded
}

// WaitWhileMoving is [Wait] for work of many requests: it may take as long as is said altogether,
// and ends earlier where nothing has moved for the time of quiet. The work calls moved when a
// request is answered.
func WaitWhileMoving(
	ctx context.Context, longest, quiet time.Duration, doing string,
	work func(ctx context.Context, moved func()) error,
) error {
	watched, stop := context.WithCancel(ctx)
	defer stop()
	var stalled atomic.Bool
	timer := time.AfterFunc(quiet, func() {
		stalled.Store(true)
		stop()
	})
	defer timer.Stop()
	err := Wait(watched, longest, doing, func(ctx context.Context) error {
		return work(ctx, func() { timer.Reset(quiet) })
	})
	if _, ok := errors.AsType[*Interrupted](err); ok && stalled.Load() && ctx.Err() == nil {
		return &Exceeded{Doing: doing, After: quiet}
	}
	return err
}

// Stream opens what is read piece by piece, for as long as it moves: the opening and each read end
// when there has been no answer for the time of quiet. What the reader does in between is not
// counted.
func Stream(
	ctx context.Context, quiet time.Duration, doing string, open func(context.Context) (io.ReadCloser, error),
) (io.ReadCloser, error) {
	watched, stop := context.WithCancel(ctx)
	s := &stream{ctx: ctx, stop: stop, quiet: quiet, doing: doing}
	s.timer = time.AfterFunc(quiet, func() {
		s.stalled.Store(true)
		stop()
	})
	content, err := open(watched)
	s.timer.Stop()
	if err != nil {
		stop()
		return nil, s.reason(err)
	}
	s.content = content
	return s, nil
}

type stream struct {
	content io.ReadCloser
	ctx     context.Context
	stop    func()
	timer   *time.Timer
	stalled atomic.Bool
	quiet   time.Duration
	doing   string
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	s.timer.Reset(s.quiet)
	n, err := s.content.Read(p)
	s.timer.Stop()
	return n, s.reason(err)
}

// Close implements io.Closer.
func (s *stream) Close() error {
	defer s.stop()
	return s.content.Close()
}

// reason is the error of a request, or why it was ended.
func (s *stream) reason(err error) error {
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return err
	case s.ctx.Err() != nil:
		return &Interrupted{Doing: s.doing}
	case s.stalled.Load():
		return &Exceeded{Doing: s.doing, After: s.quiet}
	}
	return err
}

// isDeadline reports whether an error says only that the time was up.
func isDeadline(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	// gRPC and Temporal's SDK have errors of their own for it.
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}
