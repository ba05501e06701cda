package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// limits are what one caller, and all of them, may take.
type limits struct {
	readHeader, read, write, idle time.Duration
	// header is in bytes.
	header      int
	connections int
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
}

// stopTimeout is above the longest answer that has begun within its limits.
const stopTimeout = 15 * time.Second

// serve answers until ctx ends, and then finishes the callbacks that it has accepted.
func serve(ctx context.Context, listener net.Listener, handler http.Handler, l limits) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: l.readHeader,
		ReadTimeout:       l.read,
		WriteTimeout:      l.write,
		IdleTimeout:       l.idle,
		MaxHeaderBytes:    l.header,
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
		// The program has no use for "OPTIONS *".
		DisableGeneralOptionsHandler: true,
	}
	newConnLimiter(l.connections).install(server)
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
