package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/kie"
)

// What the activities report to their worker's metrics handler.
const (
	// MetricSubmits counts paid calls by the tags "type" and "outcome": accepted (paid), unknown
	// (perhaps paid), or why it was refused (not paid): busy, rejected, not_yet, unauthorized,
	// insufficient_credits, exists.
	MetricSubmits = "stemflow_submits"
	// MetricCreditsSpent counts the list prices of the paid calls that were accepted, by the tag
	// "type". What the provider gives back is not subtracted: it does not say how much. Those of
	// WAVs, which cost less than a credit, are counted by MetricSubmits alone.
	MetricCreditsSpent = "stemflow_credits_spent"
	// MetricStemsArchived and MetricBytesArchived count what was moved into the archive. Stems that
	// an earlier attempt or run has archived are not among them.
	MetricStemsArchived = "stemflow_stems_archived"
	MetricBytesArchived = "stemflow_bytes_archived"
	// MetricStemArchiveLatency is how long moving one stem took, without the attempts that failed
	// before it.
	MetricStemArchiveLatency = "stemflow_stem_archive_latency"
	// MetricStemWaitLatency is how long a stem waited until the process had room to move it.
	MetricStemWaitLatency = "stemflow_stem_wait_latency"
	// MetricStemFailures counts attempts to move a stem that failed, by the tag "reason": the error
	// type.
	MetricStemFailures = "stemflow_stem_failures"
)

// SubmitAccepted is the tag "outcome" of a paid call that was accepted.
const SubmitAccepted = "accepted"

// countSubmit counts a paid call by the error with which it ended.
func countSubmit(ctx context.Context, kind stemflow.SeparationType, err error) {
	outcome := SubmitAccepted
	if err != nil {
		outcome = kie.VerdictOf(err).String()
	}
	metrics := activity.GetMetricsHandler(ctx).WithTags(map[string]string{"type": string(kind)})
	metrics.WithTags(map[string]string{"outcome": outcome}).Counter(MetricSubmits).Inc(1)
	if price := stemflow.Price(kind); err == nil && price > 0 {
		metrics.Counter(MetricCreditsSpent).Inc(int64(price))
	}
}

func countStem(ctx context.Context, size int64, took time.Duration) {
	metrics := activity.GetMetricsHandler(ctx)
	metrics.Counter(MetricStemsArchived).Inc(1)
	metrics.Counter(MetricBytesArchived).Inc(size)
	metrics.Timer(MetricStemArchiveLatency).Record(took)
}

func countStemWait(ctx context.Context, waited time.Duration) {
	activity.GetMetricsHandler(ctx).Timer(MetricStemWaitLatency).Record(waited)
}

// countStemFailure counts what a stem's attempt failed with. One that was cancelled, or handed back
// by a worker that stops, did not fail.
func countStemFailure(ctx context.Context, err error) {
	app, ok := errors.AsType[*temporal.ApplicationError](err)
	if !ok || app.Category() == temporal.ApplicationErrorCategoryBenign {
		return
	}
	activity.GetMetricsHandler(ctx).WithTags(map[string]string{"reason": app.Type()}).Counter(MetricStemFailures).Inc(1)
}
