package activities

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"golang.org/x/sync/semaphore"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/kie"
	"stemflow/internal/metricstest"
	"stemflow/internal/source"
	"stemflow/internal/token"
	"stemflow/kiesim"
)

func TestMain(m *testing.M) { os.Exit(serverstest.Run(m)) }

// What the test environment says of the workflow that an activity belongs to.
const (
	testWorkflowID = "default-test-workflow-id"
	testNamespace  = "default-test-namespace"
	testRunID      = "default-test-run-id"
)

// harness is a real object store, the provider's simulator behind a real socket, and all activities
// on them.
type harness struct {
	t       *testing.T
	env     *testsuite.TestActivityEnvironment
	metrics metricstest.Recorder
	sim     *kiesim.Simulator
	store   *archive.Store
	set     Set
	track   stemflow.Track
	loc     activityapi.Location

	providerURL  string
	storeOptions archive.Options
}

func newHarness(t *testing.T) *harness {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	metrics := metricstest.New()
	suite.SetMetricsHandler(metrics)
	h := &harness{t: t, env: suite.NewTestActivityEnvironment(), metrics: metrics}
	h.sim = kiesim.New(kiesim.Options{RateLimit: kiesim.RateLimit{Tasks: -1}, Logger: slog.New(slog.DiscardHandler)})
	provider := httptest.NewServer(h.sim)
	t.Cleanup(func() { _ = h.sim.Close(); provider.Close() })

	options, bucket := serverstest.Bucket(t)
	store, err := archive.New(options)
	require.NoError(t, err)
	h.store, h.storeOptions, h.providerURL = store, options, provider.URL
	h.track = stemflow.Track{TaskID: "5c79be8e", AudioID: "e231-" + bucket, Type: stemflow.SeparateVocal}
	h.loc = archive.Locate(bucket, "", h.track)
	// No callback is delivered to this address; the simulator's attempts fail.
	h.use(provider.URL, "http://127.0.0.1:1")
	return h
}

// use puts the activities on a provider and a callback address.
func (h *harness) use(providerURL, callbackURL string) {
	provider, err := kie.New(kie.Options{BaseURL: providerURL, APIKey: "key", Timeout: 2 * time.Second})
	require.NoError(h.t, err)
	keyring, err := token.NewKeyring([]string{"0123456789abcdef"})
	require.NoError(h.t, err)
	callback := CallbackAddress{BaseURL: callbackURL, Keyring: keyring}
	sources := source.New(source.Options{AllowedHosts: []string{"127.0.0.1"}, AllowInsecure: true, MaxSize: 1 << 20})
	prepare := &PrepareArchive{
		Store:             h.store,
		Bucket:            h.loc.Bucket,
		LedgerBucket:      h.loc.Bucket,
		SubmitTaskQueue:   "submits",
		CallbacksExpected: callback.Expected(),
	}
	h.set = Set{
		PrepareArchive:      prepare,
		SubmitSeparation:    &SubmitSeparation{Store: h.store, Provider: provider, Callback: callback},
		RecordSubmission:    &RecordSubmission{Store: h.store},
		AdoptCallback:       &AdoptCallback{Store: h.store, Provider: provider, Callback: callback, Archive: prepare},
		GetSeparationRecord: &GetSeparationRecord{Provider: provider, Callback: callback},
		RenewSource:         &RenewSource{Provider: provider},
		ArchiveStem:         &ArchiveStem{Store: h.store, Sources: sources, Transfers: semaphore.NewWeighted(2)},
		WriteManifest:       &WriteManifest{Store: h.store},

		PrepareSong:   &PrepareSong{Store: h.store, Provider: provider, Sources: sources},
		PrepareMIDI:   &PrepareMIDI{Store: h.store, Archive: prepare},
		SubmitMIDI:    &SubmitMIDI{Store: h.store, Provider: provider, Callback: callback},
		GetMIDIRecord: &GetMIDIRecord{Provider: provider},
		ArchiveMIDI:   &ArchiveMIDI{Store: h.store, Provider: provider, Scores: semaphore.NewWeighted(1)},

		PrepareCatalog:     &PrepareCatalog{Archive: prepare},
		ReadCatalog:        &ReadCatalog{Archive: prepare},
		GetBalance:         &GetBalance{Provider: provider},
		AwaitSeparation:    &AwaitSeparation{},
		AwaitCatalog:       &AwaitCatalog{},
		RecordOutcomes:     &RecordOutcomes{Store: h.store},
		WriteCatalogReport: &WriteCatalogReport{Store: h.store},
	}
	h.set.Register(h.env)
	h.set.RegisterSubmit(h.env)
}

// call executes an activity by its registered name.
func call[Out any](h *harness, name string, in any) (*Out, error) {
	value, err := h.env.ExecuteActivity(name, in)
	if err != nil {
		return nil, err
	}
	var out *Out
	if value.HasValue() {
		require.NoError(h.t, value.Get(&out))
	}
	return out, nil
}

func (h *harness) submit(adjust ...func(*activityapi.SubmitSeparationInput)) (*activityapi.SubmittedSeparation, error) {
	in := activityapi.SubmitSeparationInput{
		Location: h.loc, Track: h.track, Attempt: 1, Deadline: stemflow.DefaultDeadline, TaskQueue: "separations",
	}
	for _, a := range adjust {
		a(&in)
	}
	return call[activityapi.SubmittedSeparation](h, activityapi.ActivitySubmitSeparation, in)
}

func (h *harness) ledger() stemflow.Submission {
	var submission stemflow.Submission
	_, err := h.store.ReadJSON(h.t.Context(), h.loc.Bucket, archive.SubmissionKey(h.loc), &submission)
	require.NoError(h.t, err)
	return submission
}

func (h *harness) write(key string, document any) {
	require.NoError(h.t, h.store.PutJSON(h.t.Context(), h.loc.Bucket, key, document))
}

func (h *harness) billed() int { return len(h.sim.Bill().Charges) }

// requireType demands an ApplicationError of a type, and returns it.
func requireType(t *testing.T, err error, kind string) *temporal.ApplicationError {
	t.Helper()
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, kind, app.Type(), app.Message())
	return app
}

// The constants above are what the environment really says.
func TestEnvironmentNamesItsWorkflow(t *testing.T) {
	h := newHarness(t)
	h.env.RegisterActivityWithOptions(func(ctx context.Context) (string, error) {
		info := activity.GetInfo(ctx)
		return info.Namespace + " " + info.WorkflowExecution.ID + " " + info.WorkflowExecution.RunID, nil
	}, activity.RegisterOptions{Name: "who"})
	value, err := h.env.ExecuteActivity("who")
	require.NoError(t, err)
	var got string
	require.NoError(t, value.Get(&got))
	require.Equal(t, testNamespace+" "+testWorkflowID+" "+testRunID, got)
}

// newSubmitEnvironment is another worker's environment on the same store and provider.
func newSubmitEnvironment(h *harness) *testsuite.TestActivityEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	h.set.RegisterSubmit(env)
	return env
}
