package workflows_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
)

// told keeps the deliveries that runs start. They go on beside the runs, so what is kept is what
// was started.
type told struct {
	interceptor.WorkerInterceptorBase
	ids    []string
	inputs []activityapi.DeliverEventInput
	// fail is how deliveries end.
	fail error
}

// listen keeps what an environment starts, and registers a stand-in for the workflow.
func (d *told) listen(env *testsuite.TestWorkflowEnvironment) {
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{d}})
	env.RegisterWorkflowWithOptions(
		func(workflow.Context, activityapi.DeliverEventInput) error { return d.fail },
		workflow.RegisterOptions{Name: activityapi.WorkflowDeliverEvent, DisableAlreadyRegisteredCheck: true},
	)
}

func (d *told) InterceptWorkflow(
	_ workflow.Context, next interceptor.WorkflowInboundInterceptor,
) interceptor.WorkflowInboundInterceptor {
	return &toldIn{interceptor.WorkflowInboundInterceptorBase{Next: next}, d}
}

type toldIn struct {
	interceptor.WorkflowInboundInterceptorBase
	told *told
}

func (i *toldIn) Init(out interceptor.WorkflowOutboundInterceptor) error {
	return i.Next.Init(&toldOut{interceptor.WorkflowOutboundInterceptorBase{Next: out}, i.told})
}

type toldOut struct {
	interceptor.WorkflowOutboundInterceptorBase
	told *told
}

func (o *toldOut) ExecuteChildWorkflow(ctx workflow.Context, name string, args ...any) workflow.ChildWorkflowFuture {
	if name == activityapi.WorkflowDeliverEvent {
		options := workflow.GetChildWorkflowOptions(ctx)
		o.told.ids = append(o.told.ids, options.WorkflowID)
		o.told.inputs = append(o.told.inputs, args[0].(activityapi.DeliverEventInput))
	}
	return o.Next.ExecuteChildWorkflow(ctx, name, args...)
}

func (d *told) one(t *testing.T) stemflow.Event {
	t.Helper()
	require.Len(t, d.inputs, 1)
	event := d.inputs[0].Event
	require.Equal(t, "stems-event:"+event.ID, d.ids[0])
	require.Regexp(t, `^evt_[a-z2-7]{32}$`, event.ID)
	require.Equal(t, time.UTC, event.Timestamp.Location())
	require.Equal(t, "default-test-namespace", event.Data.Namespace)
	require.NotEmpty(t, event.Data.WorkflowID)
	require.NotEmpty(t, event.Data.RunID)
	return event
}

// withHooks makes the worker one that has a webhook and a command.
func (w *harness) withHooks(events ...stemflow.EventType) *told {
	hooks := activityapi.Hooks{Names: []string{"webhook", "command"}, Events: events}
	prepare := w.prepare
	w.prepare = func(in activityapi.PrepareArchiveInput) (*activityapi.PreparedArchive, error) {
		prepared, err := prepare(in)
		if prepared != nil {
			prepared.Hooks = hooks
		}
		return prepared, err
	}
	w.hooks = hooks
	d := &told{}
	d.listen(w.env)
	return d
}

func TestAnArchivedTrackIsTold(t *testing.T) {
	w := newHarness(t)
	d := w.withHooks()
	in := input()
	in.Title = "Nocturne"
	w.run(in)
	result := w.result()
	event := d.one(t)
	require.Equal(t, []string{"webhook", "command"}, d.inputs[0].Hooks)
	require.Equal(t, stemflow.EventSeparationArchived, event.Type)
	require.Nil(t, event.Data.Catalog)
	require.Equal(t, &stemflow.SeparationEvent{
		Track: in.Track(), Title: "Nocturne", SeparationTaskID: separationID, SettledBy: result.SettledBy, Paid: true,
		Credits: 10, Manifest: &result.Manifest,
		Stems: []stemflow.EventStem{
			{Name: "vocals", Bucket: "stems", Key: "task/audio/vocals.mp3", Size: 5},
			{Name: "instrumental", Bucket: "stems", Key: "task/audio/instrumental.mp3", Size: 5},
		},
	}, event.Data.Separation)
	require.Zero(t, w.listed, "the run knew the hooks")
}

// The address of a song of one's own may be signed. It is told by its name alone.
func TestHooksDoNotSayTheAddressOfASong(t *testing.T) {
	w := newHarness(t)
	d := w.withHooks()
	w.run(stemflow.SeparateStemsInput{AudioURL: "https://songs.example/a/Nocturne.mp3?X-Amz-Signature=hunter2"})
	event := d.one(t)
	require.Equal(t, "Nocturne.mp3", event.Data.Separation.Title)
	require.Equal(t, stemflow.TaskURL, event.Data.Separation.Track.TaskID)
	body, err := json.Marshal(event)
	require.NoError(t, err)
	require.NotContains(t, string(body), "hunter2")
	require.NotContains(t, string(body), "songs.example")
}

func TestHowARunEndsIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*harness)
		in      stemflow.SeparateStemsInput
		kind    stemflow.EventType
		reason  string
		paid    bool
	}{
		"refused": {
			prepare: func(w *harness) {
				w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
					return nil, failed(stemflow.ErrorInsufficientCredits, stemflow.ErrorDetails{})
				}
			},
			in: input(), kind: stemflow.EventSeparationFailed, reason: stemflow.ErrorInsufficientCredits,
		},
		"wrong input, before the run knows the hooks": {
			in: stemflow.SeparateStemsInput{}, kind: stemflow.EventSeparationFailed, reason: stemflow.ErrorInvalidInput,
		},
		"no store, before the run knows the hooks": {
			prepare: func(w *harness) {
				w.prepare = func(activityapi.PrepareArchiveInput) (*activityapi.PreparedArchive, error) {
					return nil, failed(stemflow.ErrorArchiveUnavailable)
				}
			},
			in: input(), kind: stemflow.EventSeparationFailed, reason: stemflow.ErrorArchiveUnavailable,
		},
		"cancelled": {
			prepare: func(w *harness) { w.cancelAfter(time.Minute) },
			in:      input(), kind: stemflow.EventSeparationCancelled, reason: stemflow.ReasonCanceled, paid: true,
		},
		"cancelled before it knows the hooks": {
			prepare: func(w *harness) {
				w.prepare = func(activityapi.PrepareArchiveInput) (*activityapi.PreparedArchive, error) {
					return nil, again(stemflow.ErrorArchiveUnavailable)
				}
				w.cancelAfter(time.Second)
			},
			in: input(), kind: stemflow.EventSeparationCancelled, reason: stemflow.ReasonCanceled,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t)
			d := w.withHooks()
			if c.prepare != nil {
				c.prepare(w)
			}
			w.run(c.in)
			require.Error(t, w.env.GetWorkflowError())
			event := d.one(t)
			require.Equal(t, c.kind, event.Type)
			s := event.Data.Separation
			require.Equal(t, c.reason, s.Error.Type)
			require.NotEmpty(t, s.Error.Message)
			require.NotEmpty(t, s.Error.Remedy)
			require.Equal(t, c.paid, s.Paid)
			require.Equal(t, w.progress().Failure, s.Error)
		})
	}
}

// No record has proved that it is what the run has paid for.
func TestHooksDoNotSayWhatOnlyACallbackHasNamed(t *testing.T) {
	w := unknownSubmit(t)
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		return nil, again(activityapi.ActivityErrorUnreadable)
	}
	d := w.withHooks()
	w.callbackAfter(time.Minute, success(foreignID))
	w.run(input())
	kind, _, details := w.failure()
	require.Equal(t, stemflow.ErrorSubmissionUnknown, kind)
	require.Empty(t, details.SeparationTaskID)
	require.Empty(t, d.one(t).Data.Separation.SeparationTaskID)
}

func TestNobodyIsToldWithoutAHook(t *testing.T) {
	for name, events := range map[string][]stemflow.EventType{
		"no hook": nil, "hooks for other events": {stemflow.EventSeparationFailed, stemflow.EventCatalogEnded},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t)
			d := &told{}
			d.listen(w.env)
			if events != nil {
				d = w.withHooks(events...)
			}
			w.env.OnGetVersion("hooks", workflow.DefaultVersion, workflow.Version(1)).Panic("a marker costs an event")
			w.run(input())
			w.result()
			require.Empty(t, d.inputs)
			require.Zero(t, w.listed)
		})
	}
}

// A run from before hooks whose end is replayed has no commands for them.
func TestRunsFromBeforeHooksTellNobody(t *testing.T) {
	w := newHarness(t)
	d := w.withHooks()
	w.env.OnGetVersion("hooks", workflow.DefaultVersion, workflow.Version(1)).Return(workflow.DefaultVersion)
	w.run(input())
	w.result()
	require.Empty(t, d.inputs)
}

func TestAHookThatFailsChangesNothing(t *testing.T) {
	for name, fail := range map[string]func(*harness, *told){
		"the delivery fails": func(_ *harness, d *told) {
			d.fail = temporal.NewNonRetryableApplicationError("down", "EventNotDelivered", nil)
		},
		"the delivery cannot be started": func(w *harness, _ *told) {
			w.env.OnWorkflow(activityapi.WorkflowDeliverEvent, mock.Anything, mock.Anything).
				Return(temporal.NewNonRetryableApplicationError("no", "no", nil))
		},
		"it was told before": func(w *harness, _ *told) {
			w.env.OnWorkflow(activityapi.WorkflowDeliverEvent, mock.Anything, mock.Anything).
				Return(testsuite.ErrMockStartChildWorkflowFailed)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t)
			fail(w, w.withHooks())
			w.run(input())
			require.Len(t, w.result().Stems, 2)
			require.Equal(t, int64(1),
				w.metrics.Counters()["stemflow_separations{outcome=archived,type=separate_vocal}"])
		})
	}
	t.Run("the hooks cannot be listed", func(t *testing.T) {
		w := newHarness(t)
		d := w.withHooks()
		w.listHooks = func() error { return failed("gone") }
		w.run(stemflow.SeparateStemsInput{})
		kind, _, _ := w.failure()
		require.Equal(t, stemflow.ErrorInvalidInput, kind)
		require.Empty(t, d.inputs)
	})
}

// What has the same substance has the same id in every run of the chain that resets make, and
// nothing else has.
func TestAResetTellsTheSameEvent(t *testing.T) {
	ids := map[string]string{}
	once := func(adjust func(*harness)) string {
		w := newHarness(t)
		d := w.withHooks()
		adjust(w)
		w.run(input())
		return d.one(t).ID
	}
	ids["archived"] = once(func(*harness) {})
	require.Equal(t, ids["archived"], once(func(w *harness) { // after a reset the archive has it
		w.found(activityapi.PreparedArchive{
			Archived: &stemflow.SeparateStemsResult{
				SeparationTaskID: separationID, Stems: []stemflow.Stem{*archived("vocals"), *archived("instrumental")},
			},
		})
	}))
	ids["partial"] = once(func(w *harness) {
		w.found(activityapi.PreparedArchive{
			Archived: &stemflow.SeparateStemsResult{SeparationTaskID: separationID, Stems: []stemflow.Stem{*archived("vocals")}},
		})
	})
	for _, kind := range []string{stemflow.ErrorInsufficientCredits, stemflow.ErrorUnauthorized} {
		ids[kind] = once(func(w *harness) {
			w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
				return nil, failed(kind, stemflow.ErrorDetails{})
			}
		})
	}
	ids["cancelled"] = once(func(w *harness) { w.cancelAfter(time.Second) })
	seen := map[string]string{}
	for name, id := range ids {
		require.Empty(t, seen[id], name)
		seen[id] = name
	}
}

// Whatever an input and a provider name, an event stays small, and Temporal and JSON take it.
func TestEventsAreBounded(t *testing.T) {
	long := strings.Repeat("\x00<\xff", 1<<12)
	w := newHarness(t)
	d := w.withHooks()
	w.run(stemflow.SeparateStemsInput{
		TaskID: long, AudioID: long, Type: stemflow.SeparationType(long), StemName: long, Title: long,
	})
	kind, _, _ := w.failure()
	require.Equal(t, stemflow.ErrorInvalidInput, kind)
	requireBounded(t, d.one(t))

	w = newHarness(t)
	d = w.withHooks()
	key := strings.Repeat("k", 1024)
	stems := make([]stemflow.Stem, stemflow.MaxStems)
	for i := range stems {
		stems[i] = stemflow.Stem{Name: long, Bucket: strings.Repeat("b", 63), Key: key}
	}
	w.found(activityapi.PreparedArchive{
		Archived: &stemflow.SeparateStemsResult{SeparationTaskID: long, Stems: stems},
	})
	w.run(input())
	requireBounded(t, d.one(t))
}

func requireBounded(t *testing.T, event stemflow.Event) {
	t.Helper()
	body, err := json.Marshal(event)
	require.NoError(t, err)
	require.Less(t, len(body), stemflow.MaxEventBytes)
}

func (s *shelf) withHooks(events ...stemflow.EventType) *told {
	d := &told{}
	s.hooks = activityapi.Hooks{Names: []string{"webhook"}, Events: events}
	before := s.prelude
	s.prelude = func() {
		before()
		d.listen(s.env)
	}
	return d
}

func TestTheEndOfACatalogIsTold(t *testing.T) {
	s := newShelf(t, 4)
	d := s.withHooks()
	s.fails(unpaid(stemflow.ErrorProviderRejected), 2)
	s.run()
	result := s.result()
	event := d.one(t)
	require.Equal(t, stemflow.EventCatalogEnded, event.Type)
	require.Nil(t, event.Data.Separation)
	require.Equal(t, &stemflow.CatalogEvent{
		Name: "june", Tracks: 4, CatalogCounts: stemflow.CatalogCounts{Archived: 3, Failed: 1}, Credits: 30,
		Report: &result.Report,
	}, event.Data.Catalog)
}

func TestACatalogThatEndsEarlyIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*shelf)
		reason  string
	}{
		"wrong input": {func(s *shelf) { s.in.Name = strings.Repeat("x", 1<<12) }, stemflow.ErrorInvalidInput},
		"wrong list": {func(s *shelf) {
			s.prepare = func() (*activityapi.PreparedCatalog, error) { return nil, failed(stemflow.ErrorInvalidInput) }
		}, stemflow.ErrorInvalidInput},
		"cancelled": {func(s *shelf) {
			s.prelude = func() { s.after(30*time.Second, func() { s.env.CancelWorkflow() }) }
		}, stemflow.ReasonCanceled},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, 4)
			c.prepare(s)
			d := s.withHooks()
			s.run()
			kind, _, _ := s.failure()
			require.Equal(t, c.reason, kind)
			event := d.one(t)
			require.Equal(t, stemflow.EventCatalogEnded, event.Type)
			require.Equal(t, c.reason, event.Data.Catalog.Error.Type)
			require.NotEmpty(t, event.Data.Catalog.Error.Remedy)
			requireBounded(t, event)
		})
	}
}

func TestPausesAreTold(t *testing.T) {
	s := newShelf(t, 6)
	s.in.Window = 1
	d := s.withHooks()
	s.fails(unpaid(stemflow.ErrorUnauthorized), 1)
	before := s.prelude
	s.prelude = func() {
		before()
		s.after(10*time.Minute, func() {
			s.separate = func(in stemflow.SeparateStemsInput) (time.Duration, activityapi.EndedSeparation) {
				return time.Minute, separated(in)
			}
			s.update(stemflow.UpdateResume, nil)
		})
		s.after(12*time.Minute+30*time.Second, func() { s.update(stemflow.UpdatePause, nil) })
		s.after(13*time.Minute, func() { s.update(stemflow.UpdatePause, nil) }) // it is paused: nothing to tell
		s.after(20*time.Minute, func() { s.update(stemflow.UpdateResume, nil) })
		s.after(21*time.Minute, func() { s.update(stemflow.UpdatePause, nil) })
		s.after(30*time.Minute, func() { s.update(stemflow.UpdateResume, nil) })
	}
	s.run()
	s.result()
	require.Len(t, d.inputs, 4)
	ids := map[string]bool{}
	for i, want := range []struct {
		kind   stemflow.EventType
		reason string
		remedy string
	}{
		{stemflow.EventCatalogPaused, stemflow.ErrorUnauthorized, "; then resume the catalogue, which tries one track first"},
		{stemflow.EventCatalogPaused, stemflow.PauseRequested, "resume the catalogue to go on"},
		{stemflow.EventCatalogPaused, stemflow.PauseRequested, "resume the catalogue to go on"},
		{kind: stemflow.EventCatalogEnded},
	} {
		event := d.inputs[i].Event
		require.Equal(t, want.kind, event.Type)
		ids[event.ID] = true
		if want.reason != "" {
			paused := event.Data.Catalog.Paused
			require.Equal(t, want.reason, paused.Reason)
			require.Contains(t, paused.Remedy, want.remedy)
			require.False(t, paused.Since.IsZero())
			require.Equal(t, 6, event.Data.Catalog.Tracks)
		}
	}
	require.Len(t, ids, 4, "each pause is an event of its own")
}

// A catalogue that continues as new has handed its events over before, and a long one tells its end
// once.
func TestACatalogOfManyRunsTellsEachEventOnce(t *testing.T) {
	s := newShelf(t, 30)
	s.longAfter = 7
	s.in.Window = 2
	d := s.withHooks()
	before := s.prelude
	s.prelude = func() {
		before()
		if s.generations() == 2 {
			s.after(10*time.Second, func() { s.update(stemflow.UpdatePause, nil) })
			s.after(10*time.Minute, func() { s.update(stemflow.UpdateResume, nil) })
		}
	}
	s.run()
	s.result()
	require.Greater(t, s.generations(), 2)
	var kinds []stemflow.EventType
	for _, in := range d.inputs {
		kinds = append(kinds, in.Event.Type)
	}
	require.Equal(t, []stemflow.EventType{stemflow.EventCatalogPaused, stemflow.EventCatalogEnded}, kinds)
}

func TestCatalogsTellOnlyWhatIsAskedFor(t *testing.T) {
	s := newShelf(t, 2)
	d := s.withHooks(stemflow.EventCatalogPaused)
	s.run()
	s.result()
	require.Empty(t, d.inputs)
}
