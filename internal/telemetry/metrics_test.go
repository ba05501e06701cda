package telemetry

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/activities"
	"stemflow/internal/kie"
	"stemflow/internal/series"
	"stemflow/internal/series/bridgeseries"
	"stemflow/internal/series/workerseries"
	"stemflow/workflows"
)

// serving serves the metrics of a program and returns their address.
func serving(t *testing.T, metrics ...series.Metric) (*Metrics, string) {
	t.Helper()
	m, err := NewMetrics(metrics...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = m.Close() })
	addr, err := m.Listen("127.0.0.1:0", http.NotFoundHandler())
	require.NoError(t, err)
	return m, addr.String()
}

func scrape(t *testing.T, addr string) string {
	response, err := http.Get("http://" + addr + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(text)
}

// Dashboards and alerts are written against these names.
func TestNamesAsPrometheusSeesThem(t *testing.T) {
	m, err := NewMetrics()
	require.NoError(t, err)
	defer m.Close()
	addr, err := m.Listen("127.0.0.1:0", http.NotFoundHandler())
	require.NoError(t, err)

	h := m.Handler().WithTags(map[string]string{"operation": "SignalWorkflowExecution"})
	h.Counter("temporal_request").Inc(2)
	h.Timer("temporal_request_latency").Record(30 * time.Millisecond)
	m.Handler().Gauge("stemflow_callbacks_in_flight").Update(3)

	text := scrape(t, addr.String())
	require.Contains(t, text, `temporal_request_total{operation="SignalWorkflowExecution"} 2`)
	require.Contains(t, text, "# TYPE temporal_request_total counter")
	require.Contains(
		t,
		text,
		`temporal_request_latency_seconds_bucket{operation="SignalWorkflowExecution",le="0.025"} 0`,
	)
	require.Contains(
		t,
		text,
		`temporal_request_latency_seconds_bucket{operation="SignalWorkflowExecution",le="0.05"} 1`,
	)
	require.Contains(
		t,
		text,
		`temporal_request_latency_seconds_bucket{operation="SignalWorkflowExecution",le="3600"} 1`,
	)
	require.Contains(t, text, "stemflow_callbacks_in_flight 3")
	require.Contains(t, text, "go_goroutines ")
	require.NotContains(t, text, "otel_scope")
}

// What one part of a program reports has nothing to do with another's.
func TestNothingIsGlobal(t *testing.T) {
	for range 2 {
		m, err := NewMetrics()
		require.NoError(t, err)
		defer m.Close()
		addr, err := m.Listen("127.0.0.1:0", http.NotFoundHandler())
		require.NoError(t, err)
		m.Handler().Counter("stemflow_callbacks_received").Inc(1)
		require.Contains(t, scrape(t, addr.String()), "stemflow_callbacks_received_total 1\n")
	}
}

func TestTakenAddressNamesTheVariable(t *testing.T) {
	first, err := NewMetrics()
	require.NoError(t, err)
	defer first.Close()
	addr, err := first.Listen("127.0.0.1:0", http.NotFoundHandler())
	require.NoError(t, err)
	second, err := NewMetrics()
	require.NoError(t, err)
	defer second.Close()
	_, err = second.Listen(addr.String(), http.NotFoundHandler())
	require.ErrorContains(t, err, "choose another STEMFLOW_METRICS_ADDR")
}

// An operator sees zero before one: a counter that appears with its first event has no increase.
func TestEverySeriesIsThereBeforeItsFirstEvent(t *testing.T) {
	m, addr := serving(t, workerseries.All(place)...)
	m.Start(workerseries.SDKStart(place))
	const sdk = `client_name="temporal_go",namespace="default"`
	text := scrape(t, addr)
	want := []string{
		"stemflow_stems_archived_total{activity_type=\"ArchiveStem\"," + sdk +
			`,task_queue="stemflow",worker_type="none",workflow_type="SeparateStems"} 0`,
		"stemflow_stem_wait_latency_seconds_count{activity_type=\"ArchiveStem\"," + sdk +
			`,task_queue="stemflow",worker_type="none",workflow_type="SeparateStems"} 0`,
		"temporal_workflow_task_execution_failed_total{activity_type=\"none\",client_name=\"temporal_go\"," +
			`failure_reason="NonDeterminismError",namespace="default",task_queue="stemflow",worker_type="none",` +
			`workflow_type="SeparateCatalog"} 0`,
	}
	for _, e := range stemflow.ErrorTypes() {
		want = append(want,
			"stemflow_stem_failures_total{activity_type=\"ArchiveStem\","+sdk+fmt.Sprintf(
				`,reason=%q,task_queue="stemflow",worker_type="none",workflow_type="SeparateStems"} 0`, e.Name))
	}
	for _, kind := range append(stemflow.SeparationTypes(), workflows.TypeInvalid) {
		for _, outcome := range append(workflows.Outcomes(), stemflow.ErrorNoStems, stemflow.ErrorInvalidInput) {
			want = append(want, fmt.Sprintf("stemflow_separations_total{activity_type=\"none\","+sdk+`,outcome=%q,`+
				`task_queue="stemflow",type=%q,worker_type="none",workflow_type="SeparateStems"} 0`, outcome, kind))
		}
	}
	for _, outcome := range []string{"accepted", "unknown", "busy", "not_yet", "insufficient_credits"} {
		want = append(want, fmt.Sprintf("stemflow_submits_total{activity_type=\"SubmitSeparation\","+sdk+`,outcome=%q,`+
			`task_queue="stemflow-submit",type="split_stem",worker_type="none",workflow_type="SeparateStems"} 0`, outcome))
	}
	for _, series := range want {
		require.Contains(t, text, "\n"+series+"\n")
	}
	require.NotContains(t, text, `"other"`)
}

// What is counted is the series that was zero, not another one beside it.
func TestEventsCountInTheSeriesThatWereZero(t *testing.T) {
	m, addr := serving(t, workerseries.All(place)...)
	before := strings.Count(scrape(t, addr), "\nstemflow_")
	for _, metric := range workerseries.All(place) {
		reported := m.Handler().WithTags(metric.SDK).WithTags(metric.Start[0])
		switch metric.Kind {
		case series.Counter:
			reported.Counter(metric.Name).Inc(7)
		case series.Histogram:
			reported.Timer(metric.Name).Record(7 * time.Second)
		}
	}
	text := scrape(t, addr)
	require.Equal(t, before, strings.Count(text, "\nstemflow_"))
	require.Contains(t, text, `,outcome="archived",task_queue="stemflow",type="separate_vocal",worker_type="none",`+
		`workflow_type="SeparateStems"} 7`)
}

// Nobody's input makes series without end.
func TestUnknownValuesAreOneSeries(t *testing.T) {
	m, addr := serving(t, workerseries.All(place)...)
	for i := range 100 {
		m.Handler().WithTags(map[string]string{"reason": fmt.Sprint(i), "unheard": fmt.Sprint("of", i)}).
			Counter(activities.MetricStemFailures).Inc(1)
	}
	text := scrape(t, addr)
	require.Regexp(t, `stemflow_stem_failures_total\{.*reason="other".*\} 100`, text)
	require.NotContains(t, text, "unheard")
}

// A mistake in the code costs a number, not the program.
func TestMetricsOfAnotherKindAreDropped(t *testing.T) {
	m, addr := serving(t, workerseries.All(place)...)
	m.Handler().Counter(activities.MetricStemWaitLatency).Inc(1)
	m.Handler().Gauge(activities.MetricStemsArchived).Update(1)
	m.Handler().Timer(activities.MetricStemsArchived).Record(1)
	require.NotRegexp(t, `stemflow_\S+ [1-9]`, strings.ReplaceAll(scrape(t, addr), metricBuildInfo, ""))
}

func TestBuildInfo(t *testing.T) {
	_, addr := serving(t)
	require.Regexp(t, `stemflow_build_info\{commit="[0-9a-f]*",goversion="`+runtime.Version()+`",sdk="`+
		temporal.SDKVersion+`",version="[^"]+"\} 1`, scrape(t, addr))
}

// Prometheus' own linter knows the conventions: help texts, units, _total.
func TestConventionsOfPrometheus(t *testing.T) {
	for name, metrics := range map[string][]series.Metric{
		"worker": workerseries.All(place), "bridge": bridgeseries.All(),
	} {
		t.Run(name, func(t *testing.T) {
			m, addr := serving(t, metrics...)
			m.Start(workerseries.SDKStart(place))
			problems, err := promlint.New(strings.NewReader(scrape(t, addr))).Lint()
			require.NoError(t, err)
			require.Empty(t, problems)
		})
	}
}

// The lists of label values are closed: a new value belongs into them.
func TestListsOfLabelValuesAreComplete(t *testing.T) {
	for v := kie.Verdict(0); ; v++ {
		if v > 0 && v.String() == kie.Unknown.String() {
			require.Len(t, kie.Verdicts(), int(v))
			return
		}
		require.Contains(t, kie.Verdicts(), v)
	}
}

// registered are the names of the workflows that a worker registers.
type registered []string

func (r *registered) RegisterWorkflowWithOptions(_ any, options workflow.RegisterOptions) {
	*r = append(*r, options.Name)
}

func TestRunsOfEveryWorkflowAreLookedUp(t *testing.T) {
	var names registered
	workflows.Register(&names)
	require.ElementsMatch(t, names, workerseries.WorkflowTypes())
}
