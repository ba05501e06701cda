package callbackbridge

import (
	"sync"
	"time"

	"go.temporal.io/sdk/client"
)

// What the bridge reports to Config.Metrics.
const (
	// MetricReceived counts callbacks by the tags "outcome" (delivered; repeated: delivered before,
	// and dropped; late: the run is over, and a workflow was told to record it; not_running: the
	// run is over, and only the log has it; refused; undelivered: answered 503, for the provider
	// to repeat) and "reason", which says why
	// it was refused or not delivered and is "none" otherwise.
	MetricReceived = "stemflow_callbacks_received"
	// MetricSignalLatency is how long Temporal took to accept a callback's signal.
	MetricSignalLatency = "stemflow_callback_signal_latency"
	// MetricInFlight is how many callbacks are being answered.
	MetricInFlight = "stemflow_callbacks_in_flight"
)

const (
	outcomeDelivered   = "delivered"
	outcomeRepeated    = "repeated"
	outcomeLate        = "late"
	outcomeNotRunning  = "not_running"
	outcomeRefused     = "refused"
	outcomeUndelivered = "undelivered"
)

// none is the reason where nothing was refused.
const none = "none"

// answers are all that a callback can be counted as: the reasons by outcome.
var answers = map[string][]string{
	outcomeDelivered:  {none},
	outcomeRepeated:   {none},
	outcomeLate:       {none},
	outcomeNotRunning: {none},
	outcomeRefused: {
		"token_malformed", "token_signature", "token_expired", "signature_missing", "signature_wrong",
		"signature_stale", "method", "content_type", "too_large", "unreadable", "malformed", "too_many",
	},
	outcomeUndelivered: {"busy", "temporal"},
}

type metrics struct {
	handler client.MetricsHandler
	latency client.MetricsTimer

	// mu keeps the gauge from being set in another order than the count changes.
	mu       sync.Mutex
	inFlight int
	gauge    client.MetricsGauge
}

func newMetrics(handler client.MetricsHandler) *metrics {
	if handler == nil {
		handler = client.MetricsNopHandler
	}
	m := &metrics{handler: handler, latency: handler.Timer(MetricSignalLatency), gauge: handler.Gauge(MetricInFlight)}
	// An operator sees zero before one: the first refusal would otherwise be no increase.
	m.add(0)
	for outcome, reasons := range answers {
		for _, reason := range reasons {
			m.counter(outcome, reason).Inc(0)
		}
	}
	return m
}

// enter counts a callback until the function that it returns is called.
func (m *metrics) enter() (leave func()) {
	m.add(1)
	return func() { m.add(-1) }
}

func (m *metrics) add(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inFlight += n
	m.gauge.Update(float64(m.inFlight))
}

// received counts a callback. Every series has both tags: Prometheus compares none that differ in
// them.
func (m *metrics) received(outcome, reason string) {
	if reason == "" {
		reason = none
	}
	m.counter(outcome, reason).Inc(1)
}

func (m *metrics) counter(outcome, reason string) client.MetricsCounter {
	return m.handler.WithTags(map[string]string{"outcome": outcome, "reason": reason}).Counter(MetricReceived)
}

func (m *metrics) signalled(took time.Duration) { m.latency.Record(took) }
