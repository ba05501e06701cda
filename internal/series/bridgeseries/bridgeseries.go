// Package bridgeseries lists the metrics of the callback bridge.
package bridgeseries

import (
	"stemflow/callbackbridge"
	"stemflow/internal/series"
)

// All lists the metrics of a bridge. The bridge itself reports each answer that it can give as zero
// when it starts.
func All() []series.Metric {
	return []series.Metric{
		{
			Name: callbackbridge.MetricReceived, Kind: series.Counter,
			Help:   "Callbacks that were answered, by outcome and reason.",
			Labels: []string{"outcome", "reason"},
		},
		{
			Name: callbackbridge.MetricSignalLatency, Kind: series.Histogram,
			Help: "Seconds until Temporal had accepted a callback's signal.", Start: series.Alone(),
		},
		{
			Name: callbackbridge.MetricInFlight, Kind: series.Gauge,
			Help: "Callbacks that are being answered.", Start: series.Alone(),
		},
	}
}
