package integration

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// line is a TCP line to a server that can be held: what is sent then arrives when it is released.
type line struct {
	addr string
	// refused counts the connections that the server did not take: it was away.
	refused atomic.Int64

	mu   sync.Mutex
	open *sync.Cond
	held bool
}

func newLine(t testing.TB, to string) *line {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := &line{addr: listener.Addr().String()}
	l.open = sync.NewCond(&l.mu)
	t.Cleanup(func() { listener.Close(); l.release() })
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				l.refused.Add(1)
				near.Close()
				continue
			}
			for _, pair := range [][2]net.Conn{{near, far}, {far, near}} {
				go func() {
					defer near.Close()
					defer far.Close()
					_, _ = io.Copy(heldWriter{l, pair[1]}, pair[0])
				}()
			}
		}
	}()
	return l
}

func (l *line) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = true
}

func (l *line) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = false
	l.open.Broadcast()
}

type heldWriter struct {
	line *line
	to   net.Conn
}

func (w heldWriter) Write(p []byte) (int, error) {
	w.line.mu.Lock()
	for w.line.held {
		w.line.open.Wait()
	}
	w.line.mu.Unlock()
	return w.to.Write(p)
}
