package main

import (
	"container/list"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// crowd bounds the connections that are open at once. Strangers may open as many as they like: beyond the limit the one that has
// been without a request in the handler for longest is closed, and the newcomer, who may be the provider, is served.
type crowd struct {
	limit int

	mu sync.Mutex
	// waiting are the connections outside of the handler, the longest-waiting first; open holds the place of each, nil for those
	// whose request is in the handler.
	waiting *list.List
	open    map[net.Conn]*list.Element
}

func newCrowd(limit int) *crowd {
	return &crowd{limit: limit, waiting: list.New(), open: map[net.Conn]*list.Element{}}
}

// admit puts the limit on a server whose handler is already set.
func (c *crowd) admit(server *http.Server) {
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

func (c *crowd) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		c.open[conn] = c.waiting.PushBack(conn)
		if len(c.open) > c.limit {
			longest := c.waiting.Front().Value.(net.Conn)
			c.forget(longest)
			hangUp(longest)
		}
	case http.StateClosed, http.StateHijacked:
		c.forget(conn)
	}
}

func (c *crowd) begin(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if place := c.open[conn]; place != nil {
		c.waiting.Remove(place)
		c.open[conn] = nil
	}
}

func (c *crowd) end(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, open := c.open[conn]; open {
		c.open[conn] = c.waiting.PushBack(conn)
	}
}

func (c *crowd) forget(conn net.Conn) {
	if place := c.open[conn]; place != nil {
		c.waiting.Remove(place)
	}
	delete(c.open, conn)
}

// hangUp closes without the farewell of TLS, for which a silent peer could keep everybody waiting.
func hangUp(conn net.Conn) {
	if secure, is := conn.(*tls.Conn); is {
		conn = secure.NetConn()
	}
	_ = conn.Close()
}
