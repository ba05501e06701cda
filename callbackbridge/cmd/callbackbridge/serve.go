package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"stemflow/internal/program"
)

// limits are what one caller, and all of them, may take.
type limits struct {
	readHeader, read, write, idle time.Duration
	// header is in bytes.
	header int
	// connections are open at once: in all, and of one address.
	connections, perAddress int
	// Of one address newPerSecond connections are accepted a second, and newBurst at once.
	newPerSecond, newBurst float64
}

// productionLimits are generous to the provider and tight for everyone else.
var productionLimits = limits{
	// A callback is a few kilobytes from a data centre: a client that takes longer than this to
	// send one only holds a connection.
	readHeader: 5 * time.Second,
	read:       10 * time.Second,
	// An answer waits for Temporal for 10 s after the request has been read.
	write:  20 * time.Second,
	idle:   60 * time.Second,
	header: 16 << 10,
	// Far more than the provider opens; some 40 MB of memory when every one holds what it can.
	connections: 1024,
	// The provider sends one callback for each separation, of which an account may submit two a
	// second.
	perAddress:   128,
	newPerSecond: 50, newBurst: 200,
}

// stopTimeout is above the longest answer that has begun within its limits.
const stopTimeout = 15 * time.Second

// serve answers until ctx ends, and then finishes the callbacks that it has accepted.
//
// Limits for one address do not apply to trusted proxies.
func serve(
	ctx context.Context, listener net.Listener, handler http.Handler, l limits, trusted []netip.Prefix,
) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: l.readHeader,
		ReadTimeout:       l.read,
		WriteTimeout:      l.write,
		IdleTimeout:       l.idle,
		MaxHeaderBytes:    l.header,
		ErrorLog:          log.New(&sampledLog{}, "", 0),
		// The program has no use for "OPTIONS *".
		DisableGeneralOptionsHandler: true,
	}
	newConnLimiter(l, trusted).install(server)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serving callbacks: %w", err)
	case <-ctx.Done():
	}
	slog.Info("callback bridge stopping")
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := server.Shutdown(bounded); errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf(
			"some callbacks were not answered within %v of the stop; the provider repeats them",
			stopTimeout,
		)
	} else if err != nil {
		return fmt.Errorf("stopping: %w", err)
	}
	return nil
}

// sampledLog is the server's own log, of handshakes that fail and the like: strangers can cause as
// many lines as they want.
type sampledLog struct{ sampler program.Sampler }

func (l *sampledLog) Write(line []byte) (int, error) {
	if leftOut, ok := l.sampler.Admit("server", time.Now()); ok {
		slog.Warn(strings.TrimSpace(string(line)), "leftOut", leftOut)
	}
	return len(line), nil
}
