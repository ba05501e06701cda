package callbackbridge

import (
	"context"
	"log/slog"
	"net/http"

	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"stemflow"
	"stemflow/internal/span"
	"stemflow/internal/token"
)

// route stands in a span for the path, which holds the token.
const route = "/callbacks/{token}"

func newTracer(provider trace.TracerProvider) trace.Tracer {
	if provider == nil {
		provider = noop.NewTracerProvider()
	}
	return provider.Tracer(span.Scope)
}

// startSpan begins the span of a callback. Its parent is the submit that asked for it, which only
// the signed token can say: headers are anybody's, and a caller without a token has no span. The
// context leads the signal into the trace even where the bridge makes no span.
func (b *bridge) startSpan(r *http.Request, claims token.Claims) (context.Context, trace.Span) {
	ctx := r.Context()
	if claims.Trace != (token.Trace{}) {
		ctx = trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: claims.Trace.TraceID, SpanID: claims.Trace.SpanID,
			TraceFlags: trace.TraceFlags(claims.Trace.Flags), Remote: true,
		}))
	}
	return b.tracer.Start(
		ctx,
		http.MethodPost+" "+route,
		trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(
			semconv.HTTPRequestMethodKey.String(r.Method), semconv.HTTPRoute(route)),
	)
}

func describe(s trace.Span, callback stemflow.Callback) {
	s.SetAttributes(span.SeparationTaskID.String(callback.TaskID), span.ProviderCode.Int(callback.Code))
}

// answered notes the answer in the span that ctx is in, if it is in one.
func answered(ctx context.Context, status int) {
	s := trace.SpanFromContext(ctx)
	s.SetAttributes(semconv.HTTPResponseStatusCode(status))
	if status >= http.StatusInternalServerError {
		s.SetStatus(codes.Error, http.StatusText(status))
	}
}

// withTrace names the span in log lines, in the words of OpenTelemetry's convention for logs.
func withTrace(log *slog.Logger, s trace.Span) *slog.Logger {
	if !s.IsRecording() {
		return log
	}
	return log.With("trace_id", s.SpanContext().TraceID().String(), "span_id", s.SpanContext().SpanID().String())
}
