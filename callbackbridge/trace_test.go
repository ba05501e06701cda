package callbackbridge_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/api/serviceerror"

	"stemflow/callbackbridge"
	"stemflow/internal/token"
)

var submit = token.Trace{TraceID: [16]byte{1, 2, 3}, SpanID: [8]byte{4, 5, 6}, Flags: byte(trace.FlagsSampled)}

func mintTraced(t *testing.T) string {
	keyring, err := token.NewKeyring([]string{secret})
	require.NoError(t, err)
	return keyring.Mint(
		token.Claims{Namespace: namespace, WorkflowID: workflow, Trace: submit, Expires: time.Now().Add(time.Hour)},
	)
}

// within is a Signaler that notes which span its signals are sent in.
type within struct {
	span trace.SpanContext
	err  error
}

func (w *within) SignalWorkflow(ctx context.Context, _, _, _ string, _ any) error {
	w.span = trace.SpanContextFromContext(ctx)
	return w.err
}

func TestACallbackJoinsTheTraceOfItsSubmit(t *testing.T) {
	exporter := tracetest.NewInMemoryExporter()
	signaler := &within{}
	b := start(t, func(cfg *callbackbridge.Config) {
		cfg.Signaler = signaler
		cfg.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	})
	traced := mintTraced(t)
	// What a caller says of a trace is not believed.
	_, answer := b.do(t, http.MethodPost, "/callbacks/"+traced, body, map[string]string{
		"Content-Type": "application/json", "Traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	})
	require.Contains(t, answer, "ok")

	spans := exporter.GetSpans()
	require.Len(t, spans, 1)
	require.Equal(t, "POST /callbacks/{token}", spans[0].Name)
	require.Equal(t, trace.SpanKindServer, spans[0].SpanKind)
	require.Equal(t, trace.TraceID(submit.TraceID), spans[0].SpanContext.TraceID())
	require.Equal(t, trace.SpanID(submit.SpanID), spans[0].Parent.SpanID())
	require.Equal(t, spans[0].SpanContext, signaler.span, "the signal is sent in it")
	values := map[string]string{}
	for _, a := range spans[0].Attributes {
		values[string(a.Key)] = a.Value.String()
	}
	require.Equal(t, map[string]string{
		"http.request.method": "POST", "http.route": "/callbacks/{token}", "http.response.status_code": "200",
		"stemflow.separation_task_id": taskID, "stemflow.provider.code": "200",
	}, values)
	require.Contains(t, b.log.String(), "trace_id="+spans[0].SpanContext.TraceID().String())
	require.NotContains(t, b.log.String(), traced)
}

func TestRefusalsInTraces(t *testing.T) {
	for name, c := range map[string]struct {
		token  func(*testing.T, *bridge) string
		body   string
		err    error
		spans  int
		failed bool
	}{
		"a stranger makes no span": {token: func(*testing.T, *bridge) string { return "nonsense" }, body: body},
		"nor does an old token": {token: func(t *testing.T, _ *bridge) string {
			return mint(t, secret, time.Now().Add(-time.Second))
		}, body: body},
		"a body that is none": {token: func(t *testing.T, _ *bridge) string { return mintTraced(t) }, body: "{", spans: 1},
		"Temporal is away": {token: func(t *testing.T, _ *bridge) string { return mintTraced(t) }, body: body,
			err: serviceerror.NewUnavailable("away"), spans: 1, failed: true},
		"a submit that nobody traced": {token: func(_ *testing.T, b *bridge) string { return b.good }, body: body, spans: 1},
	} {
		t.Run(name, func(t *testing.T) {
			exporter := tracetest.NewInMemoryExporter()
			b := start(t, func(cfg *callbackbridge.Config) {
				cfg.Signaler = &within{err: c.err}
				cfg.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
			})
			b.do(t, http.MethodPost, "/callbacks/"+c.token(t, b), c.body, isJSON)
			spans := exporter.GetSpans()
			require.Len(t, spans, c.spans)
			for _, span := range spans {
				require.Equal(t, c.failed, span.Status.Code == codes.Error)
			}
		})
	}
}

// A bridge that makes no spans leads the signal into the trace all the same, for hosts that trace
// Temporal's client.
func TestASignalIsInTheTraceWithoutASpanOfTheBridge(t *testing.T) {
	signaler := &within{}
	b := start(t, func(cfg *callbackbridge.Config) { cfg.Signaler = signaler })
	b.do(t, http.MethodPost, "/callbacks/"+mintTraced(t), body, isJSON)
	require.Equal(t, trace.TraceID(submit.TraceID), signaler.span.TraceID())
	require.True(t, signaler.span.IsSampled())
	require.NotContains(t, b.log.String(), "trace_id")

	b.do(t, http.MethodPost, "/callbacks/"+b.good, strings.Replace(body, taskID, "another", 1), isJSON)
	require.False(t, signaler.span.IsValid())
}
