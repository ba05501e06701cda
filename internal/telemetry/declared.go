package telemetry

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"

	"stemflow/internal/series"
)

// handler takes what code reports: the metrics that are declared go to Prometheus' own collectors,
// which have help texts and can be zero, and all others, those of Temporal's SDK, to OpenTelemetry.
type handler struct {
	others   client.MetricsHandler
	declared map[string]*declared
	tags     map[string]string
}

// declared is a metric that is known beforehand.
type declared struct {
	metric series.Metric
	// known are the values of each label that is bounded.
	known   map[string][]string
	counter *prometheus.CounterVec
	timer   *prometheus.HistogramVec
	gauge   *prometheus.GaugeVec
}

// declare makes the collector of a metric, with all series with which it starts.
func declare(registry prometheus.Registerer, m series.Metric) (*declared, error) {
	d := &declared{metric: m, known: map[string][]string{}}
	labels := slices.Concat(slices.Sorted(maps.Keys(m.SDK)), m.Labels)
	name := m.Prometheus()
	var collector prometheus.Collector
	switch m.Kind {
	case series.Counter:
		d.counter = prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: m.Help}, labels)
		collector = d.counter
	case series.Histogram:
		d.timer = prometheus.NewHistogramVec(
			prometheus.HistogramOpts{Name: name, Help: m.Help, Buckets: boundaries}, labels,
		)
		collector = d.timer
	case series.Gauge:
		d.gauge = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: m.Help}, labels)
		collector = d.gauge
	}
	if err := registry.Register(collector); err != nil {
		return nil, err
	}
	for _, start := range m.Start {
		for label, value := range start {
			d.known[label] = append(d.known[label], value)
		}
	}
	for _, start := range m.Start {
		tags := maps.Clone(m.SDK)
		if tags == nil {
			tags = map[string]string{}
		}
		maps.Copy(tags, start)
		d.touch(tags)
	}
	return d, nil
}

// touch makes the series of some tags be there.
func (d *declared) touch(tags map[string]string) {
	labels := d.labels(tags)
	switch {
	case d.counter != nil:
		d.counter.With(labels)
	case d.timer != nil:
		d.timer.With(labels)
	default:
		d.gauge.With(labels)
	}
}

// labels are the labels of what is reported with some tags: only those that the metric has, and of
// a bounded one only the values that are known, so that nobody's input makes series without end.
func (d *declared) labels(tags map[string]string) prometheus.Labels {
	labels := prometheus.Labels{}
	for label := range d.metric.SDK {
		labels[label] = tags[label]
	}
	for _, label := range d.metric.Labels {
		value := tags[label]
		if known := d.known[label]; known != nil && !slices.Contains(known, value) {
			value = series.Other
		}
		labels[label] = value
	}
	return labels
}

// WithTags implements client.MetricsHandler, as do the methods below.
func (h *handler) WithTags(tags map[string]string) client.MetricsHandler {
	all := make(map[string]string, len(h.tags)+len(tags))
	maps.Copy(all, h.tags)
	maps.Copy(all, tags)
	return &handler{others: h.others.WithTags(tags), declared: h.declared, tags: all}
}

// Counter counts what only grows.
func (h *handler) Counter(name string) client.MetricsCounter {
	d, ok := h.declared[name]
	if !ok {
		return h.others.Counter(name)
	}
	if d.counter == nil {
		return misused(name, d)
	}
	return counter{d.counter.With(d.labels(h.tags))}
}

// Gauge takes what goes up and down.
func (h *handler) Gauge(name string) client.MetricsGauge {
	d, ok := h.declared[name]
	if !ok {
		return h.others.Gauge(name)
	}
	if d.gauge == nil {
		return misused(name, d)
	}
	return gauge{d.gauge.With(d.labels(h.tags))}
}

// Timer takes how long something took.
func (h *handler) Timer(name string) client.MetricsTimer {
	d, ok := h.declared[name]
	if !ok {
		return h.others.Timer(name)
	}
	if d.timer == nil {
		return misused(name, d)
	}
	return timer{d.timer.With(d.labels(h.tags))}
}

type counter struct{ prometheus.Counter }

func (c counter) Inc(n int64) { c.Add(float64(n)) }

type gauge struct{ prometheus.Gauge }

func (g gauge) Update(v float64) { g.Set(v) }

type timer struct{ prometheus.Observer }

func (t timer) Record(d time.Duration) { t.Observe(d.Seconds()) }

// misused says that a metric is reported as what it is not declared to be, and drops it.
func misused(name string, d *declared) dropped {
	slog.Error("a metric is not recorded", "metric", name, "declared", string(d.metric.Kind))
	return dropped{}
}

type dropped struct{}

func (dropped) Inc(int64)            {}
func (dropped) Update(float64)       {}
func (dropped) Record(time.Duration) {}
