package workflows_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/metricstest"
	"stemflow/workflows"
)

// deliver delivers an event to hooks that answer so, and returns how often each was told.
func deliver(
	t *testing.T, take func(hook string, attempt int) error, hooks ...string,
) (env *testsuite.TestWorkflowEnvironment, attempts map[string]int, metrics metricstest.Recorder) {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	metrics = metricstest.New()
	suite.SetMetricsHandler(metrics)
	env = suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(time.Minute)
	workflows.Register(env)
	event := stemflow.Event{ID: "evt_1", Type: stemflow.EventSeparationFailed}
	attempts = map[string]int{}
	var mu sync.Mutex
	env.RegisterActivityWithOptions(func(_ context.Context, in activityapi.DeliverToHookInput) error {
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, event, in.Event)
		attempts[in.Hook]++
		return take(in.Hook, attempts[in.Hook])
	}, activity.RegisterOptions{Name: activityapi.ActivityDeliverToHook})
	env.ExecuteWorkflow(activityapi.WorkflowDeliverEvent, activityapi.DeliverEventInput{Hooks: hooks, Event: event})
	require.True(t, env.IsWorkflowCompleted())
	return env, attempts, metrics
}

func TestEachHookIsToldWhateverBecomesOfOthers(t *testing.T) {
	env, attempts, metrics := deliver(t, func(hook string, attempt int) error {
		switch {
		case hook == "command":
			return temporal.NewNonRetryableApplicationError("no *such* program", activityapi.ErrorNotDelivered, nil)
		case attempt < 3:
			return temporal.NewApplicationError("down", activityapi.ErrorNotDelivered)
		}
		return nil
	}, "webhook", "command")
	require.Equal(t, map[string]int{"webhook": 3, "command": 1}, attempts)
	var app *temporal.ApplicationError
	require.ErrorAs(t, env.GetWorkflowError(), &app)
	require.Equal(t, activityapi.ErrorNotDelivered, app.Type())
	require.Contains(t, app.Message(), "1 of 2 hooks have not taken separation.failed: command: no *such* program")
	require.Equal(t, map[string]int64{
		"stemflow_hook_deliveries{event=separation.failed,hook=webhook,outcome=delivered}": 1,
		"stemflow_hook_deliveries{event=separation.failed,hook=command,outcome=failed}":    1,
	}, metrics.Counters())
}

// A receiver that is down for hours is told at last.
func TestDeliveriesAreTriedAgainForHours(t *testing.T) {
	began := time.Now()
	env, attempts, _ := deliver(t, func(_ string, attempt int) error {
		if attempt < 9 {
			return temporal.NewApplicationError("down", activityapi.ErrorNotDelivered)
		}
		return nil
	}, "webhook")
	require.NoError(t, env.GetWorkflowError())
	require.Equal(t, 9, attempts["webhook"])
	require.Greater(t, env.Now().Sub(began), 2*time.Hour)
}
