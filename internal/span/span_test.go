package span

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

var address = &url.URL{Scheme: "https", Host: "files.example:8443", Path: "/secret/path", RawQuery: "signature=secret"}

// request is a request from beginning to end.
func request(ctx context.Context) {
	Annotate(ctx, Stem, "drums")
	_, r := StartRequest(ctx, http.MethodGet, "source", address)
	r.Answered(http.StatusOK)
	r.Received(5)
	r.Finish(io.EOF)
}

func TestNobodyLooksAndNothingIsDone(t *testing.T) {
	unsampled := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
	dropped, _ := unsampled.Tracer("host").Start(t.Context(), "parent")
	for name, ctx := range map[string]context.Context{"no trace": t.Context(), "not sampled": dropped} {
		require.Zero(t, testing.AllocsPerRun(100, func() { request(ctx) }), name)
	}
}

func TestSpansGoWhereTheHostsGo(t *testing.T) {
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	ctx, host := provider.Tracer("host").Start(t.Context(), "host's own")
	request(ctx)
	_, failing := StartRequest(ctx, http.MethodPut, "store", address)
	failing.Finish(errors.New("no connection"))
	host.End()

	spans := exporter.GetSpans()
	require.Len(t, spans, 3)
	require.Equal(t, "GET source", spans[0].Name)
	require.Equal(t, host.SpanContext().SpanID(), spans[0].Parent.SpanID())
	require.Equal(t, codes.Unset, spans[0].Status.Code)
	values := map[string]string{}
	for _, a := range spans[0].Attributes {
		values[string(a.Key)] = a.Value.String()
	}
	require.Equal(t, map[string]string{
		"http.request.method": "GET", "server.address": "files.example", "server.port": "8443",
		"http.response.status_code": "200", "http.response.body.size": "5",
	}, values, "neither path nor query of a link")
	require.Equal(t, "no connection", spans[1].Status.Description)
	require.Equal(t, "drums", spans[2].Attributes[0].Value.AsString())
}

func BenchmarkNobodyLooks(b *testing.B) {
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		request(ctx)
	}
}
