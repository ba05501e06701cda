package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"

	"stemflow/internal/config"
	"stemflow/internal/program"
)

const (
	// flushTimeout is how long a program that stops waits for a collector: a few spans take
	// milliseconds, and nothing is worth more.
	flushTimeout = 3 * time.Second
	// complainEvery is how often the log says that a collector does not take spans.
	complainEvery = 5 * time.Minute
)

// Tracing exports the spans of one program by OTLP. They are queued: making one never waits
// for the collector, and those that a slow one does not take in time are dropped.
type Tracing struct {
	provider    *sdktrace.TracerProvider // nil: nothing is traced
	interceptor interceptor.Interceptor
}

// NewTracing connects to nothing yet. Service is the program's name unless OTEL_SERVICE_NAME gives
// another.
func NewTracing(ctx context.Context, service string, cfg config.Tracing) (*Tracing, error) {
	if !cfg.Enabled {
		return &Tracing{}, nil
	}
	otel.SetErrorHandler(&complaints{log: slog.Default()})
	otel.SetLogger(logr.FromSlogHandler(slog.Default().Handler()))

	newExporter := otlptracehttp.New
	if cfg.GRPC {
		newExporter = func(ctx context.Context, _ ...otlptracehttp.Option) (*otlptrace.Exporter, error) {
			return otlptracegrpc.New(ctx)
		}
	}
	exporter, err := newExporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("spans cannot be exported, check the OTEL_EXPORTER_OTLP_ variables: %w", err)
	}
	described, err := resource.New(ctx,
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithProcessPID(),
		resource.WithAttributes(semconv.ServiceName(service), semconv.ServiceVersion(program.Version())),
		resource.WithFromEnv()) // the last word
	if err != nil {
		return nil, fmt.Errorf("the spans' resource, check OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithResource(described), sdktrace.WithIDGenerator(ids{}), sdktrace.WithBatcher(exporter))
	traced, err := newInterceptor(provider)
	if err != nil {
		return nil, err
	}
	return &Tracing{provider: provider, interceptor: traced}, nil
}

// Join makes a client, and the workers made from it, part of the traces. It is called before the
// client is made.
func (t *Tracing) Join(options *client.Options) {
	if t.interceptor != nil {
		options.Interceptors = append(options.Interceptors, t.interceptor)
	}
}

// Provider takes the spans of whatever else the program does.
func (t *Tracing) Provider() trace.TracerProvider {
	if t.provider == nil {
		return noop.NewTracerProvider()
	}
	return t.provider
}

// Close exports what is queued, and gives up soon if the collector does not take it.
func (t *Tracing) Close() {
	if t.provider == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		slog.Warn("the last spans may be lost", "error", err)
	}
}

// complaints are the errors of exporting. A collector may be away for days: the log is told now and
// then.
type complaints struct {
	log    *slog.Logger
	mu     sync.Mutex
	next   time.Time
	unsaid int
}

// Handle implements otel.ErrorHandler.
func (c *complaints) Handle(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Before(c.next) {
		c.unsaid++
		return
	}
	c.next = now.Add(complainEvery)
	c.log.Warn("spans are lost; work goes on", "error", err, "errorsBefore", c.unsaid)
	c.unsaid = 0
}
