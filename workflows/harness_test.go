package workflows_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/metricstest"
	"stemflow/workflows"
)

const separationID = "3e63b4cc88d52611159371f6af5571e7"

// harness is everything outside the workflow: its activities, as functions that a test replaces,
// and a count of their calls.
type harness struct {
	t       *testing.T
	env     *testsuite.TestWorkflowEnvironment
	metrics metricstest.Recorder

	prepare func(activityapi.PrepareArchiveInput) (*activityapi.PreparedArchive, error)
	submit  func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error)
	record  func(activityapi.RecordSubmissionInput) error
	adopt   func(activityapi.AdoptCallbackInput) (*activityapi.RecordedCallback, error)
	get     func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error)
	music   func(activityapi.GetMusicRecordInput) (*stemflow.Music, error)
	// musicAsked counts the calls of music.
	musicAsked atomic.Int32
	renew      func(activityapi.RenewSourceInput) (*stemflow.SourceStem, error)
	archive    func(activityapi.ArchiveStemInput) (*stemflow.Stem, error)
	manifest   func(activityapi.WriteManifestInput) (*stemflow.ObjectRef, error)
	// hooks are the worker's, and listHooks says why they cannot be listed. listed is how often
	// they were, which touches nothing.
	hooks     activityapi.Hooks
	listHooks func() error
	listed    int

	// mu makes the activities run one at a time, and none once the run is over, see execute.
	mu    sync.Mutex
	over  bool
	calls map[string]int
	// ledger are the states written by RecordSubmission, manifests what was committed.
	ledger    []stemflow.Submission
	takenBack []string
	// recorded is what RecordSubmission answers: that the run paid nothing, unless a test says
	// otherwise.
	recorded  activityapi.RecordedSubmission
	manifests []stemflow.Manifest
	began     time.Time
}

// newHarness is one in which everything goes well: the submit is accepted, the record is done, and
// stems are archived.
func newHarness(t *testing.T) *harness {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	metrics := metricstest.New()
	suite.SetMetricsHandler(metrics)
	w := &harness{t: t, env: suite.NewTestWorkflowEnvironment(), metrics: metrics, calls: map[string]int{},
		recorded: activityapi.RecordedSubmission{Unpaid: true}}
	w.prepare = func(in activityapi.PrepareArchiveInput) (*activityapi.PreparedArchive, error) {
		return &activityapi.PreparedArchive{
			Location:        activityapi.Location{Bucket: "stems", Dir: "task/audio/" + string(in.Track.Type) + "/"},
			SubmitTaskQueue: "stemflow-submit", CallbacksExpected: true,
		}, nil
	}
	w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		return &activityapi.SubmittedSeparation{SeparationTaskID: separationID, SubmittedAt: w.env.Now()}, nil
	}
	w.record = func(activityapi.RecordSubmissionInput) error { return nil }
	w.adopt = func(activityapi.AdoptCallbackInput) (*activityapi.RecordedCallback, error) {
		return nil, failed(activityapi.ActivityErrorNotOwn)
	}
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) { return done(), nil }
	w.renew = func(activityapi.RenewSourceInput) (*stemflow.SourceStem, error) {
		return nil, errors.New("no link needs renewal here")
	}
	w.archive = func(in activityapi.ArchiveStemInput) (*stemflow.Stem, error) { return archived(in.Stem.Name), nil }
	w.manifest = func(in activityapi.WriteManifestInput) (*stemflow.ObjectRef, error) {
		return &stemflow.ObjectRef{Bucket: in.Location.Bucket, Key: in.Location.Dir + "manifest.json"}, nil
	}

	stub(
		w,
		activityapi.ActivityPrepareArchive,
		func(in activityapi.PrepareArchiveInput) (*activityapi.PreparedArchive, error) { return w.prepare(in) },
	)
	stub(
		w,
		activityapi.ActivitySubmitSeparation,
		func(in activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
			return w.submit(in)
		},
	)
	stub(
		w,
		activityapi.ActivityRecordSubmission,
		func(in activityapi.RecordSubmissionInput) (*activityapi.RecordedSubmission, error) {
			w.ledger = append(w.ledger, in.Submission)
			w.takenBack = append(w.takenBack, in.Nonces...)
			return &w.recorded, w.record(in)
		},
	)
	stub(
		w,
		activityapi.ActivityAdoptCallback,
		func(in activityapi.AdoptCallbackInput) (*activityapi.RecordedCallback, error) {
			return w.adopt(in)
		},
	)
	stub(
		w,
		activityapi.ActivityGetSeparationRecord,
		func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) { return w.get(in) },
	)
	w.music = func(activityapi.GetMusicRecordInput) (*stemflow.Music, error) { return &stemflow.Music{}, nil }
	// A run does not wait for it, so it may be asked for when the test is about to read the calls.
	w.env.RegisterActivityWithOptions(
		func(_ context.Context, in activityapi.GetMusicRecordInput) (*stemflow.Music, error) {
			w.musicAsked.Add(1)
			return w.music(in)
		}, activity.RegisterOptions{Name: activityapi.ActivityGetMusicRecord})
	stub(
		w,
		activityapi.ActivityRenewSource,
		func(in activityapi.RenewSourceInput) (*stemflow.SourceStem, error) { return w.renew(in) },
	)
	stub(
		w,
		activityapi.ActivityArchiveStem,
		func(in activityapi.ArchiveStemInput) (*stemflow.Stem, error) { return w.archive(in) },
	)
	stub(w, activityapi.ActivityWriteManifest, func(in activityapi.WriteManifestInput) (*stemflow.ObjectRef, error) {
		w.manifests = append(w.manifests, in.Manifest)
		return w.manifest(in)
	})
	w.listHooks = func() error { return nil }
	w.env.RegisterActivityWithOptions(func(context.Context) (*activityapi.Hooks, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.over {
			return nil, errOver
		}
		w.listed++
		return &w.hooks, w.listHooks()
	}, activity.RegisterOptions{Name: activityapi.ActivityListHooks})
	workflows.Register(w.env)
	w.env.SetTestTimeout(30 * time.Second)
	return w
}

func stub[In, Out any](w *harness, name string, fn func(In) (*Out, error)) {
	w.env.RegisterActivityWithOptions(func(_ context.Context, in In) (*Out, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.over {
			return nil, errOver
		}
		w.calls[name]++
		return fn(in)
	}, activity.RegisterOptions{Name: name})
}

var errOver = errors.New("the run is over")

// execute runs a workflow to its end, however it ends. The test environment does not wait for the
// local activity of a run that was cancelled, so what the activities keep is the test's only when
// none can begin any more.
func (w *harness) execute(name string, in ...any) {
	w.began = w.env.Now()
	w.env.ExecuteWorkflow(name, in...)
	w.mu.Lock()
	w.over = true
	w.mu.Unlock()
	require.True(w.t, w.env.IsWorkflowCompleted())
}

func input() stemflow.SeparateStemsInput {
	return stemflow.SeparateStemsInput{TaskID: "task", AudioID: "audio"}
}

func done() *activityapi.SeparationRecord {
	return &activityapi.SeparationRecord{Stems: []stemflow.SourceStem{
		{Name: "vocals", URL: "https://files.example/v.mp3"},
		{Name: "instrumental", URL: "https://files.example/i.mp3"},
	}}
}

func archived(name string) *stemflow.Stem {
	return &stemflow.Stem{
		Name:        name,
		Bucket:      "stems",
		Key:         "task/audio/" + name + ".mp3",
		Size:        5,
		SHA256:      "ab",
		ContentType: "audio/mpeg",
	}
}

func success(taskID string) stemflow.Callback {
	return stemflow.Callback{
		TaskID: taskID,
		Code:   stemflow.CodeOK,
		Stems:  []stemflow.SourceStem{{Name: "vocals", URL: "https://callback.example/v.mp3"}},
	}
}

func failed(kind string, details ...any) error {
	return temporal.NewApplicationErrorWithOptions(
		kind,
		kind,
		temporal.ApplicationErrorOptions{NonRetryable: true, Details: details},
	)
}

func again(kind string) error { return temporal.NewApplicationError(kind, kind) }

// fetched keeps the links that stems are archived from.
func (w *harness) fetched() *[]string {
	var links []string
	w.archive = func(in activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
		links = append(links, in.Stem.URL)
		return archived(in.Stem.Name), nil
	}
	return &links
}

// callbackAfter delivers a callback when the run is this old.
func (w *harness) callbackAfter(d time.Duration, callback stemflow.Callback) {
	w.env.RegisterDelayedCallback(func() { w.env.SignalWorkflow(stemflow.SignalSeparationCallback, callback) }, d)
}

func (w *harness) cancelAfter(d time.Duration) {
	w.env.RegisterDelayedCallback(w.env.CancelWorkflow, d)
}

// fromBefore makes the run one that has begun before a change of the workflow.
func (w *harness) fromBefore(change string) {
	w.env.OnGetVersion(change, workflow.DefaultVersion, workflow.Version(1)).Return(workflow.DefaultVersion)
	w.env.OnGetVersion(mock.Anything, workflow.DefaultVersion, workflow.Version(1)).Return(workflow.Version(1))
}

// run runs the workflow to its end, however it ends.
func (w *harness) run(in any) { w.execute(stemflow.WorkflowSeparateStems, in) }

func (w *harness) took() time.Duration { return w.env.Now().Sub(w.began) }

func (w *harness) result() stemflow.SeparateStemsResult {
	w.t.Helper()
	require.NoError(w.t, w.env.GetWorkflowError())
	var result stemflow.SeparateStemsResult
	require.NoError(w.t, w.env.GetWorkflowResult(&result))
	return result
}

// failure is the type, message and details with which the run ended.
func (w *harness) failure() (kind, message string, details stemflow.ErrorDetails) {
	w.t.Helper()
	err := w.env.GetWorkflowError()
	require.Error(w.t, err)
	var app *temporal.ApplicationError
	require.ErrorAs(w.t, err, &app)
	require.True(w.t, app.NonRetryable())
	require.NoError(w.t, app.Details(&details))
	return app.Type(), app.Message(), details
}

func (w *harness) progress() stemflow.Progress {
	w.t.Helper()
	value, err := w.env.QueryWorkflow(stemflow.QueryProgress)
	require.NoError(w.t, err)
	var p stemflow.Progress
	require.NoError(w.t, value.Get(&p))
	return p
}

func (w *harness) lastLedger() stemflow.Submission {
	w.t.Helper()
	require.NotEmpty(w.t, w.ledger)
	return w.ledger[len(w.ledger)-1]
}
