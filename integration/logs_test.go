package integration

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/devtools"
	"stemflow/internal/telemetry/telemetrytest"
	"stemflow/kiesim"
)

// logged are the lines of a log. All must be JSON.
func logged(t *testing.T, log *bytes.Buffer) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for text := range strings.Lines(log.String()) {
		var line map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &line), text)
		for key := range line {
			require.Equal(t, strings.ToLower(key[:1]), key[:1], "one spelling: %s", text)
		}
		lines = append(lines, line)
	}
	return lines
}

// What docs/operations.md says of the log's keys.
func TestLogsAreJSONAndNameTheSeparation(t *testing.T) {
	t.Parallel()
	collector := telemetrytest.NewCollector(t)
	p := startPrograms(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL)
	in := track(stemflow.SplitStem)
	p.sim.SetScenario(
		in.AudioID,
		kiesim.Scenario{Files: map[string]kiesim.File{"drums": {Expired: kiesim.ExpiredAtOnce}}},
	)
	result := p.separate(in)
	p.stop()

	messages := map[string]int{}
	stems := map[any]bool{}
	check := func(line map[string]any, keys ...string) {
		t.Helper()
		messages[line["msg"].(string)]++
		require.Equal(t, stemflow.WorkflowID(in), line["workflowId"], line)
		require.NotEmpty(t, line["runId"], line)
		for _, key := range keys {
			require.NotEmpty(t, line[key], "%s in %v", key, line)
		}
		if id := line["separationTaskId"]; id != nil {
			require.Equal(t, result.SeparationTaskID, id)
		}
	}
	for _, line := range logged(t, &p.workerLog) {
		switch line["msg"] {
		case "separation submitted and paid for", "separation settled", "separation ended":
			check(line, "separationTaskId", "trace_id", "span_id")
		case "stem archived":
			check(
				line,
				"separationTaskId",
				"trace_id",
				"span_id",
				"stem",
				"bytes",
				"seconds",
				"activityType",
				"attempt",
			)
			stems[line["stem"]] = true
		case "Activity error.": // the SDK's own
			check(line, "activityType", "attempt", "error")
		}
	}
	for _, line := range logged(t, &p.bridgeLog) {
		if line["msg"] == "callback delivered" {
			check(line, "separationTaskId", "trace_id", "span_id", "namespace")
		}
	}
	require.NotZero(t, messages["Activity error."], "one for the expired link; a busy machine has more")
	delete(messages, "Activity error.")
	require.Equal(t, map[string]int{
		"separation submitted and paid for": 1, "separation settled": 1, "separation ended": 1, "callback delivered": 1,
		"stem archived": len(result.Stems),
	}, messages)
	for _, stem := range result.Stems {
		require.True(t, stems[stem.Name], stem.Name)
	}
	for _, secret := range p.secrets(result.SeparationTaskID) {
		require.NotContains(t, p.workerLog.String()+p.bridgeLog.String(), secret)
	}
}

func TestAProgramThatCannotStartSaysSoInItsLog(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"../worker", "../callbackbridge/cmd/callbackbridge"} {
		cmd := exec.Command(build(t, folder))
		cmd.Env = devtools.Environment(ourVariables, "OTEL_TRACES_EXPORTER=zipkin")
		var log bytes.Buffer
		cmd.Stderr = &log
		require.Error(t, cmd.Run())
		lines := logged(t, &log)
		require.Len(t, lines, 1)
		require.Equal(t, "ERROR", lines[0]["level"])
		require.Contains(t, lines[0]["error"], "is required")
		require.Contains(t, lines[0]["error"], "OTEL_TRACES_EXPORTER")
	}
}
