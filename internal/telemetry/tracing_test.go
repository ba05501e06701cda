package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"

	"stemflow/internal/config"
	"stemflow/internal/telemetry/telemetrytest"
)

// tracing is that of a program whose environment has these variables.
func tracing(t *testing.T, variables map[string]string) *Tracing {
	t.Helper()
	for name, value := range variables {
		t.Setenv(name, value)
	}
	cfg, err := config.LoadTracing(func(name string) (string, bool) { v, set := variables[name]; return v, set })
	require.NoError(t, err)
	made, err := NewTracing(t.Context(), "stemflow-test", cfg)
	require.NoError(t, err)
	return made
}

// span makes a span, and whether it is going to be exported.
func (t *Tracing) span(name string) (exported bool) {
	_, s := t.Provider().Tracer("test").Start(context.Background(), name)
	defer s.End()
	return s.SpanContext().IsSampled()
}

func TestNothingIsTracedUnasked(t *testing.T) {
	made := tracing(t, nil)
	defer made.Close()
	options := client.Options{}
	made.Join(&options)
	require.Empty(t, options.Interceptors)
	_, s := made.Provider().Tracer("test").Start(t.Context(), "s")
	require.False(t, s.SpanContext().IsValid())
	require.Equal(t, trace.SpanContext{}, s.SpanContext())
}

// What people set, and what docs/tracing.md says of it.
func TestVariablesAreHeeded(t *testing.T) {
	for name, c := range map[string]struct {
		variables map[string]string
		service   string
		want      func(*testing.T, *telemetrytest.Collector)
	}{
		"as it comes": {service: "stemflow-test", want: func(t *testing.T, c *telemetrytest.Collector) {
			require.NotEmpty(t, c.Spans()[0].Resource)
			require.Empty(t, c.Requests()[0].Header.Get("Authorization"))
		}},
		"another name":                 {variables: map[string]string{"OTEL_SERVICE_NAME": "stems-eu"}, service: "stems-eu"},
		"a name among the attributes":  {variables: map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "service.name=stems-us"}, service: "stems-us"},
		"the exporter is told as well": {variables: map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, service: "stemflow-test"},
		"headers": {
			variables: map[string]string{"OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Basic%20abc"}, service: "stemflow-test",
			want: func(t *testing.T, c *telemetrytest.Collector) {
				require.Equal(t, "Basic abc", c.Requests()[0].Header.Get("Authorization"))
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			collector := telemetrytest.NewCollector(t)
			variables := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL}
			for k, v := range c.variables {
				variables[k] = v
			}
			made := tracing(t, variables)
			require.True(t, made.span("s"))
			made.Close()
			require.Equal(t, c.service, collector.Spans().One(t).Service())
			if c.want != nil {
				c.want(t, collector)
			}
		})
	}
}

func TestWhereTracesGoAlone(t *testing.T) {
	collector := telemetrytest.NewCollector(t)
	made := tracing(t, map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": collector.URL + "/v1/traces"})
	made.span("s")
	made.Close()
	collector.Spans().One(t)
}

func TestSampler(t *testing.T) {
	collector := telemetrytest.NewCollector(t)
	made := tracing(
		t,
		map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL, "OTEL_TRACES_SAMPLER": "always_off"},
	)
	require.False(t, made.span("s"))
	made.Close()
	require.Empty(t, collector.Spans())
}

func TestJSON(t *testing.T) {
	collector := telemetrytest.NewCollector(t)
	made := tracing(
		t,
		map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
	)
	made.span("s")
	made.Close()
	require.Equal(t, "application/json", collector.Requests()[0].Header.Get("Content-Type"))
}

func TestGRPC(t *testing.T) {
	collector := telemetrytest.NewCollector(t)
	server := grpc.NewServer()
	coltracepb.RegisterTraceServiceServer(server, collector)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	made := tracing(t, map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + listener.Addr().String(), "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
	})
	made.span("s")
	made.Close()
	collector.Spans().One(t)
	require.Empty(t, collector.Requests())
}

// A collector that is away or does not answer holds nobody up, and is spoken of once.
func TestCollectorsThatFail(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits out the exporter's time-outs")
	}
	silent := func(t *testing.T) string {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { listener.Close() })
		return "http://" + listener.Addr().String()
	}
	away := func(*testing.T) string {
		server := httptest.NewServer(http.NotFoundHandler())
		server.Close()
		return server.URL
	}
	refusing := func(t *testing.T) string {
		server := httptest.NewServer(
			http.HandlerFunc(
				func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) },
			),
		)
		t.Cleanup(server.Close)
		return server.URL
	}
	for name, c := range map[string]struct {
		address  func(*testing.T) string
		protocol string
	}{
		"silent":             {silent, "http/protobuf"},
		"silent, over gRPC":  {silent, "grpc"},
		"away":               {away, "http/protobuf"},
		"refusing every one": {refusing, "http/protobuf"},
	} {
		t.Run(name, func(t *testing.T) {
			var log lateLog // an export that was given up may complain when the test reads
			before := slog.Default()
			slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
			defer slog.SetDefault(before)
			own := c.address(t)
			made := tracing(t, map[string]string{
				"OTEL_EXPORTER_OTLP_ENDPOINT": own, "OTEL_EXPORTER_OTLP_PROTOCOL": c.protocol,
				"OTEL_BSP_SCHEDULE_DELAY": "10", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "2",
			})
			for range 20_000 { // the queue has room for 2,048
				made.span("s")
			}
			began := time.Now()
			made.Close()
			require.Less(t, time.Since(began), 10*flushTimeout)
			lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(log.String()), "\n"), func(line string) bool {
				return strings.Contains(line, "127.0.0.1") &&
					!strings.Contains(line, own) // the end of what was tested before
			})
			require.LessOrEqual(t, len(lines), 2, "%s", log.String())
			var line struct{ Level, Msg, Error string }
			require.NoError(t, json.Unmarshal([]byte(lines[0]), &line), lines[0])
			require.Equal(t, "WARN", line.Level)
			require.NotEmpty(t, line.Error)
		})
	}
}

func TestComplaintsAreRare(t *testing.T) {
	var log bytes.Buffer
	c := &complaints{log: slog.New(slog.NewJSONHandler(&log, nil))}
	for range 100 {
		c.Handle(errors.New("away"))
	}
	c.next = time.Time{} // a while later
	c.Handle(errors.New("away"))
	lines := json.NewDecoder(&log)
	for _, unsaid := range []int{0, 99} {
		var line struct {
			Error        string
			ErrorsBefore int
		}
		require.NoError(t, lines.Decode(&line))
		require.Equal(t, "away", line.Error)
		require.Equal(t, unsaid, line.ErrorsBefore)
	}
	require.ErrorIs(t, lines.Decode(&struct{}{}), io.EOF)
}

// lateLog is written to while it is read.
type lateLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lateLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lateLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
