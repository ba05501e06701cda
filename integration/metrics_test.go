package integration

import (
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/token"
	"stemflow/kiesim"
)

// served are the series that alerts and dashboard may speak of, with their labels. The test of
// deploy/monitoring, which is a module of its own for Prometheus' parser, holds every expression
// against it; here it is held against what the programs serve. To write it again, with what the two
// files mention now:
//
//	go test ./integration -run TestProgramsServeWhatIsWatched -record
const served = "../deploy/monitoring/testdata/served.txt"

var watchers = []string{"../deploy/prometheus/stemflow.rules.yaml", "../deploy/grafana/stemflow.json"}

func TestProgramsServeWhatIsWatched(t *testing.T) {
	t.Parallel()
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	var metricsOf [2]string
	for i := range metricsOf {
		metricsOf[i] = freeAddress(t)
	}
	_, bridge := startBridgeProcess(t, s.server, nil, "STEMFLOW_METRICS_ADDR="+metricsOf[0])
	s.cfg.CallbackBaseURL = "http://" + bridge
	s.startProgram(buildWorker(t), "STEMFLOW_METRICS_ADDR="+metricsOf[1], "STEMFLOW_LOOKUP_INTERVAL=5m")
	if !*record {
		// An operator sees zero before one: nothing has run yet.
		requireServed(t, metricsOf[:], func(line string) bool { return strings.HasPrefix(line, "stemflow_") })
	}

	// One separation with a link that has to be renewed, whose callback comes; a workflow that the
	// worker does not know; a stranger; and a callback for a run that there is not.
	in := track(stemflow.SplitStem)
	s.sim.SetScenario(
		in.AudioID,
		kiesim.Scenario{Files: map[string]kiesim.File{"drums": {Expired: kiesim.ExpiredAtOnce}}},
	)
	s.result(s.start(in))
	_, err := s.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: s.queue}, "Unknown")
	require.NoError(t, err)
	keyring, err := token.NewKeyring([]string{callbackSecret})
	require.NoError(t, err)
	nobodys := keyring.Mint(token.Claims{
		Namespace: "default", WorkflowID: "nobody", RunID: "none", Expires: time.Now().Add(time.Hour),
	})
	for address, status := range map[string]int{"a-strangers": http.StatusUnauthorized, nobodys: http.StatusOK} {
		caller := &sender{addr: bridge}
		got, err := caller.send(callbackRequest(bridge, address, newID()))
		require.NoError(t, err)
		require.Equal(t, status, got)
		caller.close()
	}

	if *record {
		recordServed(t, metricsOf[:])
	}
	requireServed(t, metricsOf[:], func(string) bool { return true })
}

// requireServed waits until the programs serve those of the recorded series that are wanted.
func requireServed(t *testing.T, addrs []string, wanted func(line string) bool) {
	t.Helper()
	text, err := os.ReadFile(served)
	require.NoError(t, err)
	recorded := strings.Split(strings.TrimSpace(string(text)), "\n")
	require.Greater(t, len(recorded), 20)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		now := scrape(c, addrs)
		gone := slices.DeleteFunc(slices.Clone(recorded), func(line string) bool {
			return !wanted(line) || slices.Contains(now, line)
		})
		assert.Empty(c, gone, "not served")
	}, time.Minute, time.Second)
}

// recordServed writes down what the watchers mention, once it is served.
func recordServed(t *testing.T, addrs []string) {
	t.Helper()
	mentioned := map[string]bool{}
	for _, file := range watchers {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, name := range regexp.MustCompile(`\b(stemflow|temporal|process|go)_[a-z_]+`).FindAllString(string(text), -1) {
			mentioned[name] = true
		}
	}
	var lines []string
	require.Eventually(t, func() bool {
		lines = slices.DeleteFunc(scrape(t, addrs), func(line string) bool {
			name, _, _ := strings.Cut(line, "{")
			return !mentioned[name]
		})
		return len(lines) == len(mentioned)
	}, time.Minute, time.Second, "%d names are mentioned, and only these are served: %v", len(mentioned), lines)
	require.NoError(t, os.WriteFile(served, []byte(strings.Join(lines, "\n")+"\n"), 0o644))
}

// scrape returns the series of programs, each with all labels that it has anywhere:
// "name{label,label}".
func scrape(t require.TestingT, addrs []string) []string {
	labels := map[string]map[string]bool{}
	for _, addr := range addrs {
		response, err := http.Get("http://" + addr + "/metrics")
		require.NoError(t, err)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		for _, series := range regexp.MustCompile(`(?m)^([a-z_]+)(\{.*\})? `).FindAllStringSubmatch(string(text), -1) {
			if labels[series[1]] == nil {
				labels[series[1]] = map[string]bool{}
			}
			for _, label := range regexp.MustCompile(`([a-z_]+)="`).FindAllStringSubmatch(series[2], -1) {
				labels[series[1]][label[1]] = true
			}
		}
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		lines = append(lines, name+"{"+strings.Join(slices.Sorted(maps.Keys(labels[name])), ",")+"}")
	}
	return lines
}
