package callbackbridge_test

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"stemflow/callbackbridge"
)

// seen is a metrics handler that keeps what it is told.
type seen struct {
	tags string
	all  *all
}

type all struct {
	mu       sync.Mutex
	counters map[string]int64
	timers   map[string]int
	gauges   map[string][]float64
}

func newSeen() seen {
	return seen{all: &all{counters: map[string]int64{}, timers: map[string]int{}, gauges: map[string][]float64{}}}
}

func (s seen) WithTags(tags map[string]string) client.MetricsHandler {
	s.tags = fmt.Sprint(s.tags, tags)
	return s
}
func (s seen) Counter(name string) client.MetricsCounter { return told{s, name} }
func (s seen) Gauge(name string) client.MetricsGauge     { return told{s, name} }
func (s seen) Timer(name string) client.MetricsTimer     { return told{s, name} }

// counted are the counters that are above zero.
func (s seen) counted() map[string]int64 {
	counted := maps.Clone(s.all.counters)
	maps.DeleteFunc(counted, func(_ string, n int64) bool { return n == 0 })
	return counted
}

type told struct {
	seen
	name string
}

func (m told) Inc(n int64) {
	m.all.mu.Lock()
	defer m.all.mu.Unlock()
	m.all.counters[m.name+m.tags] += n
}

func (m told) Update(v float64) {
	m.all.mu.Lock()
	defer m.all.mu.Unlock()
	m.all.gauges[m.name] = append(m.all.gauges[m.name], v)
}

func (m told) Record(time.Duration) {
	m.all.mu.Lock()
	defer m.all.mu.Unlock()
	m.all.timers[m.name]++
}

func TestMetrics(t *testing.T) {
	metrics := newSeen()
	b := start(t, func(cfg *callbackbridge.Config) { cfg.Metrics = metrics })
	send := func(path, body string) {
		response, _ := b.do(t, http.MethodPost, path, body, isJSON)
		require.NoError(t, response.Body.Close())
	}
	good := "/callbacks/" + b.good
	send(good, body)
	send(good, body)
	send(good, "{")
	send("/callbacks/"+mint(t, secret, time.Now().Add(-time.Hour)), body)
	other := strings.Replace(body, taskID, "another", 1)
	b.signaler.err = serviceerror.NewNotFound("workflow execution already completed")
	send(good, other)
	send(good, other)
	b.signaler.err = context.DeadlineExceeded
	send(good, other)

	require.Equal(t, map[string]int64{
		"stemflow_callbacks_receivedmap[outcome:delivered reason:none]":        1,
		"stemflow_callbacks_receivedmap[outcome:repeated reason:none]":         1,
		"stemflow_callbacks_receivedmap[outcome:not_running reason:none]":      2,
		"stemflow_callbacks_receivedmap[outcome:refused reason:malformed]":     1,
		"stemflow_callbacks_receivedmap[outcome:refused reason:token_expired]": 1,
		"stemflow_callbacks_receivedmap[outcome:undelivered reason:temporal]":  1,
	}, metrics.counted())
	require.Equal(t, map[string]int{callbackbridge.MetricSignalLatency: 1}, metrics.all.timers)
	require.Equal(
		t,
		map[string][]float64{callbackbridge.MetricInFlight: {0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0}},
		metrics.all.gauges,
	)
}

// The first answer of each kind is an increase from zero.
func TestEveryAnswerIsThereAtZero(t *testing.T) {
	metrics := newSeen()
	start(t, func(cfg *callbackbridge.Config) { cfg.Metrics = metrics })
	reasons := map[string]bool{}
	for name, n := range metrics.all.counters {
		require.Zero(t, n, name)
		reasons[regexp.MustCompile(`reason:(\w+)`).FindStringSubmatch(name)[1]] = true
	}
	require.Contains(t, metrics.all.counters, "stemflow_callbacks_receivedmap[outcome:undelivered reason:temporal]")

	for _, kind := range refusalKinds(t) {
		require.Contains(t, reasons, kind, "a kind of refusal that is not in the list of answers")
	}
}

// refusalKinds are the kinds of refusals in the package's source.
func refusalKinds(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var kinds []string
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		ast.Inspect(parsed, func(node ast.Node) bool {
			literal, ok := node.(*ast.CompositeLit)
			if !ok {
				return true
			}
			var values []ast.Expr
			switch made := literal.Type.(type) {
			case *ast.Ident:
				if made.Name == "refusal" && len(literal.Elts) > 1 {
					values = literal.Elts[1:2]
				}
			case *ast.MapType: // the kinds of what is not authorized
				if key, ok := made.Key.(*ast.Ident); ok && key.Name == "error" {
					for _, element := range literal.Elts {
						values = append(values, element.(*ast.KeyValueExpr).Value)
					}
				}
			}
			for _, value := range values {
				if text, ok := value.(*ast.BasicLit); ok {
					kind, err := strconv.Unquote(text.Value)
					require.NoError(t, err)
					kinds = append(kinds, kind)
				}
			}
			return true
		})
	}
	require.Greater(t, len(kinds), 10, "the refusals are not where this test looks for them")
	return kinds
}
