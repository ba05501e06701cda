package main

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// named is a server that says its name on each connection and keeps it open.
func named(t *testing.T, name string) string {
	t.Helper()
	listener, err := net.Listen("tcp", address(0))
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, name)
			t.Cleanup(func() { _ = conn.Close() })
		}
	}()
	return listener.Addr().String()
}

func healthy(context.Context) error { return nil }

// balanced serves a balancer before backends whose probes are called by the test.
func balanced(t *testing.T, backends ...*backend) *balancer {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	listener, err := net.Listen("tcp", address(0))
	require.NoError(t, err)
	return newBalancer(ctx, listener, backends)
}

// answerOf connects and returns who answers, or "" for nobody.
func answerOf(t *testing.T, b *balancer) (net.Conn, string) {
	t.Helper()
	conn, err := net.Dial("tcp", b.addr())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	name := make([]byte, 1)
	n, _ := conn.Read(name)
	return conn, string(name[:n])
}

func TestBalancerTakesTurnsAndLeavesOutWhatFails(t *testing.T) {
	var aDown, bDown atomic.Bool
	probe := func(down *atomic.Bool) func(context.Context) error {
		return func(context.Context) error {
			if down.Load() {
				return errors.New("it is down")
			}
			return nil
		}
	}
	front := balanced(t,
		&backend{addr: named(t, "a"), probe: probe(&aDown)}, &backend{addr: named(t, "b"), probe: probe(&bDown)})
	_, first := answerOf(t, front)
	conn, second := answerOf(t, front)
	require.ElementsMatch(t, []string{"a", "b"}, []string{first, second})

	out := map[string]*atomic.Bool{"a": &aDown, "b": &bDown}[second]
	out.Store(true)
	_, err := conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "connections to what is out are closed")
	for range 4 {
		_, name := answerOf(t, front)
		require.Equal(t, first, name)
	}
	out.Store(false)
	require.Eventually(t, func() bool {
		_, name := answerOf(t, front)
		return name == second
	}, time.Minute, 10*time.Millisecond)
}

func TestBalancerGoesOnToTheNextWhereNobodyListens(t *testing.T) {
	gone, err := net.Listen("tcp", address(0))
	require.NoError(t, err)
	require.NoError(t, gone.Close())
	front := balanced(t,
		&backend{addr: gone.Addr().String(), probe: healthy}, &backend{addr: named(t, "b"), probe: healthy})
	for range 3 {
		_, name := answerOf(t, front)
		require.Equal(t, "b", name)
	}
}

func TestBalancerClosesTheConnectionWhereNothingIsThere(t *testing.T) {
	front := balanced(t)
	_, name := answerOf(t, front)
	require.Empty(t, name)
}
