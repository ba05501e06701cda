// Package integration runs separations on a real Temporal server, a real MinIO and the provider's simulator, over real sockets.
package integration

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"stemflow"
	"stemflow/callbackbridge"
	"stemflow/internal/archive"
	"stemflow/internal/servers/serverstest"
	"stemflow/kiesim"
	"stemflow/plugin"
)

func TestMain(m *testing.M) { os.Exit(serverstest.Run(m)) }

const (
	apiKey         = "test-api-key"
	callbackSecret = "0123456789abcdef0123456789abcdef"
	patience       = 2 * time.Minute
)

// stack is all of stemflow around one test: the servers are shared, everything else is its own.
type stack struct {
	t      *testing.T
	sim    *kiesim.Simulator
	client client.Client
	bridge *httptest.Server
	queue  string
	bucket string
	store  *archive.Store
	cfg    plugin.Config
}

// newStack starts provider, bridge and worker. The worker polls the provider every second at the most.
func newStack(t *testing.T, adjust ...func(*stack)) *stack {
	t.Helper()
	s := &stack{t: t, queue: "q-" + strings.ToLower(rand.Text())}
	var err error
	server := serverstest.Temporal(t)
	options := client.Options{HostPort: server.Addr, Identity: "stemflow-test", Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))}
	s.client, err = client.Dial(options)
	require.NoError(t, err)
	t.Cleanup(s.client.Close)

	storeOptions, bucket := serverstest.Bucket(t)
	s.bucket = bucket
	s.store, err = archive.New(storeOptions)
	require.NoError(t, err)

	s.sim = kiesim.New(kiesim.Options{
		APIKey: apiKey, Credits: 10_000, RateLimit: kiesim.RateLimit{Tasks: -1}, Logger: slog.New(slog.DiscardHandler),
		RetrySchedule: []time.Duration{200 * time.Millisecond, 500 * time.Millisecond, time.Second},
	})
	provider := httptest.NewServer(s.sim)
	t.Cleanup(func() { s.sim.Close(); provider.Close() })

	handler, err := callbackbridge.New(callbackbridge.Config{
		Signaler: callbackbridge.NewSignaler(s.client, options), Secrets: []string{callbackSecret},
		Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	s.bridge = httptest.NewServer(handler)
	t.Cleanup(s.bridge.Close)

	s.cfg = plugin.Config{
		Client: s.client, APIKey: apiKey, BaseURL: provider.URL,
		CallbackBaseURL: s.bridge.URL, CallbackSecrets: []string{callbackSecret},
		MinIO:      plugin.MinIO{Endpoint: storeOptions.Endpoint, AccessKey: storeOptions.AccessKey, SecretKey: storeOptions.SecretKey},
		Bucket:     bucket,
		SubmitRate: 100, SourceHosts: []string{"127.0.0.1"}, AllowInsecureSources: true,
	}
	for _, a := range adjust {
		a(s)
	}
	p, err := plugin.New(s.cfg)
	require.NoError(t, err)
	w := worker.New(s.client, s.queue, worker.Options{
		Plugins: []worker.Plugin{p}, WorkerStopTimeout: 5 * time.Second, MaxHeartbeatThrottleInterval: time.Second,
	})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	return s
}

// track is the input of a new track, with timings fit for a test.
func track(kind stemflow.SeparationType) stemflow.SeparateStemsInput {
	in := stemflow.SeparateStemsInput{
		TaskID: newID(), AudioID: newID(), Type: kind,
		PollInterval: stemflow.Duration(time.Second), CallbackGrace: stemflow.Duration(time.Minute),
	}
	if kind == stemflow.SplitStemAdvanced {
		in.StemName = "Lead Vocal"
	}
	return in
}

func newID() string {
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	return hex.EncodeToString(id)
}

// start starts a run as the starter does.
func (s *stack) start(in stemflow.SeparateStemsInput) client.WorkflowRun {
	s.t.Helper()
	return s.startAs(stemflow.WorkflowID(in), in)
}

func (s *stack) startAs(id string, input any) client.WorkflowRun {
	s.t.Helper()
	run, err := s.client.ExecuteWorkflow(s.t.Context(), client.StartWorkflowOptions{
		ID: id, TaskQueue: s.queue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	}, stemflow.WorkflowSeparateStems, input)
	require.NoError(s.t, err)
	return run
}

// result waits for a run that must succeed.
func (s *stack) result(run client.WorkflowRun) stemflow.SeparateStemsResult {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	var result stemflow.SeparateStemsResult
	require.NoError(s.t, run.Get(ctx, &result))
	return result
}

// failure waits for a run that must fail, and returns with what.
func (s *stack) failure(run client.WorkflowRun) (kind, message string, details stemflow.ErrorDetails) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	var app *temporal.ApplicationError
	require.ErrorAs(s.t, run.Get(ctx, nil), &app)
	require.NoError(s.t, app.Details(&details))
	return app.Type(), app.Message(), details
}

// manifest reads the commit marker of a track, and whether there is one.
func (s *stack) manifest(in stemflow.SeparateStemsInput) (stemflow.Manifest, bool) {
	s.t.Helper()
	var manifest stemflow.Manifest
	_, err := s.store.ReadJSON(s.t.Context(), s.bucket, archive.ManifestKey(s.location(in)), &manifest)
	if err != nil {
		require.ErrorIs(s.t, err, archive.ErrNotFound)
		return manifest, false
	}
	return manifest, true
}

func (s *stack) ledger(in stemflow.SeparateStemsInput) stemflow.Submission {
	s.t.Helper()
	var submission stemflow.Submission
	_, err := s.store.ReadJSON(s.t.Context(), s.bucket, archive.SubmissionKey(s.location(in)), &submission)
	require.NoError(s.t, err)
	return submission
}

func (s *stack) location(in stemflow.SeparateStemsInput) stemflow.Location {
	return archive.Locate(s.bucket, in.Prefix, stemflow.Track{
		TaskID: in.TaskID, AudioID: in.AudioID, Type: in.WithDefaults().Type, StemName: in.StemName,
	})
}

// billed is how often the provider was paid for a track.
func (s *stack) billed(in stemflow.SeparateStemsInput) int {
	n := 0
	for _, entry := range s.sim.Bill().Charges {
		if entry.AudioID == in.AudioID {
			n++
		}
	}
	return n
}

// history is all events of a run.
func (s *stack) history(run client.WorkflowRun) []*historypb.HistoryEvent {
	s.t.Helper()
	var events []*historypb.HistoryEvent
	iter := s.client.GetWorkflowHistory(s.t.Context(), run.GetID(), run.GetRunID(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for iter.HasNext() {
		event, err := iter.Next()
		require.NoError(s.t, err)
		events = append(events, event)
	}
	return events
}

// memo is the separation task id that stands on the execution.
func (s *stack) memo(run client.WorkflowRun) string {
	s.t.Helper()
	d, err := s.client.DescribeWorkflow(s.t.Context(), run.GetID(), run.GetRunID())
	require.NoError(s.t, err)
	var id string
	if value, found := d.Memo.GetFields()[stemflow.MemoSeparationTaskID]; found {
		require.NoError(s.t, converter.GetDefaultDataConverter().FromPayload(value, &id))
	}
	return id
}
