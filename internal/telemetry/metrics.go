// Package telemetry shows the outside how stemflow's programs are doing. Only programs import it:
// the packages that others embed report to the handlers that Temporal's client and worker options
// carry.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/temporal"

	"stemflow/internal/program"
	"stemflow/internal/series"
)

const (
	// A scrape is one small request from within the house.
	readTimeout = 5 * time.Second
	// writeTimeout is above the usual patience of a scraper, 10 s.
	writeTimeout = 15 * time.Second
)

// boundaries, in seconds, serve a call to Temporal of a millisecond and a separation of an hour
// alike.
var boundaries = []float64{
	.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600,
}

// Metrics collects what one program reports and serves it to Prometheus.
type Metrics struct {
	registry *prometheus.Registry
	provider *metric.MeterProvider
	handler  *handler
	server   *http.Server
}

// NewMetrics makes a collection with the Go runtime's and the process's own metrics in it, what the
// program was built from, and the declared metrics at zero.
func NewMetrics(metrics ...series.Metric) (*Metrics, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		newBuildInfo(),
	)
	known := map[string]*declared{}
	for _, m := range metrics {
		d, err := declare(registry, m)
		if err != nil {
			return nil, fmt.Errorf("metrics: %s: %w", m.Name, err)
		}
		known[m.Name] = d
	}
	exporter, err := otelprometheus.New(
		otelprometheus.WithRegisterer(registry),
		otelprometheus.WithoutScopeInfo(),
		otelprometheus.WithoutTargetInfo(),
	)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	provider := metric.NewMeterProvider(metric.WithReader(exporter), metric.WithView(metric.NewView(
		metric.Instrument{Kind: metric.InstrumentKindHistogram},
		metric.Stream{Aggregation: metric.AggregationExplicitBucketHistogram{Boundaries: boundaries}},
	)))
	return &Metrics{
		registry: registry,
		provider: provider,
		handler: &handler{declared: known, others: opentelemetry.NewMetricsHandler(opentelemetry.MetricsHandlerOptions{
			Meter:                provider.Meter("stemflow"),
			UseMonotonicCounters: true,
			OnError:              func(err error) { slog.Error("a metric is not recorded", "error", err) },
		})},
	}, nil
}

// metricBuildInfo is 1, with what the program was built from and with as labels.
const metricBuildInfo = "stemflow_build_info"

func newBuildInfo() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: metricBuildInfo, Help: "1, with what the program was built from and with as labels.",
		ConstLabels: prometheus.Labels{
			"version": program.Release(), "commit": program.Commit(), "goversion": runtime.Version(),
			"sdk": temporal.SDKVersion,
		},
	}, func() float64 { return 1 })
}

// Start makes counters of others, those of Temporal's SDK, be there at zero: by their names, the
// labels of each series.
func (m *Metrics) Start(counters map[string][]map[string]string) {
	for name, labels := range counters {
		for _, tags := range labels {
			m.handler.WithTags(tags).Counter(name).Inc(0)
		}
	}
}

// Register adds a collector of a program's own.
func (m *Metrics) Register(c prometheus.Collector) error {
	if err := m.registry.Register(c); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

// Handler is for client.Options.MetricsHandler, and for whatever else reports. Prometheus sees a
// counter "x" as x_total and a timer "x" as the histogram x_seconds.
func (m *Metrics) Handler() client.MetricsHandler { return m.handler }

// Listen begins to serve GET /metrics, and others for every other request. It returns the address,
// whose port is a free one if addr asks for port 0.
func (m *Metrics) Listen(addr string, others http.Handler) (net.Addr, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot serve metrics, choose another STEMFLOW_METRICS_ADDR: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(helpful{m.registry}, promhttp.HandlerOpts{}))
	mux.Handle("/", others)
	m.server = &http.Server{
		Handler: mux, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
	go func() {
		if err := m.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			slog.Error("metrics are not served any more", "error", err)
		}
	}()
	return listener.Addr(), nil
}

// helpful gives the metrics of Temporal's SDK, which have no help texts, one that says where they
// are described.
type helpful struct{ prometheus.Gatherer }

// Gather implements prometheus.Gatherer.
func (h helpful) Gather() ([]*dto.MetricFamily, error) {
	families, err := h.Gatherer.Gather()
	for _, family := range families {
		if family.GetHelp() == "" {
			help := "Of Temporal's Go SDK, see https://docs.temporal.io/references/sdk-metrics."
			family.Help = &help
		}
	}
	return families, err
}

// Close stops serving.
func (m *Metrics) Close() error {
	err := m.provider.Shutdown(context.Background())
	if m.server != nil {
		err = errors.Join(err, m.server.Close())
	}
	return err
}
