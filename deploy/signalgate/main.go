// Command signalgate is a proxy between the callback bridge and Temporal. It passes on only the
// calls that the bridge needs. It reads Temporal's credentials from the standard TEMPORAL_
// variables, so the bridge needs none. It does not authenticate its callers: only the bridge may
// reach it.
//
//	signalgate -addr :7233 -namespaces default,music
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"go.temporal.io/sdk/client"

	"stemflow/internal/config"
	"stemflow/internal/program"
	"stemflow/internal/redact"
	"stemflow/internal/signalgate"
)

// drainTimeout is for the calls under way when the program is stopped.
const drainTimeout = 15 * time.Second

func main() {
	program.AnswerVersion()
	addr := flag.String("addr", ":7233", "the `address` to listen on")
	namespaces := flag.String(
		"namespaces", "", "the `names` of the namespaces, separated by commas; by default TEMPORAL_NAMESPACE")
	flag.Parse()
	secrets := redact.New(config.AllSecrets(os.LookupEnv)...)
	if err := program.FlagsOnly(flag.Args()); err != nil {
		program.Fail(os.Stderr, "signalgate", err, secrets)
		os.Exit(2)
	}
	slog.SetDefault(program.NewLogger(os.Stderr, secrets))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *addr, *namespaces)
	stop()
	if err != nil {
		program.Fail(os.Stderr, "signalgate", err, secrets)
		os.Exit(1)
	}
}

func run(ctx context.Context, addr, namespaces string) error {
	options, err := config.Temporal()
	if err != nil {
		return err
	}
	names, err := namespaceList(namespaces, options.Namespace)
	if err != nil {
		return err
	}
	temporal, err := client.NewLazyClient(options)
	if err != nil {
		return fmt.Errorf("cannot make a Temporal client: %w", err)
	}
	defer temporal.Close()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("cannot listen, choose another -addr: %w", err)
	}
	server := signalgate.New(temporal, names)
	slog.Info("signal gate listening", "address", listener.Addr().String(), "namespaces", names)
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(listener) }()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
	}
	late := time.AfterFunc(drainTimeout, server.Stop)
	defer late.Stop()
	server.GracefulStop()
	return nil
}

// namespaceList splits the names at commas. No name at all is the fallback.
func namespaceList(text, fallback string) ([]string, error) {
	if strings.TrimSpace(text) == "" {
		return []string{fallback}, nil
	}
	names := strings.Split(text, ",")
	for i, name := range names {
		if names[i] = strings.TrimSpace(name); names[i] == "" {
			return nil, fmt.Errorf("-namespaces %q: name %d of %d is empty: give it, or leave its comma out",
				text, i+1, len(names))
		}
	}
	return names, nil
}
