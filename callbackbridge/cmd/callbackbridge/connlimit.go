package main

import (
	"container/list"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// connLimiter bounds the connections that are open at once, in all and for each address. Anyone may
// open as many as they like: beyond a limit the one that has been without a request in the handler
// for longest is closed, and the newcomer, who may be the provider, is served. Beyond the limit for
// an address that is one of the address's own; beyond the limit in all, one of the address that has
// most.
type connLimiter struct {
	limit, perAddress int
	// trusted are proxies, behind which there are many callers.
	trusted []netip.Prefix

	mu   sync.Mutex
	open map[net.Conn]*connection
	// addresses have at least one connection each.
	addresses map[source]*addressConns
}

// connection is one that is open. waiting is its place in its address's list, nil while its request
// is in the handler.
type connection struct {
	from    source
	waiting *list.Element
}

// addressConns are the connections of an address. waiting lists those outside the handler, the
// longest-waiting first.
type addressConns struct {
	open    int
	waiting *list.List
}

func newConnLimiter(l limits, trusted []netip.Prefix) *connLimiter {
	return &connLimiter{
		limit: l.connections, perAddress: l.perAddress, trusted: trusted,
		open: map[net.Conn]*connection{}, addresses: map[source]*addressConns{},
	}
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
		c.add(conn)
	case http.StateClosed, http.StateHijacked:
		c.remove(conn)
	}
}

func (c *connLimiter) add(conn net.Conn) {
	from := sourceOf(conn.RemoteAddr(), c.trusted)
	address := c.addresses[from]
	if address == nil {
		address = &addressConns{waiting: list.New()}
		c.addresses[from] = address
	}
	address.open++
	c.open[conn] = &connection{from, address.waiting.PushBack(conn)}
	switch {
	case address.open > c.perAddress && !from.trusted:
		c.closeLongestWaiting(address)
	case len(c.open) > c.limit:
		most := address
		for _, other := range c.addresses {
			if other.open > most.open && other.waiting.Len() > 0 {
				most = other
			}
		}
		c.closeLongestWaiting(most)
	}
}

// closeLongestWaiting closes one of an address that has one outside the handler.
func (c *connLimiter) closeLongestWaiting(address *addressConns) {
	longest := address.waiting.Front().Value.(net.Conn)
	c.remove(longest)
	hangUp(longest)
}

func (c *connLimiter) begin(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.open[conn]; known != nil && known.waiting != nil {
		c.addresses[known.from].waiting.Remove(known.waiting)
		known.waiting = nil
	}
}

func (c *connLimiter) end(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.open[conn]; known != nil {
		known.waiting = c.addresses[known.from].waiting.PushBack(conn)
	}
}

func (c *connLimiter) remove(conn net.Conn) {
	known := c.open[conn]
	if known == nil {
		return
	}
	delete(c.open, conn)
	address := c.addresses[known.from]
	if known.waiting != nil {
		address.waiting.Remove(known.waiting)
	}
	if address.open--; address.open == 0 {
		delete(c.addresses, known.from)
	}
}

// source is whose connection it is: one caller's network, or a trusted proxy, behind which there
// are many callers.
type source struct {
	network netip.Prefix
	trusted bool
}

// sourceOf takes as one caller's an IPv4 address, or the 56 bits of an IPv6 address that an access
// provider gives to one customer. A trusted proxy is known by its whole address, since others may
// share its network. The zero source is for what is no IP address.
func sourceOf(addr net.Addr, trusted []netip.Prefix) source {
	peer, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return source{}
	}
	ip := peer.Addr().Unmap().WithZone("")
	bits := ip.BitLen()
	proxy := isTrusted(trusted, ip)
	if ip.Is6() && !proxy {
		bits = 56
	}
	network, _ := ip.Prefix(bits) // both fit
	return source{network, proxy}
}

// hangUp closes without TLS's close notification, for which a silent peer could keep all others
// waiting.
func hangUp(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	_ = conn.Close()
}
