package workflows

import (
	"errors"
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
)

// What a run reports to its worker's metrics handler, once: a replay reports nothing.
const (
	// MetricSeparations counts runs that have ended by the tags "type" and "outcome": archived,
	// partial, found (in the archive, by an earlier run), cancelled, or the error type.
	MetricSeparations = "stemflow_separations"
	// MetricSettled counts separations that the provider has done, by the tags "type" and
	// "settled_by", as soon as that is known.
	MetricSettled = "stemflow_separations_settled"
	// MetricSettleLatency is the time from the submit until a separation was settled, by the same
	// tags. Of separations that an earlier run has paid for it would tell when somebody started the
	// track again, so they are left out.
	MetricSettleLatency = "stemflow_separation_settle_latency"
	// MetricCatalogTracks counts the tracks of catalogues that have come to an end, by the tag
	// "status": archived, found, partial, failed, skipped, cancelled.
	MetricCatalogTracks = "stemflow_catalog_tracks"
	// MetricHookDeliveries counts events that were delivered to a hook, or given up, by the tags
	// "hook": webhook, command, notifier; "event": its type; "outcome": delivered, failed.
	MetricHookDeliveries = "stemflow_hook_deliveries"
)

// TypeInvalid is the tag "type" of runs whose input names no type that exists.
const TypeInvalid = stemflow.SeparationType("invalid")

const (
	outcomeArchived   = "archived"
	outcomePartial    = "partial"
	outcomeFound      = "found"
	outcomeCancelled  = "cancelled"
	outcomeUnexpected = "unexpected"

	outcomeDelivered = "delivered"
	outcomeFailed    = "failed"
)

// Outcomes are the values of the tag "outcome" of [MetricSeparations] beside the error types.
func Outcomes() []string {
	return []string{outcomeArchived, outcomePartial, outcomeFound, outcomeCancelled, outcomeUnexpected}
}

// DeliveryOutcomes are the values of the tag "outcome" of [MetricHookDeliveries].
func DeliveryOutcomes() []string { return []string{outcomeDelivered, outcomeFailed} }

func (s *separation) countSettled(ctx workflow.Context) {
	metrics := workflow.GetMetricsHandler(ctx).WithTags(map[string]string{
		"type": s.typeTag(), "settled_by": string(s.settledBy),
	})
	metrics.Counter(MetricSettled).Inc(1)
	if s.resumed || s.submittedAt.IsZero() {
		return
	}
	// The two times are of different clocks.
	metrics.Timer(MetricSettleLatency).Record(max(s.settledAt.Sub(s.submittedAt), 0))
}

func (s *separation) countEnded(ctx workflow.Context, err error) {
	workflow.GetMetricsHandler(ctx).WithTags(map[string]string{
		"type": s.typeTag(), "outcome": s.outcome(err),
	}).Counter(MetricSeparations).Inc(1)
}

func countTrack(ctx workflow.Context, status stemflow.TrackStatus) {
	workflow.GetMetricsHandler(ctx).
		WithTags(map[string]string{"status": string(status)}).
		Counter(MetricCatalogTracks).
		Inc(1)
}

func countDelivery(ctx workflow.Context, hook, event, outcome string) {
	workflow.GetMetricsHandler(ctx).
		WithTags(map[string]string{"hook": hook, "event": event, "outcome": outcome}).
		Counter(MetricHookDeliveries).
		Inc(1)
}

func (s *separation) outcome(err error) string {
	var e *ending
	switch {
	case err == nil && s.settledBy == stemflow.SettledByArchive:
		return outcomeFound
	case err == nil && len(s.failed) > 0:
		return outcomePartial
	case err == nil:
		return outcomeArchived
	case temporal.IsCanceledError(err):
		return outcomeCancelled
	case errors.As(err, &e):
		return s.kind(e)
	default:
		return outcomeUnexpected
	}
}

// typeTag is the separation's type. Whatever else an input says must not become a time series each.
func (s *separation) typeTag() string {
	if slices.Contains(stemflow.PaidTypes(), s.in.Type) {
		return string(s.in.Type)
	}
	return string(TypeInvalid)
}
