// Command storegate is a reverse proxy for an object store that accepts uploads without checking
// their signature (CVE-2026-40344, CVE-2026-41145): it refuses that form of request, and passes on
// all others as they came. Nothing else may reach the store.
//
//	storegate -addr :9000 -store http://minio:9000
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"stemflow/internal/program"
	"stemflow/internal/storegate"
)

// drainTimeout is for the requests under way when the program is stopped.
const drainTimeout = 10 * time.Second

func main() {
	program.AnswerVersion()
	addr := flag.String("addr", ":9000", "the `address` to listen on")
	store := flag.String("store", "", "the `URL` of the object store, like http://minio:9000")
	flag.Parse()
	if err := program.FlagsOnly(flag.Args()); err != nil {
		program.Fail(os.Stderr, "storegate", err, nil)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *addr, *store)
	stop()
	if err != nil {
		program.Fail(os.Stderr, "storegate", err, nil)
		os.Exit(1)
	}
}

func run(ctx context.Context, addr, store string) error {
	target, err := url.Parse(store)
	if err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https" {
		return fmt.Errorf("-store %q is no URL of a store: give it like http://minio:9000", store)
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: storegate.New(target), ReadHeaderTimeout: 10 * time.Second}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(listener) }()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		return errors.Join(err, server.Close())
	}
	return nil
}
