package monitoring

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/stretchr/testify/require"
)

// Anyone who is woken reads docs/operations.md.
func TestAlertsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	var want []string
	for _, rule := range rules(t) {
		require.Contains(t, []string{"critical", "warning"}, rule.Labels["severity"], rule.Alert)
		require.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
		want = append(
			want,
			fmt.Sprintf(
				"| `%s` | %s | %s | %s |",
				rule.Alert,
				rule.Labels["severity"],
				rule.For,
				rule.Annotations["description"],
			),
		)
	}
	got := regexp.MustCompile("(?m)^\\| `Stemflow.*$").FindAllString(string(text), -1)
	require.Equal(t, want, got)
}

// moment is what has been scraped once a minute until now, in Prometheus' notation for tests, and
// which alerts that fires.
type moment struct {
	series string
	alerts []string
}

// healthy are series of a service that is at work and well.
const healthy = `
	up{job="stemflow-worker"} 1x180
	up{job="stemflow-bridge"} 1x180
	stemflow_submits_total{outcome="accepted",type="split_stem"} 0+1x180
	stemflow_separations_total{outcome="archived",type="split_stem"} 0+1x180
	stemflow_separations_settled_total{settled_by="callback",type="split_stem"} 0+1x180
	stemflow_stems_archived_total 0+12x180
	stemflow_stem_wait_latency_seconds_bucket{le="1"} 0+12x180
	stemflow_stem_wait_latency_seconds_bucket{le="300"} 0+12x180
	stemflow_stem_wait_latency_seconds_bucket{le="+Inf"} 0+12x180
	stemflow_callbacks_in_flight 0x180
	stemflow_callbacks_received_total{outcome="delivered",reason="none"} 0+1x180
`

func TestAlertsFire(t *testing.T) {
	for name, m := range map[string]moment{
		"all is well":                {healthy, nil},
		"a worker is gone":           {strings.Replace(healthy, `"stemflow-worker"} 1x180`, `"stemflow-worker"} 1x170 0x10`, 1), []string{"StemflowProgramDown"}},
		"it is restarted":            {strings.Replace(healthy, `"stemflow-worker"} 1x180`, `"stemflow-worker"} 1x177 0x2`, 1), nil},
		"all targets are gone":       {`other 1x180`, []string{"StemflowProgramDown"}},
		"first one without credits":  {healthy + `stemflow_submits_total{outcome="insufficient_credits"} _x175 1x5`, []string{"StemflowOutOfCredits"}},
		"one more without credits":   {healthy + `stemflow_submits_total{outcome="insufficient_credits"} 4x170 5x10`, []string{"StemflowOutOfCredits"}},
		"credits were out yesterday": {healthy + `stemflow_submits_total{outcome="insufficient_credits"} 4x180`, nil},
		"the key is refused":         {healthy + `stemflow_submits_total{outcome="unauthorized"} _x175 1x5`, []string{"StemflowKeyRefused"}},
		"one outcome unknown":        {healthy + `stemflow_submits_total{outcome="unknown"} _x150 1x30`, nil},
		"many outcomes unknown":      {healthy + `stemflow_submits_total{outcome="unknown"} 0x150 0+1x30`, []string{"StemflowOutcomesUnknown"}},
		"the provider is busy":       {healthy + `stemflow_submits_total{outcome="busy"} 0+12x180`, []string{"StemflowProviderBusy"}},
		"now and then it is busy":    {healthy + `stemflow_submits_total{outcome="busy"} 0+1x180`, nil},
		"runs fail": {
			healthy + `stemflow_separations_total{outcome="SeparationFailed",type="split_stem"} 0+1x180`, []string{"StemflowRunsFail"},
		},
		"runs are cancelled, found and partial": {
			healthy + `
				stemflow_separations_total{outcome="cancelled"} 0+1x180
				stemflow_separations_total{outcome="found"} 0+1x180
				stemflow_separations_total{outcome="partial"} 0+1x180`, nil,
		},
		"callbacks have never come": {
			strings.Replace(healthy, `settled_by="callback"`, `settled_by="poll"`, 1), []string{"StemflowCallbacksDoNotSettle"},
		},
		"callbacks come no more": {
			strings.Replace(healthy, `settled_by="callback",type="split_stem"} 0+1x180`, `settled_by="callback"} 60x180
				stemflow_separations_settled_total{settled_by="poll"} 0+1x180`, 1), []string{"StemflowCallbacksDoNotSettle"},
		},
		"a service without a bridge polls": {
			`up{job="stemflow-worker"} 1x180
			stemflow_separations_settled_total{settled_by="poll"} 0+1x180`, nil,
		},
		"callbacks are refused": {
			healthy + `stemflow_callbacks_received_total{outcome="refused",reason="signature_stale"} 0+12x180`, []string{"StemflowCallbacksRefused"},
		},
		"a stranger": {healthy + `stemflow_callbacks_received_total{outcome="refused",reason="token_malformed"} _x170 1x10`, nil},
		"the first callback that cannot be delivered": {
			healthy + `stemflow_callbacks_received_total{outcome="undelivered",reason="temporal"} _x175 1x5`, []string{"StemflowCallbacksUndelivered"},
		},
		"the store is down": {
			strings.Replace(healthy, `archived_total 0+12x180`, `archived_total 0+12x120 1440x60`, 1) +
				`stemflow_stem_failures_total{reason="ArchiveUnavailable"} 0x120 0+5x60`, []string{"StemflowArchivingStalls"},
		},
		"it has been down since the workers started": {
			strings.Replace(healthy, `stemflow_stems_archived_total 0+12x180`, ``, 1) +
				`stemflow_stem_failures_total{reason="ArchiveUnavailable"} 0x120 0+5x60`, []string{"StemflowArchivingStalls"},
		},
		"a stem fails among others": {healthy + `stemflow_stem_failures_total{reason="SourceExpired"} 0+1x180`, nil},
		"a release broke a run": {
			healthy + `temporal_workflow_task_execution_failed_total{workflow_type="SeparateStems",failure_reason="NonDeterminismError"} _x175 1x5`,
			[]string{"StemflowRunsStuck"},
		},
		"workers are full": {
			strings.Replace(healthy, `{le="1"} 0+12x180`, `{le="1"} 0+1x180`, 1), []string{"StemflowWorkersFull"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, m.alerts, firing(t, m.series))
		})
	}
}

// firing are the alerts that fire three hours after the series' beginning.
func firing(t *testing.T, series string) []string {
	t.Helper()
	load := "load 1m\n"
	for line := range strings.Lines(series) {
		if line = strings.TrimSpace(line); line != "" { // which would end the series
			load += "  " + line + "\n"
		}
	}
	storage := promqltest.LoadedStorage(t, load)
	engine := promqltest.NewTestEngine(t, false, 5*time.Minute, 1_000_000)
	now := time.Unix(0, 0).Add(180 * time.Minute)
	holds := func(rule rulefmt.Rule, at time.Time) bool {
		query, err := engine.NewInstantQuery(context.Background(), storage, nil, rule.Expr, at)
		require.NoError(t, err)
		defer query.Close()
		result := query.Exec(context.Background())
		require.NoError(t, result.Err, rule.Alert)
		vector, err := result.Vector()
		require.NoError(t, err, rule.Alert)
		return len(vector) > 0
	}
	var alerts []string
	for _, rule := range rules(t) {
		pending := true
		for at := now.Add(-time.Duration(rule.For)); !at.After(now); at = at.Add(time.Minute) {
			pending = pending && holds(rule, at)
		}
		if pending {
			alerts = append(alerts, rule.Alert)
		}
	}
	return alerts
}
