package kie

import (
	"context"
	"net/http/httptrace"
	"sync/atomic"
)

// connection watches one request for the moment it was handed a connection: until then nothing can
// have been sent.
type connection struct{ wanted, got atomic.Bool }

func (c *connection) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { c.wanted.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { c.got.Store(true) },
	})
}

// neverMade is false as well for a transport that reports nothing: such a one may have sent the
// request.
func (c *connection) neverMade() bool { return c.wanted.Load() && !c.got.Load() }
