package limit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func hang(ctx context.Context) error {
	<-ctx.Done()
	return fmt.Errorf("get: %w", ctx.Err())
}

func TestARequestThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		err := Wait(t.Context(), 10*time.Second, "reading a/b", hang)
		require.EqualError(t, err, "no answer within 10s while reading a/b")
		require.Equal(t, 10*time.Second, time.Since(begun))
	})
}

func TestTheLastFailureIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("connection refused")
		err := Wait(t.Context(), time.Second, "connecting", func(ctx context.Context) error {
			<-ctx.Done()
			return refused
		})
		require.EqualError(t, err, "no answer within 1s while connecting: connection refused")
		require.ErrorIs(t, err, refused)
	})
}

func TestAnInterruptionIsNoOutage(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := Wait(ctx, time.Hour, "reading a/b", func(ctx context.Context) error {
		cancel()
		return hang(ctx)
	})
	require.EqualError(t, err, "interrupted while reading a/b")
	interrupted, ok := errors.AsType[*Interrupted](err)
	require.True(t, ok)
	require.Equal(t, "reading a/b", interrupted.Doing)
}

func TestARequestsOwnErrorIsKept(t *testing.T) {
	denied := errors.New("denied")
	require.NoError(t, Wait(t.Context(), time.Hour, "x", func(context.Context) error { return nil }))
	require.Same(t, denied, Wait(t.Context(), time.Hour, "x", func(context.Context) error { return denied }))
}

func TestALongLookThatMovesGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		work := func(parts int) func(context.Context, func()) error {
			return func(ctx context.Context, moved func()) error {
				for range parts {
					time.Sleep(9 * time.Second)
					moved()
				}
				return hang(ctx)
			}
		}
		err := WaitWhileMoving(t.Context(), time.Minute, 10*time.Second, "listing a", work(3))
		require.EqualError(t, err, "no answer within 10s while listing a")
		require.Equal(t, 37*time.Second, time.Since(begun))
		err = WaitWhileMoving(t.Context(), time.Minute, 10*time.Second, "listing a", work(6))
		require.EqualError(t, err, "no answer within 1m0s while listing a")

		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		err = WaitWhileMoving(ctx, time.Minute, 10*time.Second, "listing a", work(0))
		require.EqualError(t, err, "interrupted while listing a")
		require.NoError(t, WaitWhileMoving(t.Context(), time.Minute, 10*time.Second, "listing a",
			func(context.Context, func()) error { return nil }))
	})
}

// slow yields a byte for each read, late, unless its context ends first.
type slow struct {
	ctx  context.Context
	late time.Duration
	left int
}

func (s *slow) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	select {
	case <-time.After(s.late):
	case <-s.ctx.Done():
		return 0, fmt.Errorf("get: %w", s.ctx.Err())
	}
	s.left--
	return copy(p, "x"), nil
}

func (s *slow) Close() error { return nil }

func TestAStreamGoesOnWhileItMoves(t *testing.T) {
	open := func(late time.Duration) func(context.Context) (io.ReadCloser, error) {
		return func(ctx context.Context) (io.ReadCloser, error) { return &slow{ctx: ctx, late: late, left: 3}, nil }
	}
	synctest.Test(t, func(t *testing.T) {
		stream, err := Stream(t.Context(), 10*time.Second, "reading a/b", open(9*time.Second))
		require.NoError(t, err)
		time.Sleep(time.Hour) // the reader's own time
		text, err := io.ReadAll(stream)
		require.NoError(t, err)
		require.Equal(t, "xxx", string(text))
		require.NoError(t, stream.Close())

		begun := time.Now()
		stream, err = Stream(t.Context(), 10*time.Second, "reading a/b", open(11*time.Second))
		require.NoError(t, err)
		_, err = io.ReadAll(stream)
		require.EqualError(t, err, "no answer within 10s while reading a/b")
		require.Equal(t, 10*time.Second, time.Since(begun))
		require.NoError(t, stream.Close())

		_, err = Stream(t.Context(), 10*time.Second, "reading a/b", func(ctx context.Context) (io.ReadCloser, error) {
			return nil, hang(ctx)
		})
		require.EqualError(t, err, "no answer within 10s while reading a/b")

		ctx, cancel := context.WithCancel(t.Context())
		stream, err = Stream(ctx, 10*time.Second, "reading a/b", open(9*time.Second))
		require.NoError(t, err)
		cancel()
		_, err = io.ReadAll(stream)
		require.EqualError(t, err, "interrupted while reading a/b")
		require.NoError(t, stream.Close())

		denied := errors.New("denied")
		_, err = Stream(t.Context(), time.Second, "x", func(context.Context) (io.ReadCloser, error) { return nil, denied })
		require.Same(t, denied, err)
	})
}
