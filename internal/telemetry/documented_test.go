package telemetry

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Anyone who writes a dashboard reads docs/metrics.md.
func TestMetricsAreDocumented(t *testing.T) {
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

	text, err := os.ReadFile("../../docs/metrics.md")
	require.NoError(t, err)
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(stemflow_[a-z_]+)` \\| (\\w+) ").FindAllStringSubmatch(string(text), -1) {
		suffix := map[string]string{"counter": "_total", "histogram": "_seconds", "gauge": ""}[row[2]]
		name, fits := strings.CutSuffix(row[1], suffix)
		require.True(t, fits, "%s is called a %s", row[1], row[2])
		documented[name] = true
	}
	require.Equal(t, reported, documented)
}
