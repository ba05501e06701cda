// Package integration runs separations on a real Temporal server, a real MinIO and the provider's
// simulator, over real sockets.
package integration

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"stemflow"
	"stemflow/callbackbridge"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/devservers/serverstest"
	"stemflow/kiesim"
	"stemflow/plugin"
)

func TestMain(m *testing.M) {
	if err := waitInParallel(); err != nil {
		panic(err)
	}
	code := serverstest.Run(m)
	removeBuilt()
	os.Exit(code)
}

// waitInParallel runs more tests at once than there are cores, unless -parallel says how many: they
// wait for timers and servers and compute little.
func waitInParallel() error {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return nil
	}
	return flag.Set("test.parallel", "16")
}

const (
	apiKey         = "test-api-key"
	webhookKey     = "test-webhook-key"
	callbackSecret = "0123456789abcdef0123456789abcdef"
	patience       = 10 * time.Minute
)

// stack is all of stemflow around one test: the servers are shared, everything else is its own.
type stack struct {
	t      testing.TB
	server string // Temporal's address
	sim    *kiesim.Simulator
	held   *heldAnswers
	client client.Client
	bridge *httptest.Server
	queue  string
	bucket string
	store  *archive.Store
	root   archive.Options // all rights, which the worker does not have
	cfg    plugin.Config
	// workerLog takes the log of the worker's program, where given.
	workerLog io.Writer
}

// newStack starts provider, bridge and worker on the shared servers.
func newStack(t testing.TB, adjust ...func(*stack)) *stack {
	t.Helper()
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	for _, a := range adjust {
		a(s)
	}
	s.startWorker()
	return s
}

// newStackAt starts all but the worker.
func newStackAt(t testing.TB, temporalAddr string) *stack {
	t.Helper()
	s := &stack{t: t, server: temporalAddr, queue: "q-" + strings.ToLower(rand.Text())}
	var err error
	options := client.Options{
		HostPort: temporalAddr, Identity: "stemflow-test", Logger: quiet(),
		ConnectionOptions: client.ConnectionOptions{DialOptions: losingTasks()},
	}
	hosts, err := client.Dial(options)
	require.NoError(t, err)
	t.Cleanup(hosts.Close)
	// A test that asks a busy server waits for its answer; a worker asks again.
	patient := options
	patient.RPCTimeout = time.Minute
	s.client, err = client.NewClientFromExisting(hosts, patient)
	require.NoError(t, err)
	t.Cleanup(s.client.Close)

	s.root, s.bucket = serverstest.Bucket(t)
	user := serverstest.SharedUser(t, s.root, s.bucket)
	s.store, err = archive.New(user)
	require.NoError(t, err)

	s.cfg = plugin.Config{
		Client: hosts, APIKey: apiKey, CallbackSecrets: []string{callbackSecret},
		MinIO:      plugin.MinIO{Endpoint: user.Endpoint, AccessKey: user.AccessKey, SecretKey: user.SecretKey},
		Bucket:     s.bucket,
		SubmitRate: 100, SourceHosts: []string{"127.0.0.1"}, AllowInsecureSources: true,
	}
	s.serveProvider(200*time.Millisecond, 500*time.Millisecond, time.Second)
	s.serveBridge(callbackbridge.Config{Signaler: callbackbridge.NewSignaler(hosts, options)})
	return s
}

// serveProvider serves a provider that sends a callback again after each of the pauses.
func (s *stack) serveProvider(retries ...time.Duration) {
	s.t.Helper()
	s.sim = kiesim.New(kiesim.Options{
		APIKey: apiKey, WebhookHMACKey: webhookKey, Credits: 1_000_000, RateLimit: kiesim.RateLimit{Tasks: -1},
		Logger: slog.New(slog.DiscardHandler), RetrySchedule: retries,
	})
	s.held = &heldAnswers{provider: s.sim, byTrack: map[string]chan struct{}{}}
	sim, provider := s.sim, httptest.NewServer(s.held)
	s.t.Cleanup(func() { _ = sim.Close(); provider.Close() })
	s.cfg.BaseURL = provider.URL
}

// serveBridge serves a bridge, which the callbacks of all that is submitted from now on reach.
func (s *stack) serveBridge(cfg callbackbridge.Config) {
	s.t.Helper()
	cfg.Secrets, cfg.HMACKeys = []string{callbackSecret}, []string{webhookKey}
	cfg.Logger = slog.New(slog.DiscardHandler)
	handler, err := callbackbridge.New(cfg)
	require.NoError(s.t, err)
	s.bridge = httptest.NewServer(handler)
	s.t.Cleanup(s.bridge.Close)
	s.cfg.CallbackBaseURL = s.bridge.URL
}

// startWorker starts a worker within this process. It is stopped when the test ends.
func (s *stack) startWorker() {
	s.t.Helper()
	p, err := plugin.New(s.cfg)
	require.NoError(s.t, err)
	w := worker.New(s.cfg.Client, s.queue, worker.Options{
		Plugins: []worker.Plugin{p}, WorkerStopTimeout: 5 * time.Second, MaxHeartbeatThrottleInterval: time.Second,
		// A busy machine with the race detector may keep a workflow from yielding for a second. The
		// SDK then leaves its goroutine to itself, which is a data race.
		DeadlockDetectionTimeout: time.Minute,
	})
	require.NoError(s.t, w.Start())
	s.t.Cleanup(w.Stop)
}

// on is the same stack, for a subtest.
func (s *stack) on(t *testing.T) *stack {
	t.Helper()
	sub := *s
	sub.t = t
	return &sub
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
	err := run.Get(ctx, &result)
	s.logIfOpen(ctx, run)
	require.NoError(s.t, err)
	return result
}

// failure waits for a run that must fail, and returns with what.
func (s *stack) failure(run client.WorkflowRun) (kind, message string, details stemflow.ErrorDetails) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	var app *temporal.ApplicationError
	err := run.Get(ctx, nil)
	s.logIfOpen(ctx, run)
	require.ErrorAs(s.t, err, &app)
	require.NoError(s.t, app.Details(&details))
	return app.Type(), app.Message(), details
}

// logIfOpen logs what a run has done that was awaited in vain.
func (s *stack) logIfOpen(ctx context.Context, run client.WorkflowRun) {
	s.t.Helper()
	if ctx.Err() == nil {
		return
	}
	for _, event := range s.history(run) {
		s.t.Log(event.GetEventTime().AsTime().Format(time.TimeOnly), event.GetEventType(), event.GetAttributes())
	}
	s.t.Log(s.pending(run))
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

func (s *stack) location(in stemflow.SeparateStemsInput) activityapi.Location {
	return archive.Locate(s.bucket, in.Prefix, in.Track())
}

// billed is how often the provider was paid for a track.
func (s *stack) billed(in stemflow.SeparateStemsInput) int {
	return len(s.charges(in))
}

// await waits until something has come about, in a test's clean-up too, when its context has ended.
func (s *stack) await(what string, reached func() bool) {
	s.t.Helper()
	s.awaitWithin(patience, what, reached)
}

func (s *stack) awaitWithin(patience time.Duration, what string, reached func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.Context()), patience)
	defer cancel()
	for begun := time.Now(); !reached(); {
		select {
		case <-ctx.Done():
			require.FailNow(s.t, "waited in vain until "+what)
		case <-time.After(pause(time.Since(begun))):
		}
	}
}

// pause is how long to wait before the next look. Most looks ask Temporal and the worker, and some
// tests wait for minutes: to look twenty times a second would keep the cores from those that work.
func pause(waited time.Duration) time.Duration {
	if waited < 10*time.Second {
		return 50 * time.Millisecond
	}
	return min(waited/20, 2*time.Second)
}

// awaitPhase waits until a run stands in a phase.
func (s *stack) awaitPhase(run client.WorkflowRun, phase stemflow.Phase) {
	s.t.Helper()
	s.await("the run is "+string(phase), func() bool {
		answer, err := s.client.QueryWorkflow(s.t.Context(), run.GetID(), run.GetRunID(), stemflow.QueryProgress)
		var progress stemflow.Progress
		return err == nil && answer.Get(&progress) == nil && progress.Phase == phase
	})
}

// charges are what the provider was paid for a track.
func (s *stack) charges(in stemflow.SeparateStemsInput) []kiesim.Charge {
	return slices.DeleteFunc(s.sim.Bill().Charges, func(c kiesim.Charge) bool { return c.AudioID != in.AudioID })
}

// requireArchived demands that the archive holds what a result says, byte for byte, and no other
// stem of the track.
func (s *stack) requireArchived(in stemflow.SeparateStemsInput, result stemflow.SeparateStemsResult) {
	s.t.Helper()
	manifest, ok := s.manifest(in)
	require.True(s.t, ok, "there is a manifest")
	require.Equal(s.t, result.SeparationTaskID, manifest.SeparationTaskID)
	require.Equal(s.t, result.Stems, manifest.Stems)
	want := []string{archive.ManifestKey(s.location(in)), archive.SubmissionKey(s.location(in))}
	for _, stem := range result.Stems {
		content := s.object(stem.Key)
		sum := sha256.Sum256(content)
		require.Equal(s.t, stem.SHA256, hex.EncodeToString(sum[:]))
		require.Equal(s.t, stem.Size, int64(len(content)))
		want = append(want, stem.Key)
	}
	require.ElementsMatch(s.t, want, s.keys(in))
	ledger := s.ledger(in)
	require.Equal(s.t, stemflow.SubmissionPaid, ledger.State)
	require.Equal(s.t, result.SeparationTaskID, ledger.SeparationTaskID)
}

// keys are all objects of a track.
func (s *stack) keys(in stemflow.SeparateStemsInput) []string {
	s.t.Helper()
	objects, err := s.store.List(s.t.Context(), s.bucket, s.location(in).Dir)
	require.NoError(s.t, err)
	keys := make([]string, len(objects))
	for i, object := range objects {
		keys[i] = object.Key
	}
	return keys
}

// history is all events of a run.
func (s *stack) history(run client.WorkflowRun) []*historypb.HistoryEvent {
	s.t.Helper()
	var events []*historypb.HistoryEvent
	iter := s.client.GetWorkflowHistory(
		s.t.Context(),
		run.GetID(),
		run.GetRunID(),
		false,
		enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT,
	)
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
