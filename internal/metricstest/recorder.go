// Package metricstest keeps what code reports to a Temporal metrics handler, for tests to look at.
package metricstest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
)

// Recorder is a metrics handler. It keeps stemflow's metrics only, by name and tags as in
// `name{tag=value,other=value}`, without the tags that the SDK adds to all.
type Recorder struct {
	tags map[string]string
	kept *kept
}

type kept struct {
	mu       sync.Mutex
	counters map[string]int64
	timers   map[string][]time.Duration
}

// New makes an empty one.
func New() Recorder {
	return Recorder{kept: &kept{counters: map[string]int64{}, timers: map[string][]time.Duration{}}}
}

// Counters are the sums of all counters.
func (r Recorder) Counters() map[string]int64 {
	r.kept.mu.Lock()
	defer r.kept.mu.Unlock()
	return maps.Clone(r.kept.counters)
}

// Timers are the times of all timers, in the order in which they were recorded.
func (r Recorder) Timers() map[string][]time.Duration {
	r.kept.mu.Lock()
	defer r.kept.mu.Unlock()
	return maps.Clone(r.kept.timers)
}

// WithTags implements client.MetricsHandler, as do the methods below.
func (r Recorder) WithTags(tags map[string]string) client.MetricsHandler {
	all := maps.Clone(r.tags)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, tags)
	r.tags = all
	return r
}

// Counter implements client.MetricsHandler.
func (r Recorder) Counter(name string) client.MetricsCounter { return metric{r, name} }

// Timer implements client.MetricsHandler.
func (r Recorder) Timer(name string) client.MetricsTimer { return metric{r, name} }

// Gauge implements client.MetricsHandler; what is set is not recorded.
func (r Recorder) Gauge(string) client.MetricsGauge { return client.MetricsNopHandler.Gauge("") }

type metric struct {
	Recorder
	name string
}

func (m metric) Inc(n int64) {
	m.keep(func(key string) { m.kept.counters[key] += n })
}

func (m metric) Record(d time.Duration) {
	m.keep(func(key string) { m.kept.timers[key] = append(m.kept.timers[key], d) })
}

func (m metric) keep(update func(key string)) {
	if !strings.HasPrefix(m.name, "stemflow_") {
		return
	}
	var tags []string
	for _, name := range slices.Sorted(maps.Keys(m.tags)) {
		if !slices.Contains(
			[]string{"activity_type", "client_name", "namespace", "task_queue", "worker_type", "workflow_type"},
			name,
		) {
			tags = append(tags, fmt.Sprintf("%s=%s", name, m.tags[name]))
		}
	}
	key := m.name
	if len(tags) > 0 {
		key += "{" + strings.Join(tags, ",") + "}"
	}
	m.kept.mu.Lock()
	defer m.kept.mu.Unlock()
	update(key)
}
