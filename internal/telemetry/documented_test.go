package telemetry

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/lookups"
	"stemflow/internal/series"
	"stemflow/internal/series/bridgeseries"
	"stemflow/internal/series/workerseries"
)

var place = workerseries.Place{Namespace: "default", TaskQueue: "stemflow", SubmitTaskQueue: "stemflow-submit"}

// declaredMetrics are those of both programs.
func declaredMetrics() []series.Metric {
	return slices.Concat(workerseries.All(place), bridgeseries.All())
}

// A metric that is reported and not declared would have no help text, and no series at zero.
func TestReportedMetricsAreDeclared(t *testing.T) {
	reported := map[string]bool{}
	for _, folder := range []string{"workflows", "activities", "callbackbridge"} {
		files, err := filepath.Glob("../../" + folder + "/*.go")
		require.NoError(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			source, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, literal := range regexp.MustCompile(`"(stemflow_[a-z_]+)"`).FindAllStringSubmatch(string(source), -1) {
				reported[literal[1]] = true
			}
		}
	}
	require.Greater(t, len(reported), 5, "the metrics are not where this test looks for them")
	names := map[string]bool{}
	for _, m := range declaredMetrics() {
		require.NotEmpty(t, m.Help, m.Name)
		names[m.Name] = true
	}
	require.Equal(t, reported, names)
}

// Anyone who writes a dashboard reads docs/metrics.md.
func TestMetricsAreDocumented(t *testing.T) {
	served := map[string]string{metricBuildInfo: "gauge"}
	for _, m := range declaredMetrics() {
		served[m.Prometheus()] = string(m.Kind)
	}
	for _, gauge := range []string{
		lookups.MetricUp, lookups.MetricBalance, lookups.MetricOpenRuns, lookups.MetricOldest, lookups.MetricPaused,
	} {
		served[gauge] = "gauge"
	}
	text, err := os.ReadFile("../../docs/metrics.md")
	require.NoError(t, err)
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(stemflow_[a-z_]+)` \\| (\\w+) ").FindAllStringSubmatch(string(text), -1) {
		documented[row[1]] = row[2]
	}
	require.Equal(t, served, documented)
}
