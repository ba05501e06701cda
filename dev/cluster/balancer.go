package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

const (
	// probeEvery and probeWithin are those of an ordinary load balancer, and a probe that fails
	// twice takes a backend out.
	probeEvery  = time.Second
	probeWithin = 2 * time.Second
	mostFailed  = 2
	dialWithin  = 2 * time.Second
)

// balancer is what stands before servers of one kind: it hands each connection to the next one that
// answers probes, and closes the connections of one that no longer does.
type balancer struct {
	listener net.Listener
	backends []*backend
	mu       sync.Mutex // guards next and what changes in backends
	next     int
}

type backend struct {
	addr  string
	probe func(context.Context) error

	failed int // probes in a row
	conns  map[net.Conn]struct{}
}

// newBalancer serves on a listener until the context ends.
func newBalancer(ctx context.Context, listener net.Listener, backends []*backend) *balancer {
	b := &balancer{listener: listener, backends: backends}
	for _, one := range backends {
		one.conns = map[net.Conn]struct{}{}
		go b.watch(ctx, one)
	}
	go b.serve(ctx)
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	return b
}

func (b *balancer) addr() string { return b.listener.Addr().String() }

func (b *balancer) serve(ctx context.Context) {
	for {
		conn, err := b.listener.Accept()
		if err != nil {
			return // it was closed
		}
		go b.handle(ctx, conn)
	}
}

// watch probes a backend.
func (b *balancer) watch(ctx context.Context, one *backend) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(probeEvery):
		}
		probing, cancel := context.WithTimeout(ctx, probeWithin)
		err := one.probe(probing)
		cancel()
		b.note(one, err)
	}
}

// note counts what came of a probe, and closes the connections of a backend that is out.
func (b *balancer) note(one *backend, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		one.failed = 0
		return
	}
	if one.failed++; one.failed < mostFailed {
		return
	}
	for conn := range one.conns {
		_ = conn.Close()
	}
}

// choose is the next backend that answers probes and was not tried.
func (b *balancer) choose(tried map[*backend]bool) *backend {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range b.backends {
		b.next++
		one := b.backends[b.next%len(b.backends)]
		if one.failed < mostFailed && !tried[one] {
			return one
		}
	}
	return nil
}

// connect dials the next backend that takes a connection.
func (b *balancer) connect(ctx context.Context) (*backend, net.Conn, error) {
	var errs []error
	for tried := map[*backend]bool{}; ; {
		one := b.choose(tried)
		if one == nil {
			return nil, nil, fmt.Errorf("no server behind %s: %w", b.addr(), errors.Join(errs...))
		}
		tried[one] = true
		dialer := net.Dialer{Timeout: dialWithin}
		conn, err := dialer.DialContext(ctx, "tcp", one.addr)
		if err == nil {
			return one, conn, nil
		}
		errs = append(errs, err)
	}
}

func (b *balancer) handle(ctx context.Context, client net.Conn) {
	defer client.Close()
	one, server, err := b.connect(ctx)
	if err != nil {
		return // the client sees a closed connection, and tries again
	}
	defer server.Close()
	b.keep(one, client, server)
	defer b.drop(one, client, server)
	defer context.AfterFunc(ctx, func() { _ = client.Close(); _ = server.Close() })()
	var copying sync.WaitGroup
	for from, to := range map[net.Conn]net.Conn{client: server, server: client} {
		copying.Go(func() {
			_, _ = io.Copy(to, from)
			if half, ok := to.(interface{ CloseWrite() error }); ok {
				_ = half.CloseWrite()
			}
		})
	}
	copying.Wait()
}

func (b *balancer) keep(one *backend, conns ...net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, conn := range conns {
		one.conns[conn] = struct{}{}
	}
}

func (b *balancer) drop(one *backend, conns ...net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, conn := range conns {
		delete(one.conns, conn)
	}
}
