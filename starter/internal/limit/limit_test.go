package limit

import (
	"context"
	"errors"
	"fmt"
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
