package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/hook"
	"stemflow/internal/redact"
)

const hookSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"

// deliverTo delivers an event to a hook, as a worker does.
func deliverTo(hooks *Hooks, name string, event stemflow.Event) error {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	Set{PrepareArchive: &PrepareArchive{}, Hooks: hooks}.Register(env)
	_, err := env.ExecuteActivity(activityapi.ActivityDeliverToHook,
		activityapi.DeliverToHookInput{Hook: name, Event: event})
	return err
}

func webhookTo(t *testing.T, answer http.HandlerFunc) *Hooks {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	webhook, err := hook.NewWebhook(hook.WebhookOptions{URL: server.URL, Secrets: []string{hookSecret}})
	require.NoError(t, err)
	t.Cleanup(webhook.Close)
	return &Hooks{Webhook: webhook, Redactor: redact.New("host-secret-123456")}
}

func failedEvent() stemflow.Event {
	return stemflow.Event{
		ID: "evt_1", Type: stemflow.EventSeparationFailed, Timestamp: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Data: stemflow.EventData{Namespace: "default", WorkflowID: "stems:1", RunID: "run-1", Separation: &stemflow.SeparationEvent{
			Track: stemflow.Track{TaskID: "t", AudioID: "a", Type: stemflow.SplitStem}, Title: "with host-secret-123456",
			Error: &stemflow.RunFailure{
				Type:    stemflow.ErrorSourceForbidden,
				Message: "https://files.example/a.mp3?X-Amz-Signature=abcdef0123456789abcdef host-secret-123456 is refused",
				Remedy:  "see https://kie.ai/logs",
			},
		}},
	}
}

// Receivers see the same body and id at each attempt, and a signature of each.
func TestAWebhookGetsTheEventSignedAtEachAttempt(t *testing.T) {
	verifier, err := standardwebhooks.NewWebhook(hookSecret)
	require.NoError(t, err)
	var bodies []string
	hooks := webhookTo(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if verifier.Verify(body, r.Header) != nil || r.Header.Get("webhook-id") != "evt_1" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if bodies = append(bodies, string(body)); len(bodies) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	err = deliverTo(hooks, activityapi.HookWebhook, failedEvent())
	require.False(t, requireType(t, err, activityapi.ErrorNotDelivered).NonRetryable())
	require.NoError(t, deliverTo(hooks, activityapi.HookWebhook, failedEvent()))
	require.Len(t, bodies, 2)
	require.Equal(t, bodies[0], bodies[1])
	var event stemflow.Event
	require.NoError(t, json.Unmarshal([]byte(bodies[0]), &event))
	require.Equal(t, "with [hidden]", event.Data.Separation.Title)
	require.Equal(t, "[link] [hidden] is refused", event.Data.Separation.Error.Message)
	require.Equal(t, "see https://kie.ai/logs", event.Data.Separation.Error.Remedy)
	require.Contains(t, bodies[0], `"timestamp":"2026-01-02T03:04:05Z"`)
}

func TestPausesAndEndsOfCatalogsHideSecrets(t *testing.T) {
	var got stemflow.Event
	hooks := &Hooks{
		Notify:   func(_ context.Context, event stemflow.Event) error { got = event; return nil },
		Redactor: redact.New("host-secret-123456"),
	}
	given := &stemflow.CatalogEvent{
		Paused: &stemflow.EventPause{CatalogPause: stemflow.CatalogPause{Message: "host-secret-123456"}},
		Error:  &stemflow.RunFailure{Message: "host-secret-123456"},
	}
	event := stemflow.Event{Data: stemflow.EventData{Catalog: given}}
	require.NoError(t, deliverTo(hooks, activityapi.HookNotifier, event))
	require.Equal(t, redact.Hidden, got.Data.Catalog.Paused.Message)
	require.Equal(t, redact.Hidden, got.Data.Catalog.Error.Message)
}

func TestWhatAReceiverDoesNotWantIsNotRepeated(t *testing.T) {
	for code, final := range map[int]bool{
		http.StatusGone: true, http.StatusFound: true, http.StatusBadRequest: true, http.StatusBadGateway: false,
	} {
		hooks := webhookTo(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
		err := deliverTo(hooks, activityapi.HookWebhook, failedEvent())
		require.Equal(t, final, requireType(t, err, activityapi.ErrorNotDelivered).NonRetryable(), code)
	}
}

// A receiver may ask for more time than the policy gives it, and not for less.
func TestReceiversAreLeftAloneAsTheyAsk(t *testing.T) {
	info := activity.Info{Attempt: 3, RetryPolicy: &temporal.RetryPolicy{
		InitialInterval: 5 * time.Second, BackoffCoefficient: 3, MaximumInterval: time.Hour,
	}}
	for asked, want := range map[time.Duration]time.Duration{
		0: 0, 44 * time.Second: 0, 46 * time.Second: 46 * time.Second,
	} {
		err := notDelivered(info, &hook.Error{Message: "busy", RetryAfter: asked})
		app := requireType(t, err, activityapi.ErrorNotDelivered)
		require.Equal(t, want, app.NextRetryDelay(), asked)
	}
	info.Attempt = 1000
	require.Equal(t, time.Hour, pauseAfter(info))
	info.RetryPolicy.MaximumInterval = 0
	require.Equal(t, 500*time.Second, pauseAfter(info))
	require.Zero(t, pauseAfter(activity.Info{Attempt: 1}))
}

func TestANotifierDecidesByItself(t *testing.T) {
	for _, c := range []struct {
		err   error
		kind  string
		final bool
	}{
		{errors.New(strings.Repeat("down", 1<<20)), activityapi.ErrorNotDelivered, false},
		{temporal.NewNonRetryableApplicationError("never", "Mine", nil), "Mine", true},
		{fmt.Errorf("publish: %w", temporal.NewNonRetryableApplicationError("never", "Mine", nil)), "Mine", true},
		{fmt.Errorf("publish: %w", temporal.NewApplicationError("later", "Mine")), "Mine", false},
	} {
		hooks := &Hooks{Notify: func(context.Context, stemflow.Event) error { return c.err }}
		err := deliverTo(hooks, activityapi.HookNotifier, failedEvent())
		require.Equal(t, c.final, requireType(t, err, c.kind).NonRetryable())
	}
}

// A worker that has no such hook leaves the event to another.
func TestAWorkerWithoutTheHookDoesNotTakeTheEvent(t *testing.T) {
	for _, hooks := range []*Hooks{nil, {}, {Notify: func(context.Context, stemflow.Event) error { return nil }}} {
		err := deliverTo(hooks, activityapi.HookWebhook, failedEvent())
		app := requireType(t, err, activityapi.ErrorNotDelivered)
		require.False(t, app.NonRetryable())
		require.Contains(t, app.Message(), "give all workers of a task queue the same hooks")
	}
}

func TestHooksAreListed(t *testing.T) {
	for want, hooks := range map[string]*Hooks{
		"": nil, " ": {Events: stemflow.EventTypes()},
		"notifier catalog.ended": {
			Notify: func(context.Context, stemflow.Event) error { return nil },
			Events: []stemflow.EventType{stemflow.EventCatalogEnded},
		},
		"webhook command": {Webhook: &hook.Webhook{}, Command: &hook.Command{}},
	} {
		list, err := hooks.List(t.Context())
		require.NoError(t, err)
		words := list.Names
		for _, event := range list.Events {
			words = append(words, string(event))
		}
		require.Equal(t, strings.TrimSpace(want), strings.Join(words, " "))
		for _, event := range stemflow.EventTypes() {
			taken := len(list.Names) > 0 && (len(list.Events) == 0 || event == stemflow.EventCatalogEnded)
			require.Equal(t, taken, list.Take(event))
		}
	}
}
