// Command callbackbridge receives the provider's callbacks and signals the workflows that wait for
// them. It is configured by the environment (see .env.example) and takes no arguments.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"go.temporal.io/sdk/client"

	"stemflow/callbackbridge"
	"stemflow/internal/config"
	"stemflow/internal/program"
	"stemflow/internal/redact"
	"stemflow/internal/series/bridgeseries"
	"stemflow/internal/telemetry"
)

func main() {
	program.AnswerVersion()
	program.TakeNoArguments(
		"callbackbridge receives the provider's callbacks and signals the workflows that wait for them.")
	hidden := config.AllSecrets(os.LookupEnv)
	secrets := redact.New(hidden...)
	slog.SetDefault(program.NewLogger(os.Stderr, secrets))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, hidden)
	stop()
	if err != nil {
		program.Fail(os.Stderr, "callbackbridge", err, secrets)
		os.Exit(1)
	}
}

// run serves until ctx ends. The secrets are hidden in what callbacks say.
func run(ctx context.Context, hidden []string) error {
	cfg, cfgErr := config.LoadBridge(os.LookupEnv)
	traces, tracesErr := config.LoadTracing(os.LookupEnv)
	options, temporalErr := config.Temporal()
	if err := errors.Join(cfgErr, tracesErr, temporalErr); err != nil {
		return err
	}
	metrics, err := telemetry.NewMetrics(bridgeseries.All()...)
	if err != nil {
		return err
	}
	defer metrics.Close()
	options.MetricsHandler = metrics.Handler()
	tracing, err := telemetry.NewTracing(ctx, "stemflow-bridge", traces)
	if err != nil {
		return err
	}
	defer tracing.Close()
	tracing.Join(&options)
	// A callback has some hundred bytes: to compress them takes longer than to send them.
	options.ConnectionOptions.GrpcCompression = &client.GrpcCompressionNone{}
	// Lazy: the bridge starts while Temporal is down, /readyz says so, and the provider is told to
	// try again.
	temporal, err := client.NewLazyClient(options)
	if err != nil {
		return fmt.Errorf("cannot make a Temporal client: %w", err)
	}
	defer temporal.Close()
	signaler := callbackbridge.NewSignaler(temporal, options)
	defer signaler.Close()

	handler, err := callbackbridge.New(callbackbridge.Config{
		Signaler:  signaler,
		Secrets:   config.Reveal(cfg.Secrets),
		HMACKeys:  config.Reveal(cfg.HMACKeys),
		Hidden:    hidden,
		Tolerance: cfg.Tolerance,

		RequireSignature: cfg.RequireSignature,

		TracerProvider: tracing.Provider(),
		Metrics:        metrics.Handler(),
		Ready: func(ctx context.Context) error {
			_, err := temporal.CheckHealth(ctx, &client.CheckHealthRequest{})
			return err
		},
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return fmt.Errorf("cannot listen, choose another STEMFLOW_BRIDGE_ADDR: %w", err)
	}
	defer listener.Close()
	metricsAddr, err := metrics.Listen(cfg.MetricsAddr, onlyProbes(handler))
	if err != nil {
		return err
	}
	slog.Info("callback bridge listening", "address", listener.Addr().String(), "tls", cfg.TLS != nil,
		"signatureDemanded", len(cfg.HMACKeys) > 0, "metricsAddress", metricsAddr.String(), "tracing", traces.Enabled)
	listener = limitRate(listener, productionLimits, cfg.TrustedProxies)
	if cfg.TLS != nil {
		if listener, err = secure(listener, *cfg.TLS); err != nil {
			return err
		}
	}
	if cfg.PrivateProbes {
		handler = withoutProbes(handler)
	}
	return serve(ctx, listener, clientIP(cfg.TrustedProxies, handler), productionLimits, cfg.TrustedProxies)
}
