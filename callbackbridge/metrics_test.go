package callbackbridge_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"stemflow/callbackbridge"
)

// seen is a metrics handler that keeps what it is told.
type seen struct {
	tags string
	all  *all
}

type all struct {
	mu       sync.Mutex
	counters map[string]int64
	timers   map[string]int
	gauges   map[string][]float64
}

func newSeen() seen {
	return seen{all: &all{counters: map[string]int64{}, timers: map[string]int{}, gauges: map[string][]float64{}}}
}

func (s seen) WithTags(tags map[string]string) client.MetricsHandler {
	s.tags = fmt.Sprint(s.tags, tags)
	return s
}
func (s seen) Counter(name string) client.MetricsCounter { return told{s, name} }
func (s seen) Gauge(name string) client.MetricsGauge     { return told{s, name} }
func (s seen) Timer(name string) client.MetricsTimer     { return told{s, name} }

type told struct {
	seen
	name string
}

func (m told) Inc(n int64) {
	m.all.mu.Lock()
	defer m.all.mu.Unlock()
	m.all.counters[m.name+m.tags] += n
}

func (m told) Update(v float64) {
	m.all.mu.Lock()
	defer m.all.mu.Unlock()
	m.all.gauges[m.name] = append(m.all.gauges[m.name], v)
}

func (m told) Record(time.Duration) {
	m.all.mu.Lock()
	defer m.all.mu.Unlock()
	m.all.timers[m.name]++
}

func TestMetrics(t *testing.T) {
	metrics := newSeen()
	b := start(t, func(cfg *callbackbridge.Config) { cfg.Metrics = metrics })
	send := func(path, body string) {
		response, _ := b.do(t, http.MethodPost, path, body, isJSON)
		require.NoError(t, response.Body.Close())
	}
	good := "/callbacks/" + b.good
	send(good, body)
	send(good, body)
	send(good, "{")
	send("/callbacks/"+mint(t, secret, time.Now().Add(-time.Hour)), body)
	other := strings.Replace(body, taskID, "another", 1)
	b.signaler.err = serviceerror.NewNotFound("workflow execution already completed")
	send(good, other)
	send(good, other)
	b.signaler.err = context.DeadlineExceeded
	send(good, other)

	require.Equal(t, map[string]int64{
		"stemflow_callbacks_receivedmap[outcome:delivered reason:none]":        1,
		"stemflow_callbacks_receivedmap[outcome:repeated reason:none]":         1,
		"stemflow_callbacks_receivedmap[outcome:not_running reason:none]":      2,
		"stemflow_callbacks_receivedmap[outcome:refused reason:malformed]":     1,
		"stemflow_callbacks_receivedmap[outcome:refused reason:token_expired]": 1,
		"stemflow_callbacks_receivedmap[outcome:undelivered reason:temporal]":  1,
	}, metrics.all.counters)
	require.Equal(t, map[string]int{callbackbridge.MetricSignalLatency: 1}, metrics.all.timers)
	require.Equal(
		t,
		map[string][]float64{callbackbridge.MetricInFlight: {0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0}},
		metrics.all.gauges,
	)
}
