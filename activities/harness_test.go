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

// world is a real object store, the provider's simulator behind a real socket, and all activities on them.
type world struct {
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

func newWorld(t *testing.T) *world {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	metrics := metricstest.New()
	suite.SetMetricsHandler(metrics)
	w := &world{t: t, env: suite.NewTestActivityEnvironment(), metrics: metrics}
	w.sim = kiesim.New(kiesim.Options{RateLimit: kiesim.RateLimit{Tasks: -1}, Logger: slog.New(slog.DiscardHandler)})
	provider := httptest.NewServer(w.sim)
	t.Cleanup(func() { _ = w.sim.Close(); provider.Close() })

	options, bucket := serverstest.Bucket(t)
	store, err := archive.New(options)
	require.NoError(t, err)
	w.store, w.storeOptions, w.providerURL = store, options, provider.URL
	w.track = stemflow.Track{TaskID: "5c79be8e", AudioID: "e231-" + bucket, Type: stemflow.SeparateVocal}
	w.loc = archive.Locate(bucket, "", w.track)
	// No callback is delivered to this address; the simulator's attempts fail.
	w.use(provider.URL, "http://127.0.0.1:1")
	return w
}

// use puts the activities on a provider and a callback address.
func (w *world) use(providerURL, callbackURL string) {
	provider, err := kie.New(kie.Options{BaseURL: providerURL, APIKey: "key", Timeout: 2 * time.Second})
	require.NoError(w.t, err)
	keyring, err := token.NewKeyring([]string{"0123456789abcdef"})
	require.NoError(w.t, err)
	callback := CallbackAddress{BaseURL: callbackURL, Keyring: keyring}
	sources := source.New(source.Options{AllowedHosts: []string{"127.0.0.1"}, AllowInsecure: true, MaxSize: 1 << 20})
	prepare := &PrepareArchive{Store: w.store, Bucket: w.loc.Bucket, LedgerBucket: w.loc.Bucket, SubmitTaskQueue: "submits", CallbacksExpected: callback.Expected()}
	w.set = Set{
		PrepareArchive:      prepare,
		SubmitSeparation:    &SubmitSeparation{Store: w.store, Provider: provider, Callback: callback},
		RecordSubmission:    &RecordSubmission{Store: w.store},
		AdoptCallback:       &AdoptCallback{Store: w.store, Provider: provider, Callback: callback, Archive: prepare},
		GetSeparationRecord: &GetSeparationRecord{Provider: provider, Callback: callback},
		RenewSource:         &RenewSource{Provider: provider},
		ArchiveStem:         &ArchiveStem{Store: w.store, Sources: sources, Slots: NewSlots(2)},
		WriteManifest:       &WriteManifest{Store: w.store},

		PrepareCatalog:     &PrepareCatalog{Archive: prepare},
		ReadCatalog:        &ReadCatalog{Archive: prepare},
		GetBalance:         &GetBalance{Provider: provider},
		AwaitSeparation:    &AwaitSeparation{},
		RecordOutcomes:     &RecordOutcomes{Store: w.store},
		WriteCatalogReport: &WriteCatalogReport{Store: w.store},
	}
	w.set.Register(w.env)
	w.set.RegisterSubmit(w.env)
}

// call executes an activity by its registered name.
func call[Out any](w *world, name string, in any) (*Out, error) {
	value, err := w.env.ExecuteActivity(name, in)
	if err != nil {
		return nil, err
	}
	var out *Out
	if value.HasValue() {
		require.NoError(w.t, value.Get(&out))
	}
	return out, nil
}

func (w *world) submit(adjust ...func(*activityapi.SubmitSeparationInput)) (*activityapi.SubmittedSeparation, error) {
	in := activityapi.SubmitSeparationInput{
		Location: w.loc, Track: w.track, Attempt: 1, Deadline: stemflow.DefaultDeadline, TaskQueue: "separations",
	}
	for _, a := range adjust {
		a(&in)
	}
	return call[activityapi.SubmittedSeparation](w, activityapi.ActivitySubmitSeparation, in)
}

func (w *world) ledger() stemflow.Submission {
	var submission stemflow.Submission
	_, err := w.store.ReadJSON(w.t.Context(), w.loc.Bucket, archive.SubmissionKey(w.loc), &submission)
	require.NoError(w.t, err)
	return submission
}

func (w *world) write(key string, document any) {
	require.NoError(w.t, w.store.PutJSON(w.t.Context(), w.loc.Bucket, key, document))
}

func (w *world) billed() int { return len(w.sim.Bill().Charges) }

// requireType demands an ApplicationError of a type, and tells whether it is final.
func requireType(t *testing.T, err error, kind string) *temporal.ApplicationError {
	t.Helper()
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, kind, app.Type(), app.Message())
	return app
}

// The constants above are what the environment really says.
func TestEnvironmentNamesItsWorkflow(t *testing.T) {
	w := newWorld(t)
	w.env.RegisterActivityWithOptions(func(ctx context.Context) (string, error) {
		info := activity.GetInfo(ctx)
		return info.Namespace + " " + info.WorkflowExecution.ID + " " + info.WorkflowExecution.RunID, nil
	}, activity.RegisterOptions{Name: "who"})
	value, err := w.env.ExecuteActivity("who")
	require.NoError(t, err)
	var got string
	require.NoError(t, value.Get(&got))
	require.Equal(t, testNamespace+" "+testWorkflowID+" "+testRunID, got)
}

// newWorldOn is another worker's environment on the same store and provider.
func newWorldOn(w *world) *testsuite.TestActivityEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	w.set.RegisterSubmit(env)
	return env
}
