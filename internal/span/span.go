// Package span shows what stemflow does in the trace that it is part of. A span is made by the
// provider that made the one in the context, which is the host's own: nothing here is global or
// configured, and where nobody traces nothing is done.
//
// Attributes hold ids, names, sizes and hosts. They never hold a link, a header or a body: those
// may give access.
package span

import (
	"context"
	"io"
	"net/url"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Scope names stemflow among all whose spans a provider makes.
const Scope = "stemflow"

// What spans say of a separation, beside OpenTelemetry's own attributes.
const (
	SeparationTaskID = attribute.Key("stemflow.separation_task_id")
	Type             = attribute.Key("stemflow.type")
	Stem             = attribute.Key("stemflow.stem")
	// ProviderCode is the code in the provider's answer or callback, which is not HTTP's.
	ProviderCode = attribute.Key("stemflow.provider.code")
)

// Annotate adds an attribute to the span that ctx is in; an empty value says nothing.
func Annotate(ctx context.Context, key attribute.Key, value string) {
	if span := trace.SpanFromContext(ctx); value != "" && span.IsRecording() {
		span.SetAttributes(key.String(value))
	}
}

// Request is the span of one HTTP request; the zero value, where nobody traces, does nothing.
type Request struct{ span trace.Span }

// StartRequest begins the span of a request that is about to be made, "METHOD target": the target
// is a route or a word for the other side, and of the address host and port are kept. All is as
// OpenTelemetry's conventions for HTTP clients have it, but that there is no url.full.
func StartRequest(ctx context.Context, method, target string, address *url.URL) (context.Context, Request) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, Request{}
	}
	attributes := []attribute.KeyValue{
		semconv.HTTPRequestMethodKey.String(method),
		semconv.ServerAddress(address.Hostname()),
	}
	if port, err := strconv.Atoi(address.Port()); err == nil {
		attributes = append(attributes, semconv.ServerPort(port))
	}
	ctx, span := parent.TracerProvider().Tracer(Scope).Start(ctx, method+" "+target,
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...))
	return ctx, Request{span}
}

// Traced reports whether anybody looks.
func (r Request) Traced() bool { return r.span != nil }

// Add adds attributes.
func (r Request) Add(attributes ...attribute.KeyValue) {
	if r.span != nil {
		r.span.SetAttributes(attributes...)
	}
}

// Answered notes the status of the answer.
func (r Request) Answered(status int) { r.AddInt(semconv.HTTPResponseStatusCodeKey, int64(status)) }

// Received notes how many bytes of the answer's body were read.
func (r Request) Received(bytes int64) { r.AddInt(semconv.HTTPResponseBodySizeKey, bytes) }

// AddInt adds one, without a use of memory where nobody looks.
func (r Request) AddInt(key attribute.Key, value int64) {
	if r.span != nil {
		r.span.SetAttributes(key.Int64(value))
	}
}

// Finish ends the span, as failed if there is an error that is not the end of a body. The error's
// text must be fit for a log.
func (r Request) Finish(err error) {
	if r.span == nil {
		return
	}
	if err != nil && err != io.EOF {
		r.span.SetStatus(codes.Error, err.Error())
	}
	r.span.End()
}
