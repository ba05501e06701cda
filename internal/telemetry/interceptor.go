package telemetry

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/workflow"

	"stemflow/internal/span"
)

// newInterceptor is the SDK's tracing interceptor, with three things changed.
//
// A run outlives processes and caches. The SDK's own ends the run's span whenever a worker lets go
// of the run and begins another, of another id, whenever one takes it up; one that is killed leaves
// the spans below without their parent. Here the span of a run, and of an update, has an id that
// follows from the run's, and is exported by the worker that sees it end: once, unless Temporal
// does not take that end, since a signal has come meanwhile, and has the run end again.
//
// Queries are not traced: a watching client asks every second.
//
// Log lines name their span in the words of OpenTelemetry's convention for logs.
func newInterceptor(provider trace.TracerProvider) (interceptor.Interceptor, error) {
	options := opentelemetry.TracerOptions{Tracer: provider.Tracer(span.Scope), DisableQueryTracing: true}
	sdk, err := opentelemetry.NewTracer(options)
	if err != nil {
		return nil, err
	}
	return replaySafe{interceptor.NewTracingInterceptor(tracer{sdk, options})}, nil
}

type tracer struct {
	interceptor.Tracer
	options opentelemetry.TracerOptions
}

// StartSpan implements interceptor.Tracer.
func (t tracer) StartSpan(o *interceptor.TracerStartSpanOptions) (interceptor.TracerSpan, error) {
	if o.Operation != "RunWorkflow" && o.Operation != "HandleUpdate" {
		return t.Tracer.StartSpan(o)
	}
	options := t.options
	options.SpanStarter = func(ctx context.Context, tracer trace.Tracer, name string,
		opts ...trace.SpanStartOption) trace.Span {
		id := sha256.Sum256([]byte(o.Tags["temporalRunID"] + "/" + o.Tags["temporalUpdateID"]))
		_, s := tracer.Start(context.WithValue(ctx, idKey{}, id), name, opts...)
		return &lastingSpan{Span: s}
	}
	once, err := opentelemetry.NewTracer(options)
	if err != nil {
		return nil, err
	}
	return once.StartSpan(o)
}

// GetLogger implements interceptor.Tracer.
func (t tracer) GetLogger(logger log.Logger, ref interceptor.TracerSpanRef) log.Logger {
	s, ok := ref.(interface{ SpanContext() trace.SpanContext })
	if !ok {
		return logger
	}
	return log.With(
		logger,
		"trace_id",
		s.SpanContext().TraceID().String(),
		"span_id",
		s.SpanContext().SpanID().String(),
	)
}

// lastingSpan is ended by a worker that lets go of its run as by one that sees it end: only the
// latter is heeded. One that is not ended is never exported, and nothing is left of it.
type lastingSpan struct {
	trace.Span
	over bool
	// continued: the error with which it ends is how a run is continued as new.
	continued bool
}

func (s *lastingSpan) RecordError(err error, options ...trace.EventOption) {
	if !s.continued {
		s.Span.RecordError(err, options...)
	}
}

func (s *lastingSpan) SetStatus(code codes.Code, description string) {
	if !s.continued {
		s.Span.SetStatus(code, description)
	}
}

func (s *lastingSpan) End(options ...trace.SpanEndOption) {
	if s.over {
		s.Span.End(options...)
	}
}

// replaySafe reports the lasting spans when they are over.
type replaySafe struct{ interceptor.Interceptor }

// InterceptWorkflow implements interceptor.WorkerInterceptor.
func (r replaySafe) InterceptWorkflow(
	ctx workflow.Context,
	next interceptor.WorkflowInboundInterceptor,
) interceptor.WorkflowInboundInterceptor {
	inner := &workflowEnds{}
	inner.Next = next
	return r.Interceptor.InterceptWorkflow(ctx, inner)
}

// workflowEnds sees what the workflow itself does. A worker that lets go of a run ends its
// goroutines where they stand: nothing returns then.
type workflowEnds struct {
	interceptor.WorkflowInboundInterceptorBase
}

func (w *workflowEnds) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	result, err := w.Next.ExecuteWorkflow(ctx, in)
	over(ctx, err)
	return result, err
}

func (w *workflowEnds) ExecuteUpdate(ctx workflow.Context, in *interceptor.UpdateInput) (any, error) {
	result, err := w.Next.ExecuteUpdate(ctx, in)
	over(ctx, err)
	return result, err
}

func over(ctx workflow.Context, err error) {
	s, _ := opentelemetry.SpanFromWorkflowContext(ctx)
	if lasting, ok := s.(*lastingSpan); ok {
		lasting.over = !workflow.IsReplaying(ctx) // a replay only repeats an end that was exported
		lasting.continued = errors.As(err, new(*workflow.ContinueAsNewError))
	}
}

type idKey struct{}

// ids are random, except for the spans of runs.
type ids struct{}

var _ sdktrace.IDGenerator = ids{}

// NewIDs implements sdktrace.IDGenerator.
func (ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	b := idBytes(ctx)
	return trace.TraceID(b[8:24]), trace.SpanID(b[:8])
}

// NewSpanID implements sdktrace.IDGenerator.
func (i ids) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	_, id := i.NewIDs(ctx)
	return id
}

func idBytes(ctx context.Context) [sha256.Size]byte {
	if fixed, ok := ctx.Value(idKey{}).([sha256.Size]byte); ok {
		return fixed
	}
	var b [sha256.Size]byte
	_, _ = rand.Read(b[:]) // it never fails
	return b
}
