package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"stemflow"
	"stemflow/internal/kie"
)

// What the activities report to their worker's metrics handler.
const (
	// MetricSubmits counts paid calls by the tags "type" and "outcome": accepted (paid), unknown (perhaps paid), or why it was
	// refused (not paid): busy, rejected, unauthorized, insufficient_credits.
	MetricSubmits = "stemflow_submits"
	// MetricStemsArchived and MetricBytesArchived count what was moved into the archive. Stems that an earlier attempt or run
	// has archived are not among them.
	MetricStemsArchived = "stemflow_stems_archived"
	MetricBytesArchived = "stemflow_bytes_archived"
	// MetricStemArchiveLatency is how long moving one stem took, without the attempts that failed before it.
	MetricStemArchiveLatency = "stemflow_stem_archive_latency"
)

// countSubmit counts a paid call by the error with which it ended.
func countSubmit(ctx context.Context, kind stemflow.SeparationType, err error) {
	outcome := "accepted"
	if err != nil {
		outcome = kie.VerdictOf(err).String()
	}
	activity.GetMetricsHandler(ctx).WithTags(map[string]string{
		"type": string(kind), "outcome": outcome,
	}).Counter(MetricSubmits).Inc(1)
}

func countStem(ctx context.Context, size int64, took time.Duration) {
	metrics := activity.GetMetricsHandler(ctx)
	metrics.Counter(MetricStemsArchived).Inc(1)
	metrics.Counter(MetricBytesArchived).Inc(size)
	metrics.Timer(MetricStemArchiveLatency).Record(took)
}
