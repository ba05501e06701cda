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

const (
	// A callback is a few kilobytes from a data centre: whoever takes longer than this to send one holds a connection only.
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	// An answer waits for Temporal for 10 s after the request has been read.
	writeTimeout = 20 * time.Second
	idleTimeout  = 60 * time.Second
	maxHeader    = 16 << 10
	// stopTimeout is above the longest answer that has begun within its limits.
	stopTimeout = 15 * time.Second
)

// serve answers until ctx ends, and then finishes the callbacks that it has accepted.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
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
		return fmt.Errorf("some callbacks were not answered within %v of the stop; the provider repeats them", stopTimeout)
	} else if err != nil {
		return fmt.Errorf("stopping: %w", err)
	}
	return nil
}
