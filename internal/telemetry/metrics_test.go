package telemetry

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func scrape(t *testing.T, addr string) string {
	response, err := http.Get("http://" + addr + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(text)
}

// Dashboards and alerts are written against these names.
func TestNamesAsPrometheusSeesThem(t *testing.T) {
	m, err := NewMetrics()
	require.NoError(t, err)
	defer m.Close()
	addr, err := m.Listen("127.0.0.1:0", http.NotFoundHandler())
	require.NoError(t, err)

	h := m.Handler().WithTags(map[string]string{"operation": "SignalWorkflowExecution"})
	h.Counter("temporal_request").Inc(2)
	h.Timer("temporal_request_latency").Record(30 * time.Millisecond)
	m.Handler().Gauge("stemflow_callbacks_in_flight").Update(3)

	text := scrape(t, addr.String())
	require.Contains(t, text, `temporal_request_total{operation="SignalWorkflowExecution"} 2`)
	require.Contains(t, text, "# TYPE temporal_request_total counter")
	require.Contains(
		t,
		text,
		`temporal_request_latency_seconds_bucket{operation="SignalWorkflowExecution",le="0.025"} 0`,
	)
	require.Contains(
		t,
		text,
		`temporal_request_latency_seconds_bucket{operation="SignalWorkflowExecution",le="0.05"} 1`,
	)
	require.Contains(
		t,
		text,
		`temporal_request_latency_seconds_bucket{operation="SignalWorkflowExecution",le="3600"} 1`,
	)
	require.Contains(t, text, "stemflow_callbacks_in_flight 3")
	require.Contains(t, text, "go_goroutines ")
	require.NotContains(t, text, "otel_scope")
}

// What one part of a program reports has nothing to do with another's.
func TestNothingIsGlobal(t *testing.T) {
	for range 2 {
		m, err := NewMetrics()
		require.NoError(t, err)
		defer m.Close()
		addr, err := m.Listen("127.0.0.1:0", http.NotFoundHandler())
		require.NoError(t, err)
		m.Handler().Counter("stemflow_callbacks_received").Inc(1)
		require.Contains(t, scrape(t, addr.String()), "stemflow_callbacks_received_total 1\n")
	}
}

func TestTakenAddressNamesTheVariable(t *testing.T) {
	first, err := NewMetrics()
	require.NoError(t, err)
	defer first.Close()
	addr, err := first.Listen("127.0.0.1:0", http.NotFoundHandler())
	require.NoError(t, err)
	second, err := NewMetrics()
	require.NoError(t, err)
	defer second.Close()
	_, err = second.Listen(addr.String(), http.NotFoundHandler())
	require.ErrorContains(t, err, "choose another STEMFLOW_METRICS_ADDR")
}
