package telemetry

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"stemflow/workflows"
)

// recorded is an interceptor, and what it traces.
func recorded(t *testing.T) (interceptor.Interceptor, *tracetest.InMemoryExporter, *sdktrace.TracerProvider) {
	t.Helper()
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter), sdktrace.WithIDGenerator(ids{}))
	made, err := newInterceptor(provider)
	require.NoError(t, err)
	return made, exporter, provider
}

// replay replays the recorded histories of every path that a run can take.
func replay(t *testing.T, with interceptor.Interceptor) {
	t.Helper()
	files, err := filepath.Glob("../../workflows/testdata/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		replayer, err := worker.NewWorkflowReplayerWithOptions(
			worker.WorkflowReplayerOptions{Interceptors: []interceptor.WorkerInterceptor{with}},
		)
		require.NoError(t, err)
		workflows.Register(replayer)
		require.NoError(
			t,
			replayer.ReplayWorkflowHistoryFromJSONFile(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), file),
		)
	}
}

// Histories are the same with tracing and without, except for headers. Nothing is reported twice.
func TestReplaysAddNoSpan(t *testing.T) {
	made, exporter, provider := recorded(t)
	replay(t, made)
	require.Empty(t, exporter.GetSpans())

	sdk, err := opentelemetry.NewTracingInterceptor(opentelemetry.TracerOptions{Tracer: provider.Tracer("test")})
	require.NoError(t, err)
	replay(t, sdk)
	require.NotEmpty(
		t,
		exporter.GetSpans(),
		"the SDK's own interceptor has come to do without them, too: use it as it is",
	)
}

func TestSpanOfARun(t *testing.T) {
	for name, c := range map[string]struct {
		workflow func(workflow.Context) error
		status   codes.Code
	}{
		"that ends well":          {func(workflow.Context) error { return nil }, codes.Unset},
		"that fails":              {func(workflow.Context) error { return temporal.NewNonRetryableApplicationError("no", "No", nil) }, codes.Error},
		"that is continued again": {func(ctx workflow.Context) error { return workflow.NewContinueAsNewError(ctx, "run") }, codes.Unset},
	} {
		t.Run(name, func(t *testing.T) {
			made, exporter, _ := recorded(t)
			var suite testsuite.WorkflowTestSuite
			suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
			env := suite.NewTestWorkflowEnvironment()
			env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{made}})
			env.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
				if err := workflow.Sleep(ctx, time.Hour); err != nil {
					return err
				}
				return c.workflow(ctx)
			}, workflow.RegisterOptions{Name: "run"})
			env.ExecuteWorkflow("run")
			require.True(t, env.IsWorkflowCompleted())

			spans := exporter.GetSpans()
			require.Len(t, spans, 1)
			require.Equal(t, "RunWorkflow:run", spans[0].Name)
			require.Equal(t, c.status, spans[0].Status.Code)
			require.Equal(t, c.status == codes.Error, len(spans[0].Events) > 0)
		})
	}
}

// A log and a trace are brought together by the names that OpenTelemetry gives the ids in a log.
func TestLogLinesNameTheirSpan(t *testing.T) {
	made, exporter, _ := recorded(t)
	var written bytes.Buffer
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.NewJSONHandler(&written, nil))))
	env := suite.NewTestWorkflowEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{made}})
	env.ExecuteWorkflow(func(ctx workflow.Context) error {
		workflow.GetLogger(ctx).Info("here")
		return nil
	})
	span := exporter.GetSpans()[0].SpanContext
	for lines := json.NewDecoder(&written); ; {
		var line map[string]any
		require.NoError(t, lines.Decode(&line))
		if line["msg"] == "here" {
			require.Equal(t, span.TraceID().String(), line["trace_id"])
			require.Equal(t, span.SpanID().String(), line["span_id"])
			return
		}
	}
}
