// Package telemetrytest gives tests a collector of traces.
package telemetrytest

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

// Collector takes spans by OTLP over HTTP, and over gRPC where it is registered with a server.
type Collector struct {
	coltracepb.UnimplementedTraceServiceServer
	// URL is for OTEL_EXPORTER_OTLP_ENDPOINT.
	URL string

	mu       sync.Mutex
	spans    []Span
	requests []*http.Request
}

// Span is a span as it was exported.
type Span struct {
	*tracepb.Span
	// Resource describes the program that made it.
	Resource []*commonpb.KeyValue
}

// NewCollector starts one that stops with the test.
func NewCollector(t testing.TB) *Collector {
	c := &Collector{}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

// ServeHTTP takes what an exporter posts. It reads protobuf alone.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.requests = append(c.requests, r)
	c.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	request := &coltracepb.ExportTraceServiceRequest{}
	if err == nil {
		err = proto.Unmarshal(body, request)
	}
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/v1/traces" {
		http.Error(w, fmt.Sprintf("%s %s: %v", r.Method, r.URL.Path, err), http.StatusBadRequest)
		return
	}
	_, _ = c.Export(r.Context(), request)
}

// Export takes what an exporter sends over gRPC.
func (c *Collector) Export(
	_ context.Context,
	request *coltracepb.ExportTraceServiceRequest,
) (*coltracepb.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range request.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				c.spans = append(c.spans, Span{s, resource.Resource.GetAttributes()})
			}
		}
	}
	return &coltracepb.ExportTraceServiceResponse{}, nil
}

// Spans are those that have come so far.
func (c *Collector) Spans() Spans {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// Requests are those by HTTP, understood or not.
func (c *Collector) Requests() []*http.Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

// Service is the name of the program that made the span.
func (s Span) Service() string { return attribute(s.Resource, "service.name") }

// Attribute is the value of an attribute, as text; empty where there is none.
func (s Span) Attribute(key string) string { return attribute(s.Attributes, key) }

func attribute(attributes []*commonpb.KeyValue, key string) string {
	for _, a := range attributes {
		if a.Key != key {
			continue
		}
		if number, ok := a.Value.GetValue().(*commonpb.AnyValue_IntValue); ok {
			return fmt.Sprint(number.IntValue)
		}
		return a.Value.GetStringValue()
	}
	return ""
}

// Spans are some of the spans.
type Spans []Span

// Named are those whose names begin so.
func (s Spans) Named(prefix string) Spans {
	return s.where(func(span Span) bool { return strings.HasPrefix(span.Name, prefix) })
}

// WithTrace are those of the same trace as another.
func (s Spans) WithTrace(of Span) Spans {
	return s.where(func(span Span) bool { return bytes.Equal(span.TraceId, of.TraceId) })
}

// Below are the children of a span.
func (s Spans) Below(parent Span) Spans {
	return s.where(func(span Span) bool { return bytes.Equal(span.ParentSpanId, parent.SpanId) })
}

func (s Spans) where(keep func(Span) bool) Spans {
	return slices.DeleteFunc(slices.Clone(s), func(span Span) bool { return !keep(span) })
}

// One is the only one, which there must be.
func (s Spans) One(t testing.TB) Span {
	t.Helper()
	require.Len(t, s, 1, s.Tree())
	return s[0]
}

// RequireOneTree demands that all are of one trace and hang together, below one root, which it
// returns.
func (s Spans) RequireOneTree(t testing.TB) Span {
	t.Helper()
	known := map[string]bool{}
	for _, span := range s {
		require.False(t, known[string(span.SpanId)], "%s was exported twice\n%s", span.Name, s.Tree())
		known[string(span.SpanId)] = true
	}
	roots := s.where(func(span Span) bool { return len(span.ParentSpanId) == 0 })
	root := roots.One(t)
	for _, span := range s {
		require.Equal(t, root.TraceId, span.TraceId, "%s is of another trace\n%s", span.Name, s.Tree())
		require.True(
			t,
			len(span.ParentSpanId) == 0 || known[string(span.ParentSpanId)],
			"nobody knows the parent of %s\n%s",
			span.Name,
			s.Tree(),
		)
	}
	return root
}

// Tree writes the spans for readers of a test's log. Those whose parents are missing stand at its
// edge.
func (s Spans) Tree() string {
	var b strings.Builder
	known := map[string]bool{}
	for _, span := range s {
		known[string(span.SpanId)] = true
	}
	var show func(Span, string)
	show = func(span Span, indent string) {
		fmt.Fprintf(&b, "%s%s  [%s]\n", indent, span.Name, span.Service())
		for _, child := range s.Below(span) {
			show(child, indent+"  ")
		}
	}
	for _, span := range s {
		if !known[string(span.ParentSpanId)] {
			fmt.Fprintf(&b, "%s:\n", hex.EncodeToString(span.TraceId))
			show(span, "  ")
		}
	}
	return b.String()
}

// Text is all that stands in the spans, names, attributes, events and resources.
func (s Spans) Text() string {
	var b strings.Builder
	for _, span := range s {
		b.WriteString(prototext.Format(span.Span))
		for _, a := range span.Resource {
			b.WriteString(prototext.Format(a))
		}
	}
	return b.String()
}
