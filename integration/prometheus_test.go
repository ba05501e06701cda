package integration

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/devservers"
	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/devtools"
	"stemflow/internal/token"
	"stemflow/kiesim"
)

var withPrometheus = flag.Bool("prometheus", false,
	"build Prometheus, and have it scrape a run with failures: see TestPrometheusDrawsARunWithFailures")

// A real Prometheus, with the alerts as they are delivered, scrapes bridge and worker while runs
// succeed and fail. It sees the first failure as an increase from zero, the alerts fire, and every
// expression of the dashboard draws something. Prometheus takes minutes to build, so it runs when
// it is asked for:
//
//	go test ./integration -run TestPrometheusDrawsARunWithFailures -prometheus -v
func TestPrometheusDrawsARunWithFailures(t *testing.T) {
	if !*withPrometheus {
		t.Skip("it runs with -prometheus")
	}
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	var addrs [3]string
	for i := range addrs {
		addrs[i] = freeAddress(t)
	}
	_, bridge := startBridgeProcess(t, s.server, nil, "STEMFLOW_METRICS_ADDR="+addrs[0])
	s.cfg.CallbackBaseURL = "http://" + bridge
	s.startProgram(buildWorker(t), "STEMFLOW_METRICS_ADDR="+addrs[1], "STEMFLOW_LOOKUP_INTERVAL=2m")
	p := startPrometheus(t, addrs[0], addrs[1:])
	s.await("all zeros are scraped", func() bool {
		return p.sees(`count_over_time(stemflow_submits_total{outcome="insufficient_credits",type="split_stem"}[1m]) > 3`) &&
			p.sees(`count_over_time(stemflow_callbacks_received_total{reason="token_malformed"}[1m]) > 3`)
	})

	// One that has to renew a link; one without credits; one that the provider fails; a workflow
	// that no worker knows; a callback of a stranger; and a catalogue that pauses by itself.
	renewed := track(stemflow.SplitStem)
	s.sim.SetScenario(renewed.AudioID,
		kiesim.Scenario{Files: map[string]kiesim.File{"drums": {Expired: kiesim.ExpiredAtOnce}}})
	s.result(s.start(renewed))
	poor, failed := track(stemflow.SplitStem), track(stemflow.SeparateVocal)
	s.sim.SetScenario(poor.AudioID, kiesim.Scenario{Submit: kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 402}})
	s.sim.SetScenario(failed.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Failure: &kiesim.Failure{}}})
	for _, in := range []stemflow.SeparateStemsInput{poor, failed} {
		kind, _, _ := s.failure(s.start(in))
		require.Contains(t, []string{stemflow.ErrorInsufficientCredits, stemflow.ErrorSeparationFailed}, kind)
	}
	_, err := s.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: s.queue}, "Unknown")
	require.NoError(t, err)
	send := func(address string, want int) {
		t.Helper()
		caller := &sender{addr: bridge}
		defer caller.close()
		status, err := caller.send(callbackRequest(bridge, address, newID()))
		require.NoError(t, err)
		require.Equal(t, want, status)
	}
	send("a-strangers", http.StatusUnauthorized)
	// Calls to Temporal that fail are the SDK's to count: their first is no increase.
	keyring, err := token.NewKeyring([]string{callbackSecret})
	require.NoError(t, err)
	nobodys := func(workflowID string) string {
		return keyring.Mint(token.Claims{
			Namespace: "default", WorkflowID: workflowID, RunID: "none", Expires: time.Now().Add(time.Hour),
		})
	}
	send(nobodys("nobody"), http.StatusOK)
	s.await("it is scraped", func() bool { return p.sees(`temporal_request_failure_total{job="stemflow-bridge"}`) })
	send(nobodys("nobody else"), http.StatusOK)
	catalog, tracks := s.listed(5)
	s.setScenarioOfAll(tracks, kiesim.Scenario{Submit: kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 401}})
	s.awaitOwnPause(s.startCatalog(catalog))

	// A worker looks when it starts: the second sees the pause at once.
	s.startProgram(buildWorker(t), "STEMFLOW_METRICS_ADDR="+addrs[2], "STEMFLOW_LOOKUP_INTERVAL=2m")
	for _, seen := range []string{
		`increase(stemflow_submits_total{outcome="insufficient_credits",type="split_stem"}[5m]) > 0`,
		`increase(stemflow_separations_total{outcome="SeparationFailed",type="separate_vocal"}[5m]) > 0`,
		`increase(stemflow_stem_failures_total{reason="SourceExpired"}[5m]) > 0`,
		`increase(stemflow_callbacks_received_total{outcome="refused",reason="token_malformed"}[5m]) > 0`,
		`max(stemflow_paused_catalogs{reason="Unauthorized"}) == 1`,
		`min(stemflow_balance_credits) > 0`,
		`max(stemflow_open_runs{workflow_type="SeparateCatalog"}) == 1`,
		`max(stemflow_oldest_open_run_age_seconds{workflow_type="SeparateCatalog"}) > 0`,
		`min by (job) (stemflow_build_info) == 1`,
		`ALERTS{alertname="StemflowOutOfCredits",alertstate="firing"}`,
		`ALERTS{alertname="StemflowKeyRefused",alertstate="firing"}`,
		`ALERTS{alertname="StemflowRunsStuck",alertstate="firing"}`,
		`ALERTS{alertname="StemflowCatalogPaused",alertstate="pending"}`,
		`count_over_time(ALERTS{alertname="StemflowCatalogPaused"}[1m]) > 5`,
	} {
		s.await("Prometheus sees "+seen, func() bool { return p.sees(seen) })
	}
	p.drawDashboard()
	for _, alert := range p.query(`ALERTS`) {
		t.Logf("alert %s is %s", alert.Metric["alertname"], alert.Metric["alertstate"])
	}
}

// prometheus is a running one.
type prometheus struct {
	t    *testing.T
	base string
}

func startPrometheus(t *testing.T, bridge string, workers []string) *prometheus {
	t.Helper()
	path, err := devtools.FindTool(t.Context(), "prometheus", func(line string) { t.Log(line) })
	require.NoError(t, err)
	dir := t.TempDir()
	rules, err := filepath.Abs("../deploy/prometheus/stemflow.rules.yaml")
	require.NoError(t, err)
	configuration := filepath.Join(dir, "prometheus.yml")
	require.NoError(t, os.WriteFile(configuration, fmt.Appendf(nil, `
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
  - {job_name: stemflow-bridge, static_configs: [{targets: [%q]}]}
  - {job_name: stemflow-worker, static_configs: [{targets: [%s]}]}
`, rules, bridge, `"`+strings.Join(workers, `", "`)+`"`), 0o600))
	p := &prometheus{t: t, base: "http://" + freeAddress(t)}
	process, err := devservers.Start(t.Context(), devservers.Command{
		Name: "prometheus", Path: path,
		Args: []string{
			"--config.file=" + configuration, "--storage.tsdb.path=" + filepath.Join(dir, "data"),
			"--web.listen-address=" + strings.TrimPrefix(p.base, "http://"),
		},
		Env: os.Environ(), Ready: devservers.HTTPReady(p.base + "/-/ready"), StopWithin: 30 * time.Second,
	})
	require.NoError(t, err)
	t.Cleanup(process.Kill)
	return p
}

// sample is one series of an answer. It has a value or, of a range, values.
type sample struct {
	Metric map[string]string
	Value  [2]any
	Values [][2]any
}

// sees reports whether an expression has a result now.
func (p *prometheus) sees(expr string) bool {
	p.t.Helper()
	return len(p.query(expr)) > 0
}

// query asks for the present, and returns what is there.
func (p *prometheus) query(expr string) []sample {
	p.t.Helper()
	return p.ask("query", url.Values{"query": {expr}})
}

func (p *prometheus) ask(how string, arguments url.Values) []sample {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+"/api/v1/"+how+"?"+arguments.Encode(), nil)
	require.NoError(p.t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(p.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(p.t, err)
	require.Equal(p.t, http.StatusOK, response.StatusCode, "%s", text)
	var answer struct{ Data struct{ Result []sample } }
	require.NoError(p.t, json.Unmarshal(text, &answer), "%s", text)
	return answer.Data.Result
}

// drawDashboard evaluates each expression of the dashboard over the time of the run, as Grafana
// would, and demands that each draws something. It logs the last value of each.
func (p *prometheus) drawDashboard() {
	p.t.Helper()
	text, err := os.ReadFile("../deploy/grafana/stemflow.json")
	require.NoError(p.t, err)
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	require.NoError(p.t, json.Unmarshal(text, &dashboard))
	grafana := strings.NewReplacer("$__rate_interval", "1m", "$__range", "10m", "$job", "stemflow-bridge|stemflow-worker")
	var drawn strings.Builder
	table := tabwriter.NewWriter(&drawn, 0, 0, 2, ' ', 0)
	var empty []string
	now := time.Now()
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			series := p.ask("query_range", url.Values{
				"query": {grafana.Replace(target.Expr)}, "step": {"1"},
				"start": {strconv.FormatInt(now.Add(-10*time.Minute).Unix(), 10)},
				"end":   {strconv.FormatInt(now.Unix(), 10)},
			})
			points, highest := 0, math.Inf(-1)
			for _, one := range series {
				for _, value := range one.Values {
					number, err := strconv.ParseFloat(value[1].(string), 64)
					require.NoError(p.t, err)
					if !math.IsNaN(number) {
						points++
						highest = max(highest, number)
					}
				}
			}
			if points == 0 {
				empty = append(empty, panel.Title+": "+target.Expr)
			}
			fmt.Fprintf(table, "%s\t%d series\t%d points\thighest %.4g\n", panel.Title, len(series), points, highest)
		}
	}
	require.NoError(p.t, table.Flush())
	p.t.Logf("the dashboard draws:\n%s", drawn.String())
	require.Empty(p.t, empty, "expressions that draw nothing")
}
