package integration

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"

	"stemflow"
	"stemflow/callbackbridge"
	"stemflow/examples/pipeline/media"
	"stemflow/internal/devservers/serverstest"
	"stemflow/kiesim"
)

// Another product hosts stemflow and the bridge's handler, with a tracing interceptor of its own:
// the separation that its pipeline asks for is in the pipeline's trace, with all that stemflow
// itself has to show.
func TestAHostsOwnTraces(t *testing.T) {
	t.Parallel()
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	traced, err := opentelemetry.NewTracingInterceptor(opentelemetry.TracerOptions{Tracer: provider.Tracer("host")})
	require.NoError(t, err)

	s := newStackAt(t, serverstest.Temporal(t).Addr)
	options := client.Options{
		HostPort:     s.server,
		Logger:       quiet(),
		Interceptors: []interceptor.ClientInterceptor{traced},
	}
	s.client, err = client.Dial(options)
	require.NoError(t, err)
	t.Cleanup(s.client.Close)
	s.cfg.Client = s.client
	s.serveBridge(
		callbackbridge.Config{Signaler: callbackbridge.NewSignaler(s.client, options), TracerProvider: provider},
	)
	s.startHost()

	in := track(stemflow.SplitStem)
	s.sim.SetScenario(in.AudioID, kiesim.Scenario{Delay: kiesim.Duration(time.Second)})
	ctx, release := provider.Tracer("host").Start(t.Context(), "release a record")
	run, err := s.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: s.queue}, media.Karaoke,
		media.Track{TaskID: in.TaskID, AudioID: in.AudioID})
	require.NoError(t, err)
	require.NoError(t, run.Get(t.Context(), nil))
	release.End()

	names := map[string]int{}
	known := map[trace.SpanID]bool{}
	for _, span := range exporter.GetSpans() {
		require.Equal(t, release.SpanContext().TraceID(), span.SpanContext.TraceID(), span.Name)
		names[span.Name]++
		known[span.SpanContext.SpanID()] = true
	}
	for _, span := range exporter.GetSpans() {
		require.True(
			t,
			known[span.Parent.SpanID()] || span.Name == "release a record",
			"the parent of %s is there",
			span.Name,
		)
	}
	for _, name := range []string{
		"StartWorkflow:Karaoke", "StartChildWorkflow:SeparateStems", "RunActivity:SubmitSeparation", "POST /api/v1/vocal-removal/generate",
		"POST /callbacks/{token}", "SignalWorkflow:separation-callback", "HandleSignal:separation-callback", "RunActivity:WriteManifest",
	} {
		require.Equal(t, 1, names[name], name)
	}
	require.Equal(t, names["RunActivity:ArchiveStem"], names["GET source"])
	require.Greater(t, names["GET source"], 5)
}
