package lookups

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/types/known/timestamppb"

	"stemflow"
	"stemflow/internal/kie"
)

// visibility plays Temporal: it has open runs, by type, and answers as the plainest store does.
type visibility struct {
	open map[string][]time.Time
	// asked counts its calls.
	counts, lists, queries int
	// err is what it answers instead.
	err error
	// answers are those of catalogues, by workflow id.
	answers map[string]any
}

var understood = regexp.MustCompile(
	`^ExecutionStatus = "Running" AND WorkflowType = "(\w+)" AND TaskQueue = "media"( AND StartTime < "([^"]+)")?$`)

func (v *visibility) matching(query string) ([]*workflowpb.WorkflowExecutionInfo, error) {
	if v.err != nil {
		return nil, v.err
	}
	parts := understood.FindStringSubmatch(query)
	if parts == nil {
		return nil, serviceerror.NewInvalidArgument("invalid query: " + query)
	}
	before := time.Now().Add(time.Hour)
	if parts[3] != "" {
		var err error
		if before, err = time.Parse(time.RFC3339, parts[3]); err != nil {
			return nil, err
		}
	}
	var runs []*workflowpb.WorkflowExecutionInfo
	for i, started := range v.open[parts[1]] {
		if started.Before(before) {
			runs = append(runs, &workflowpb.WorkflowExecutionInfo{
				Execution: &commonpb.WorkflowExecution{WorkflowId: fmt.Sprint("run-", i)},
				StartTime: timestamppb.New(started),
			})
		}
	}
	return runs, nil
}

func (v *visibility) CountWorkflow(_ context.Context, in *workflowservice.CountWorkflowExecutionsRequest) (
	*workflowservice.CountWorkflowExecutionsResponse, error,
) {
	v.counts++
	runs, err := v.matching(in.GetQuery())
	return &workflowservice.CountWorkflowExecutionsResponse{Count: int64(len(runs))}, err
}

func (v *visibility) ListWorkflow(_ context.Context, in *workflowservice.ListWorkflowExecutionsRequest) (
	*workflowservice.ListWorkflowExecutionsResponse, error,
) {
	v.lists++
	runs, err := v.matching(in.GetQuery())
	runs = runs[:min(len(runs), int(in.GetPageSize()))]
	return &workflowservice.ListWorkflowExecutionsResponse{Executions: runs}, err
}

func (v *visibility) QueryWorkflow(ctx context.Context, workflowID, _, queryType string, _ ...any) (
	converter.EncodedValue, error,
) {
	v.queries++
	if queryType != stemflow.QueryProgress {
		return nil, serviceerror.NewQueryFailed("unknown query " + queryType)
	}
	switch answer := v.answers[workflowID].(type) {
	case nil:
		return encoded(stemflow.CatalogProgress{}), nil
	case error:
		return nil, answer
	case time.Duration: // it is stuck
		<-ctx.Done()
		return nil, ctx.Err()
	default:
		return encoded(answer), nil
	}
}

func encoded(value any) converter.EncodedValue {
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(value)
	if err != nil {
		panic(err)
	}
	return answer{payloads}
}

type answer struct{ payloads *commonpb.Payloads }

func (a answer) HasValue() bool { return true }
func (a answer) Get(value any) error {
	return converter.GetDefaultDataConverter().FromPayloads(a.payloads, value)
}

func lookups(v *visibility, balance func(context.Context) (float64, error)) *Lookups {
	return New(Options{
		Every: 5 * time.Minute, Temporal: v, Namespace: "default", TaskQueue: "media", Balance: balance,
		WorkflowTypes: []string{stemflow.WorkflowSeparateStems, stemflow.WorkflowSeparateCatalog},
		PauseReasons:  []string{stemflow.PauseRequested, stemflow.ErrorInsufficientCredits},
	})
}

// exposed is what Prometheus gets.
func exposed(t *testing.T, l *Lookups) string {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(l)
	got := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(got, httptest.NewRequest(http.MethodGet, "/", nil))
	require.Equal(t, http.StatusOK, got.Code)
	return got.Body.String()
}

func requireSeries(t *testing.T, l *Lookups, want string) {
	t.Helper()
	var text strings.Builder
	for line := range strings.Lines(want) {
		if line = strings.TrimSpace(line); line != "" {
			text.WriteString(line + "\n")
		}
	}
	require.Equal(t, text.String(), regexp.MustCompile("(?m)^#.*\n").ReplaceAllString(exposed(t, l), ""))
}

func credits(n float64) func(context.Context) (float64, error) {
	return func(context.Context) (float64, error) { return n, nil }
}

func TestWhatIsLookedUpIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		v := &visibility{
			open: map[string][]time.Time{
				stemflow.WorkflowSeparateStems:   {now.Add(-time.Minute), now.Add(-time.Hour), now},
				stemflow.WorkflowSeparateCatalog: {now, now, now, now},
			},
			answers: map[string]any{
				"run-0": stemflow.CatalogProgress{Paused: &stemflow.CatalogPause{Reason: stemflow.ErrorInsufficientCredits}},
				"run-1": stemflow.CatalogProgress{Paused: &stemflow.CatalogPause{Reason: "of a later release"}},
				"run-2": serviceerror.NewNotFound("it has ended meanwhile"),
			},
		}
		l := lookups(v, credits(129.5))
		requireSeries(t, l, "") // nothing is claimed before it is known
		l.look(t.Context())
		time.Sleep(time.Minute) // an age goes on
		requireSeries(t, l, `
			stemflow_balance_credits 129.5
			stemflow_lookup_up{lookup="balance"} 1
			stemflow_lookup_up{lookup="open_runs"} 1
			stemflow_lookup_up{lookup="paused_catalogs"} 1
			stemflow_oldest_open_run_age_seconds{namespace="default",task_queue="media",workflow_type="SeparateCatalog"} 60
			stemflow_oldest_open_run_age_seconds{namespace="default",task_queue="media",workflow_type="SeparateStems"} 3660
			stemflow_open_runs{namespace="default",task_queue="media",workflow_type="SeparateCatalog"} 4
			stemflow_open_runs{namespace="default",task_queue="media",workflow_type="SeparateStems"} 3
			stemflow_paused_catalogs{namespace="default",reason="InsufficientCredits",task_queue="media"} 1
			stemflow_paused_catalogs{namespace="default",reason="other",task_queue="media"} 1
			stemflow_paused_catalogs{namespace="default",reason="requested",task_queue="media"} 0`)
		problems, err := promlint.New(strings.NewReader(exposed(t, l))).Lint()
		require.NoError(t, err)
		require.Empty(t, problems)
	})
}

// No number is better than an old one.
func TestWhatFailsIsNotShown(t *testing.T) {
	v := &visibility{}
	failing := false
	l := lookups(v, func(context.Context) (float64, error) {
		if failing {
			return 0, errors.New("unreachable")
		}
		return 5, nil
	})
	l.look(t.Context())
	v.err, failing = serviceerror.NewUnavailable("no visibility"), true
	l.look(t.Context())
	requireSeries(t, l, `
		stemflow_lookup_up{lookup="balance"} 0
		stemflow_lookup_up{lookup="open_runs"} 0
		stemflow_lookup_up{lookup="paused_catalogs"} 0`)
	v.err, failing = nil, false
	l.look(t.Context())
	requireSeries(t, l, `
		stemflow_balance_credits 5
		stemflow_lookup_up{lookup="balance"} 1
		stemflow_lookup_up{lookup="open_runs"} 1
		stemflow_lookup_up{lookup="paused_catalogs"} 1
		stemflow_oldest_open_run_age_seconds{namespace="default",task_queue="media",workflow_type="SeparateCatalog"} 0
		stemflow_oldest_open_run_age_seconds{namespace="default",task_queue="media",workflow_type="SeparateStems"} 0
		stemflow_open_runs{namespace="default",task_queue="media",workflow_type="SeparateCatalog"} 0
		stemflow_open_runs{namespace="default",task_queue="media",workflow_type="SeparateStems"} 0
		stemflow_paused_catalogs{namespace="default",reason="InsufficientCredits",task_queue="media"} 0
		stemflow_paused_catalogs{namespace="default",reason="requested",task_queue="media"} 0`)
}

// A catalogue that is stuck hides neither itself nor the others.
func TestStuckCatalogsHideNoOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		v := &visibility{
			open: map[string][]time.Time{stemflow.WorkflowSeparateCatalog: {now, now, now}},
			answers: map[string]any{
				"run-0": time.Hour,
				"run-1": "no progress",
				"run-2": stemflow.CatalogProgress{Paused: &stemflow.CatalogPause{Reason: stemflow.PauseRequested}},
			},
		}
		l := lookups(v, nil)
		err := l.lookAtCatalogs(t.Context())
		require.ErrorContains(t, err, "2 of 3 open catalogues do not say whether they are paused: run-0: ")
		require.Equal(t, askTimeout, time.Since(now))
		require.Equal(t, map[string]int{"requested": 1, "InsufficientCredits": 0}, l.paused)
	})
}

func TestCatalogsAskedAreFew(t *testing.T) {
	v := &visibility{open: map[string][]time.Time{stemflow.WorkflowSeparateCatalog: make([]time.Time, 500)}}
	require.NoError(t, lookups(v, nil).lookAtCatalogs(t.Context()))
	require.Equal(t, catalogsAsked, v.queries)
}

// Any number of runs, however their starts are spread, takes a bounded number of calls.
func TestOldestOfManyRuns(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	now := time.Now().Truncate(time.Second)
	for name, age := range map[string]func(i int) time.Duration{
		"spread evenly":           func(i int) time.Duration { return time.Duration(i) * time.Second },
		"at random":               func(int) time.Duration { return time.Duration(random.IntN(1e9)) * time.Millisecond },
		"all at once":             func(int) time.Duration { return time.Hour },
		"all now":                 func(int) time.Duration { return 0 },
		"one is very old":         func(i int) time.Duration { return time.Duration(1/(1+i)) * 20000 * time.Hour },
		"crowded within a second": func(i int) time.Duration { return 90*24*time.Hour + time.Duration(i)*time.Microsecond },
	} {
		for _, n := range []int{0, 1, page, page + 1, 5000} {
			t.Run(fmt.Sprint(name, ", ", n), func(t *testing.T) {
				v := &visibility{open: map[string][]time.Time{}}
				var oldest time.Time
				for i := range n {
					started := now.Add(-age(i))
					if oldest.IsZero() || started.Before(oldest) {
						oldest = started
					}
					v.open["SeparateStems"] = append(v.open["SeparateStems"], started)
				}
				open, found, err := lookups(v, nil).openRuns(t.Context(), "SeparateStems")
				require.NoError(t, err)
				require.EqualValues(t, n, open)
				require.WithinDuration(t, oldest, found, time.Second)
				require.LessOrEqual(t, v.counts, 1+bisections)
				require.LessOrEqual(t, v.lists, 1)
			})
		}
	}
}

// The provider is asked at most once in the interval, and a key that may not ask, each hour.
func TestHowOftenTheProviderIsAsked(t *testing.T) {
	for name, c := range map[string]struct {
		status, code int
		within       [2]int
		shown        float64
	}{
		"answers":              {200, 200, [2]int{19, 25}, 7},
		"is not well":          {500, 500, [2]int{19, 25}, -1},
		"refuses the key":      {401, 401, [2]int{2, 3}, -1},
		"forbids this call":    {403, 403, [2]int{2, 3}, -1},
		"does not know it":     {404, 404, [2]int{2, 3}, -1},
		"says nothing is left": {200, 402, [2]int{19, 25}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				fmt.Fprintf(w, `{"code":%d,"msg":"","data":7}`, c.code)
			}))
			defer server.Close()
			account, err := kie.New(kie.Options{BaseURL: server.URL, APIKey: "key"})
			require.NoError(t, err)
			credits, problem := account.Credits(t.Context())
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				l := lookups(&visibility{}, func(context.Context) (float64, error) {
					asked++
					return credits, problem
				})
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
				defer cancel()
				l.Run(ctx)
				require.GreaterOrEqual(t, asked, c.within[0])
				require.LessOrEqual(t, asked, c.within[1])
				if c.shown < 0 {
					require.Nil(t, l.balance)
				} else {
					require.Equal(t, c.shown, *l.balance)
				}
				require.Equal(t, c.shown >= 0, l.up[lookupBalance])
			})
		})
	}
}

func TestWithoutAKeyNobodyAsksForTheBalance(t *testing.T) {
	l := lookups(&visibility{}, nil)
	l.look(t.Context())
	require.NotContains(t, l.up, lookupBalance)
}

// A program that ends has not failed to look.
func TestEndIsNoFailure(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l := lookups(&visibility{}, func(ctx context.Context) (float64, error) {
		cancel()
		return 0, ctx.Err()
	})
	l.Run(ctx)
	require.Empty(t, l.up)
}

func TestTaskQueuesAreQuoted(t *testing.T) {
	l := New(Options{TaskQueue: `a "b" \c`})
	require.Equal(t, `ExecutionStatus = "Running" AND WorkflowType = "X" AND TaskQueue = "a \"b\" \\c"`, l.query("X"))
}
