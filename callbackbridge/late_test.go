package callbackbridge_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/api/serviceerror"

	"stemflow"
	"stemflow/callbackbridge"
	"stemflow/internal/activityapi"
	"stemflow/internal/token"
)

const (
	queue = "stemflow"
	owner = "01a20ac5-e72c-71ad-8361-e961eeb6664b"
)

var separated = stemflow.Track{TaskID: "5c79", AudioID: "e231", Type: stemflow.SeparateVocal}

// kept is a callback that a keeper was given.
type kept struct {
	Namespace, TaskQueue string
	Input                activityapi.RecordCallbackInput
	Callback             stemflow.Callback
}

// keeper is a Signaler that finds no run, and that records what it is given and answers
// with err.
type keeper struct {
	recorder
	kept []kept
	err  error
	span trace.SpanContext
}

func (k *keeper) signaler() callbackbridge.Signaler {
	return callbackbridge.RecordingSignaler{Signaler: k, Record: k.record}
}

func (k *keeper) record(
	ctx context.Context, namespace, taskQueue string, in activityapi.RecordCallbackInput, callback stemflow.Callback,
) error {
	if _, limited := ctx.Deadline(); !limited {
		return errors.New("there is no time limit")
	}
	k.kept = append(k.kept, kept{namespace, taskQueue, in, callback})
	k.span = trace.SpanContextFromContext(ctx)
	return k.err
}

func mintClaims(t *testing.T, adjust ...func(*token.Claims)) string {
	t.Helper()
	keyring, err := token.NewKeyring([]string{secret})
	require.NoError(t, err)
	claims := token.Claims{
		Namespace: namespace, WorkflowID: workflow, RunID: owner, TaskQueue: queue, Track: separated,
		Expires: time.Now().Add(time.Hour),
	}
	for _, a := range adjust {
		a(&claims)
	}
	return keyring.Mint(claims)
}

func startKeeping(t *testing.T, signalErr error) (*bridge, *keeper) {
	k := &keeper{recorder: recorder{err: signalErr}}
	return start(t, func(cfg *callbackbridge.Config) { cfg.Signaler = k.signaler() }), k
}

var gone = serviceerror.NewNotFound("workflow execution already completed")

func TestCallbackAfterTheRunIsHandedOn(t *testing.T) {
	b, k := startKeeping(t, gone)
	late := mintClaims(t)
	response, answer := b.do(t, http.MethodPost, "/callbacks/"+late, body, isJSON)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.JSONEq(t, `{"status":"ok"}`, answer)
	require.Equal(t, []kept{{
		namespace, queue, activityapi.RecordCallbackInput{WorkflowID: workflow, Owner: owner, Track: separated},
		stemflow.Callback{TaskID: taskID, Code: 200},
	}}, k.kept, "the id, and nothing that anybody could have made up")
	require.Contains(t, b.log.String(), taskID)
	require.Contains(t, b.log.String(), workflow)
	require.NotContains(t, b.log.String(), late)
}

func TestWhatTemporalAnswersToALateCallback(t *testing.T) {
	for _, err := range []error{
		serviceerror.NewUnavailable("connection refused"), context.DeadlineExceeded, serviceerror.NewPermissionDenied("no", ""),
		serviceerror.NewNamespaceNotFound(namespace), serviceerror.NewResourceExhausted(0, "too many signals"),
	} {
		t.Run(err.Error(), func(t *testing.T) {
			b, k := startKeeping(t, gone)
			k.err = err
			response, answer := b.do(t, http.MethodPost, "/callbacks/"+mintClaims(t), body, isJSON)
			require.Equal(t, http.StatusServiceUnavailable, response.StatusCode, "the provider tries again")
			require.Equal(t, "the callback cannot be recorded right now, try again\n", answer)
			require.Contains(t, b.log.String(), taskID)
		})
	}
}

func TestOnlyLateCallbacksAreHandedOn(t *testing.T) {
	const onlyLogged = "start the track with this separationTaskId"
	for name, c := range map[string]struct {
		signal error
		token  func(*token.Claims)
		status int
		logged string
	}{
		"the run is open":            {nil, func(*token.Claims) {}, 200, "callback delivered"},
		"Temporal is away":           {serviceerror.NewUnavailable("away"), func(*token.Claims) {}, 503, "cannot be delivered"},
		"no such namespace":          {serviceerror.NewNamespaceNotFound(namespace), func(*token.Claims) {}, 503, "cannot be delivered"},
		"a token without a queue":    {gone, func(c *token.Claims) { c.TaskQueue = "" }, 200, onlyLogged},
		"a token without a run":      {gone, func(c *token.Claims) { c.RunID = "" }, 200, onlyLogged},
		"a token of another's":       {gone, func(c *token.Claims) { c.Expires = time.Now() }, 401, "unauthorized"},
		"a token of an earlier kind": {gone, func(c *token.Claims) { c.TaskQueue, c.Track = "", stemflow.Track{} }, 200, "level=WARN"},
	} {
		t.Run(name, func(t *testing.T) {
			b, k := startKeeping(t, c.signal)
			response, _ := b.do(t, http.MethodPost, "/callbacks/"+mintClaims(t, c.token), body, isJSON)
			require.Equal(t, c.status, response.StatusCode)
			require.Empty(t, k.kept)
			require.Contains(t, b.log.String(), c.logged)
		})
	}
	t.Run("a Signaler that can do no more", func(t *testing.T) {
		b := start(t, nil)
		b.signaler.err = gone
		response, _ := b.do(t, http.MethodPost, "/callbacks/"+mintClaims(t), body, isJSON)
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.Contains(t, b.log.String(), onlyLogged)
	})
}

func TestLateCallbacksAreCounted(t *testing.T) {
	metrics := newSeen()
	k := &keeper{recorder: recorder{err: gone}}
	b := start(t, func(cfg *callbackbridge.Config) { cfg.Signaler, cfg.Metrics = k.signaler(), metrics })
	b.do(t, http.MethodPost, "/callbacks/"+mintClaims(t), body, isJSON)
	k.err = serviceerror.NewUnavailable("away")
	b.do(t, http.MethodPost, "/callbacks/"+mintClaims(t), strings.Replace(body, taskID, "another", 1), isJSON)
	require.Equal(t, map[string]int64{
		"stemflow_callbacks_receivedmap[outcome:late reason:none]":            1,
		"stemflow_callbacks_receivedmap[outcome:undelivered reason:temporal]": 1,
	}, metrics.counted())
	require.Empty(t, metrics.all.timers, "no signal was accepted by a run")
}

func TestALateCallbackIsRecordedWithinTheTraceOfItsSubmit(t *testing.T) {
	b, k := startKeeping(t, gone)
	b.do(t, http.MethodPost, "/callbacks/"+mintClaims(t, func(c *token.Claims) { c.Trace = submit }), body, isJSON)
	require.Equal(t, trace.TraceID(submit.TraceID), k.span.TraceID())
}
