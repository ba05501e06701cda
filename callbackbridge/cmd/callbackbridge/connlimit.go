package main

import (
	"container/list"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// connLimiter bounds the connections that are open at once. Anyone may open as many as they like:
// beyond the limit the one that has been without a request in the handler for longest is closed,
// and the newcomer, who may be the provider, is served.
type connLimiter struct {
	limit int

	mu sync.Mutex
	// waiting lists the connections outside the handler, the longest-waiting first; open has the
	// list element of each, nil for those whose request is in the handler.
	waiting *list.List
	open    map[net.Conn]*list.Element
}

func newConnLimiter(limit int) *connLimiter {
	return &connLimiter{limit: limit, waiting: list.New(), open: map[net.Conn]*list.Element{}}
}

// install puts the limit on a server whose handler is already set.
func (c *connLimiter) install(server *http.Server) {
	server.ConnState = c.changed
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, connectionKey{}, conn)
	}
	next := server.Handler
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn := r.Context().Value(connectionKey{}).(net.Conn)
		c.begin(conn)
		defer c.end(conn)
		next.ServeHTTP(w, r)
	})
}

type connectionKey struct{}

func (c *connLimiter) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		c.open[conn] = c.waiting.PushBack(conn)
		if len(c.open) > c.limit {
			longest := c.waiting.Front().Value.(net.Conn)
			c.remove(longest)
			hangUp(longest)
		}
	case http.StateClosed, http.StateHijacked:
		c.remove(conn)
	}
}

func (c *connLimiter) begin(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if element := c.open[conn]; element != nil {
		c.waiting.Remove(element)
		c.open[conn] = nil
	}
}

func (c *connLimiter) end(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.open[conn]; ok {
		c.open[conn] = c.waiting.PushBack(conn)
	}
}

func (c *connLimiter) remove(conn net.Conn) {
	if element := c.open[conn]; element != nil {
		c.waiting.Remove(element)
	}
	delete(c.open, conn)
}

// hangUp closes without TLS's close notification, for which a silent peer could keep all others
// waiting.
func hangUp(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	_ = conn.Close()
}
