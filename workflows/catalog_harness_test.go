package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/metricstest"
	"stemflow/workflows"
)

// shelf is everything outside a catalogue's workflow: its list, the runs of its tracks, the
// provider's account, and what it has told. A test replaces what it is about.
type shelf struct {
	t       *testing.T
	env     *testsuite.TestWorkflowEnvironment
	metrics metricstest.Recorder
	in      stemflow.SeparateCatalogInput

	tracks []activityapi.CatalogTrack
	// separate says how the run of a track ends, and after how long. The simplest pays and
	// archives it after a minute.
	separate func(in stemflow.SeparateStemsInput) (time.Duration, activityapi.EndedSeparation)
	prepare  func() (*activityapi.PreparedCatalog, error)
	balance  func() (float64, error)
	report   func() error
	page     func(offset int64)
	// hooks are the worker's.
	hooks activityapi.Hooks
	// prelude is set up in each generation before it runs.
	prelude func()
	// longAfter makes a history long once it has started so many tracks; 0: never.
	longAfter int

	mu sync.Mutex
	// started are the audio ids of the runs in the order of their starts, with "+" before a forced
	// and the id behind a resumed one.
	started       []string
	running, most int
	paid          int
	inGeneration  int
	calls         map[string]int
	outcomes      map[int]stemflow.TrackOutcome
	reported      []stemflow.SeparateCatalogResult
	states        []activityapi.CatalogState
	// paidSince is from when on pages were to say what was paid.
	paidSince []*time.Time
	began     time.Time
}

// newShelf is one with so many tracks that all go well.
func newShelf(t *testing.T, tracks int) *shelf {
	s := &shelf{
		t: t, metrics: metricstest.New(), calls: map[string]int{}, outcomes: map[int]stemflow.TrackOutcome{},
		in: stemflow.SeparateCatalogInput{Name: "june", Source: &stemflow.ObjectRef{Key: "june.csv"}, Window: 10},
	}
	for i := range tracks {
		s.tracks = append(s.tracks, activityapi.CatalogTrack{
			Number: i + 1, Line: i + 2, Input: stemflow.SeparateStemsInput{TaskID: "t", AudioID: fmt.Sprintf("a%d", i+1)},
		})
	}
	s.separate = func(in stemflow.SeparateStemsInput) (time.Duration, activityapi.EndedSeparation) {
		return time.Minute, separated(in)
	}
	s.prepare = func() (*activityapi.PreparedCatalog, error) {
		return &activityapi.PreparedCatalog{
			Location: activityapi.Location{Bucket: "stems", Dir: "_catalogs/june/run/"},
			ETag:     "etag",
			Tracks:   len(s.tracks),
		}, nil
	}
	s.balance = func() (float64, error) { return 1_000_000, nil }
	s.report = func() error { return nil }
	s.page = func(int64) {}
	s.prelude = func() {}
	return s
}

// separated is the end of a run that paid, unless it was told what is paid for, and archived two
// stems.
func separated(in stemflow.SeparateStemsInput) activityapi.EndedSeparation {
	return activityapi.EndedSeparation{Result: &stemflow.SeparateStemsResult{
		SeparationTaskID: "sep-" + in.AudioID, SettledBy: stemflow.SettledByCallback, Paid: in.SeparationTaskID == "",
		Stems: []stemflow.Stem{*archived("vocals"), *archived("instrumental")},
	}}
}

func unpaid(reason string) activityapi.EndedSeparation {
	return activityapi.EndedSeparation{Reason: reason, Message: reason + " it is", Details: &stemflow.ErrorDetails{}}
}

func paidAndFailed(reason string) activityapi.EndedSeparation {
	return activityapi.EndedSeparation{
		Reason:  reason,
		Message: reason + " it is",
		Details: &stemflow.ErrorDetails{Paid: true, SeparationTaskID: "sep"},
	}
}

// fails makes the runs of some tracks, by their numbers, end so.
func (s *shelf) fails(end activityapi.EndedSeparation, numbers ...int) {
	before := s.separate
	s.separate = func(in stemflow.SeparateStemsInput) (time.Duration, activityapi.EndedSeparation) {
		var number int
		_, _ = fmt.Sscanf(in.AudioID, "a%d", &number)
		if slices.Contains(numbers, number) {
			return time.Minute, end
		}
		return before(in)
	}
}

// track stands in for the workflow SeparateStems.
func (s *shelf) track(ctx workflow.Context, in stemflow.SeparateStemsInput) (*stemflow.SeparateStemsResult, error) {
	takes, end := s.begin(in)
	err := workflow.Sleep(ctx, takes)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	if err != nil {
		s.paid += stemflow.Price(in.WithDefaults().Type)
		return nil, temporal.NewCanceledError(stemflow.ErrorDetails{SeparationTaskID: "sep-" + in.AudioID, Paid: true})
	}
	return s.end(in, end)
}

func (s *shelf) begin(in stemflow.SeparateStemsInput) (time.Duration, activityapi.EndedSeparation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := in.AudioID
	if in.Force {
		name = "+" + name
	}
	if in.SeparationTaskID != "" {
		name += ":" + in.SeparationTaskID
	}
	s.started = append(s.started, name)
	s.running++
	s.most = max(s.most, s.running)
	if s.inGeneration++; s.longAfter > 0 && s.inGeneration >= s.longAfter {
		s.env.SetCurrentHistoryLength(1_000_000)
	}
	return s.separate(in)
}

func (s *shelf) end(
	in stemflow.SeparateStemsInput,
	end activityapi.EndedSeparation,
) (*stemflow.SeparateStemsResult, error) {
	if end.Result != nil && end.Result.Paid || end.Details != nil && end.Details.Paid {
		s.paid += stemflow.Price(in.WithDefaults().Type)
	}
	switch {
	case end.Result != nil:
		return end.Result, nil
	case end.Reason == stemflow.ReasonCanceled:
		return nil, temporal.NewCanceledError(*end.Details)
	case end.Details == nil:
		return nil, temporal.NewNonRetryableApplicationError(end.Message, end.Reason, nil)
	default:
		return nil, temporal.NewNonRetryableApplicationError(end.Message, end.Reason, nil, *end.Details)
	}
}

// newEnv is the environment of one generation.
func (s *shelf) newEnv() {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	suite.SetMetricsHandler(s.metrics)
	now := s.began
	if s.env != nil {
		now = s.env.Now()
	}
	s.env = suite.NewTestWorkflowEnvironment()
	if !now.IsZero() {
		s.env.SetStartTime(now)
	}
	s.env.SetTestTimeout(time.Minute)
	s.env.SetDetachedChildWait(false)
	workflows.Register(s.env)
	s.env.RegisterWorkflowWithOptions(s.track, workflow.RegisterOptions{
		Name: stemflow.WorkflowSeparateStems, DisableAlreadyRegisteredCheck: true,
	})
	shelve(
		s,
		activityapi.ActivityPrepareCatalog,
		func(stemflow.SeparateCatalogInput) (*activityapi.PreparedCatalog, error) { return s.prepare() },
	)
	shelve(s, activityapi.ActivityReadCatalog, func(in activityapi.ReadCatalogInput) (*activityapi.CatalogPage, error) {
		require.Equal(s.t, "etag", in.ETag)
		s.page(in.Offset)
		s.paidSince = append(s.paidSince, in.PaidSince)
		end := min(int(in.Offset)+activityapi.CatalogPageSize, len(s.tracks))
		page := &activityapi.CatalogPage{Tracks: s.tracks[in.Offset:end]}
		if end < len(s.tracks) {
			page.Next = int64(end)
		}
		return page, nil
	})
	s.env.RegisterActivityWithOptions(func(context.Context) (*activityapi.Balance, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls[activityapi.ActivityGetBalance]++
		credits, err := s.balance()
		return &activityapi.Balance{Credits: credits}, err
	}, activity.RegisterOptions{Name: activityapi.ActivityGetBalance})
	s.env.RegisterActivityWithOptions(func(context.Context) (*activityapi.Hooks, error) {
		return &s.hooks, nil
	}, activity.RegisterOptions{Name: activityapi.ActivityListHooks})
	shelve(
		s,
		activityapi.ActivityAwaitSeparation,
		func(in activityapi.AwaitSeparationInput) (*activityapi.EndedSeparation, error) { return s.awaited(in) },
	)
	shelve(s, activityapi.ActivityRecordOutcomes, func(in activityapi.RecordOutcomesInput) (*struct{}, error) {
		for _, outcome := range in.Outcomes {
			require.NotContains(s.t, s.outcomes, outcome.Number, "a track has one outcome")
			s.outcomes[outcome.Number] = outcome
		}
		return nil, nil
	})
	shelve(
		s,
		activityapi.ActivityWriteCatalogReport,
		func(in activityapi.WriteCatalogReportInput) (*stemflow.ReportRefs, error) {
			s.reported = append(s.reported, in.Result)
			return &stemflow.ReportRefs{
				CSV:  stemflow.ObjectRef{Bucket: "stems", Key: "report.csv"},
				JSON: stemflow.ObjectRef{Bucket: "stems", Key: "report.json"},
			}, s.report()
		},
	)
}

func shelve[In, Out any](s *shelf, name string, fn func(In) (*Out, error)) {
	s.env.RegisterActivityWithOptions(func(_ context.Context, in In) (*Out, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls[name]++
		return fn(in)
	}, activity.RegisterOptions{Name: name})
}

// awaited is how a run that an earlier generation has started ended: it is still running at the
// first look.
func (s *shelf) awaited(in activityapi.AwaitSeparationInput) (*activityapi.EndedSeparation, error) {
	if s.calls[in.WorkflowID]++; s.calls[in.WorkflowID] == 1 {
		return nil, again(activityapi.ActivityErrorStillRunning)
	}
	require.NotEmpty(s.t, in.RunID)
	for _, track := range s.tracks {
		if stemflow.WorkflowID(track.Input) == in.WorkflowID {
			_, end := s.separate(track.Input)
			s.running--
			_, _ = s.end(track.Input, end)
			return &end, nil
		}
	}
	return nil, errors.New("no such run: " + in.WorkflowID)
}

// run runs the catalogue to its end, however it ends, through all its generations.
func (s *shelf) run() {
	s.began = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	in, state := s.in, (*activityapi.CatalogState)(nil)
	for {
		s.newEnv()
		s.inGeneration = 0
		s.prelude()
		if state == nil {
			s.env.ExecuteWorkflow(stemflow.WorkflowSeparateCatalog, in) // as a person starts it
		} else {
			s.env.ExecuteWorkflow(stemflow.WorkflowSeparateCatalog, in, state)
		}
		require.True(s.t, s.env.IsWorkflowCompleted())
		var next *workflow.ContinueAsNewError
		if !errors.As(s.env.GetWorkflowError(), &next) {
			return
		}
		in, state = stemflow.SeparateCatalogInput{}, &activityapi.CatalogState{}
		require.NoError(s.t, converter.GetDefaultDataConverter().FromPayloads(next.Input, &in, state))
		size := 0
		for _, payload := range next.Input.Payloads {
			size += len(payload.Data)
		}
		require.Less(s.t, size, 20_000)
		require.Empty(s.t, in.Tracks)
		s.states = append(s.states, *state)
	}
}

func (s *shelf) generations() int { return len(s.states) + 1 }

// result requires that the catalogue came to its end, and every track to one.
func (s *shelf) result() stemflow.SeparateCatalogResult {
	s.t.Helper()
	require.NoError(s.t, s.env.GetWorkflowError())
	var result stemflow.SeparateCatalogResult
	require.NoError(s.t, s.env.GetWorkflowResult(&result))
	require.Equal(s.t, len(s.tracks), result.Tracks)
	require.Equal(s.t, len(s.tracks), result.Ended())
	require.Len(s.t, s.outcomes, len(s.tracks))
	s.account(result)
	return result
}

// account requires that a result says what was told of the tracks, and what they cost.
func (s *shelf) account(result stemflow.SeparateCatalogResult) {
	s.t.Helper()
	var counts stemflow.CatalogCounts
	credits := 0
	for _, outcome := range s.outcomes {
		counts.Add(outcome.Status)
		credits += outcome.Credits
		require.Equal(s.t, outcome.Number+1, outcome.Line)
	}
	require.Equal(s.t, counts, result.CatalogCounts)
	require.Equal(s.t, credits, result.Credits)
	require.Equal(s.t, s.paid, result.Credits)
	require.NotEmpty(s.t, s.reported)
	reported := s.reported[len(s.reported)-1]
	reported.Report = result.Report
	require.Equal(s.t, result, reported)
}

// failure is with what the catalogue ended that did not come to its end.
func (s *shelf) failure() (kind, message string, result stemflow.SeparateCatalogResult) {
	s.t.Helper()
	err := s.env.GetWorkflowError()
	var cancelled *temporal.CanceledError
	if errors.As(err, &cancelled) {
		require.NoError(s.t, cancelled.Details(&result))
		return stemflow.ReasonCanceled, "", result
	}
	var app *temporal.ApplicationError
	require.ErrorAs(s.t, err, &app)
	require.True(s.t, app.NonRetryable())
	require.NoError(s.t, app.Details(&result))
	return app.Type(), app.Message(), result
}

// after does something when the generation is this old.
func (s *shelf) after(d time.Duration, do func()) { s.env.RegisterDelayedCallback(do, d) }

// update sends an update that must be accepted, and hands the progress that it answers with to a
// check.
func (s *shelf) update(name string, check func(stemflow.CatalogProgress), args ...any) {
	s.t.Helper()
	s.env.UpdateWorkflow(name, "", &testsuite.TestUpdateCallback{
		OnAccept: func() {},
		OnReject: func(err error) { require.NoError(s.t, err) },
		OnComplete: func(answer any, err error) {
			require.NoError(s.t, err)
			if check != nil {
				check(answer.(stemflow.CatalogProgress))
			}
		},
	}, args...)
}

func (s *shelf) progress() stemflow.CatalogProgress {
	s.t.Helper()
	value, err := s.env.QueryWorkflow(stemflow.QueryProgress)
	require.NoError(s.t, err)
	var p stemflow.CatalogProgress
	require.NoError(s.t, value.Get(&p))
	return p
}
