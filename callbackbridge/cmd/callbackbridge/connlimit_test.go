package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConnLimiterMakesRoomForNewConnections(t *testing.T) {
	l := productionLimits
	l.connections = 8
	s := startServer(t, l)
	var idle, slow []net.Conn
	for range 40 {
		idle = append(idle, s.dial())
		c := s.dial()
		_, err := io.WriteString(c, "POST /callbacks/x HTTP/1.1\r\nHost:")
		require.NoError(t, err)
		slow = append(slow, c)
		s.requireServed()
	}
	for _, conns := range [][]net.Conn{idle, slow} {
		_, err := conns[0].Read(make([]byte, 1))
		require.Error(t, err, "the longest-waiting connection was closed")
	}
	_, err := io.WriteString(slow[39], " a\r\nContent-Length: 0\r\n\r\n")
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, s.answer(slow[39]), "the latest are still served")
}

// A callback in the handler is never hung up on, however many come after it.
func TestConnLimiterSparesConnectionsBeingServed(t *testing.T) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	entered, finish := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		entered <- struct{}{}
		<-finish
		_, _ = w.Write([]byte("done"))
	})
	l := productionLimits
	l.connections = 2
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() { _ = serve(ctx, listener, handler, l, nil) }()
	answered := make(chan *bytes.Buffer, 1)
	go func() {
		var body bytes.Buffer
		if response, err := http.Get("http://" + listener.Addr().String()); err == nil {
			_, _ = body.ReadFrom(response.Body)
			response.Body.Close()
		}
		answered <- &body
	}()
	<-entered
	for range 10 {
		conn, err := net.Dial("tcp", listener.Addr().String())
		require.NoError(t, err)
		defer conn.Close()
	}
	last, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	defer last.Close()
	_, err = io.WriteString(last, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	require.NoError(t, err)
	<-entered // there is room for a second one too
	close(finish)
	require.Equal(t, "done", (<-answered).String())
}
