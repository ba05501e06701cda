package workflows_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/activityapi"
)

// asked is an update's way through the test environment.
type asked struct {
	rejected, failed error
	answer           stemflow.PollNowResult
}

func (a *asked) Accept()          {}
func (a *asked) Reject(err error) { a.rejected = err }
func (a *asked) Complete(result any, err error) {
	a.failed = err
	if err == nil {
		a.answer = result.(stemflow.PollNowResult)
	}
}

// pollNowAfter asks when the run is this old.
func (w *harness) pollNowAfter(d time.Duration) *asked {
	a := &asked{}
	w.env.RegisterDelayedCallback(func() { w.env.UpdateWorkflow(stemflow.UpdatePollNow, d.String(), a) }, d)
	return a
}

func TestPollNowSettlesTheRun(t *testing.T) {
	w := newHarness(t)
	a := w.pollNowAfter(10 * time.Second)
	w.run(input())
	require.Equal(t, stemflow.SettledByPoll, w.result().SettledBy)
	require.Less(t, w.took(), time.Minute, "the callback would have been waited for, for three")
	require.Equal(t, stemflow.PollNowResult{
		SeparationTaskID: separationID, State: stemflow.RecordDone, Stems: []string{"vocals", "instrumental"},
	}, a.answer)
}

func TestPollNowSaysWhatTheProviderSaid(t *testing.T) {
	for name, c := range map[string]struct {
		record *activityapi.SeparationRecord
		err    error
		state  stemflow.RecordState
		code   int
		says   string
	}{
		"pending":    {&activityapi.SeparationRecord{Pending: true}, nil, stemflow.RecordPending, 0, ""},
		"no record":  {nil, again(activityapi.ActivityErrorNoRecord), stemflow.RecordUnknown, 0, activityapi.ActivityErrorNoRecord},
		"unreadable": {nil, errors.New("connection refused"), stemflow.RecordUnknown, 0, "connection refused"},
		"no answer": {
			nil, temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE, nil),
			stemflow.RecordUnknown, 0, "no answer within 45s: ask again",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t)
			w.get = func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
				if w.took() < time.Minute {
					require.True(t, in.ReportPending)
					return c.record, c.err
				}
				return done(), nil
			}
			a := w.pollNowAfter(10 * time.Second)
			w.run(input())
			require.Equal(t, stemflow.SettledByPoll, w.result().SettledBy, "the run goes on as if nobody had asked")
			require.GreaterOrEqual(t, w.took(), 3*time.Minute)
			require.Equal(t, c.state, a.answer.State)
			require.Contains(t, a.answer.Message, c.says)
		})
	}
}

func TestPollNowEndsARunThatFailed(t *testing.T) {
	w := newHarness(t)
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		return nil, failed(
			stemflow.ErrorSeparationFailed,
			stemflow.ErrorDetails{ProviderCode: 531, ProviderMessage: "refunded"},
		)
	}
	a := w.pollNowAfter(10 * time.Second)
	w.run(input())
	kind, _, details := w.failure()
	require.Equal(t, stemflow.ErrorSeparationFailed, kind)
	require.Equal(t, 531, details.ProviderCode)
	require.Equal(t, stemflow.RecordFailed, a.answer.State)
	require.Equal(t, 531, a.answer.ProviderCode)
	require.Equal(t, stemflow.SubmissionFailed, w.lastLedger().State)
}

func TestPollNowIsHarmlessWhenRepeated(t *testing.T) {
	w := newHarness(t)
	pending := true
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		if pending {
			return &activityapi.SeparationRecord{Pending: true}, nil
		}
		return done(), nil
	}
	first := []*asked{
		w.pollNowAfter(10 * time.Second),
		w.pollNowAfter(10 * time.Second),
		w.pollNowAfter(20 * time.Second),
	}
	w.env.RegisterDelayedCallback(func() { pending = false }, 30*time.Second)
	last := []*asked{w.pollNowAfter(40 * time.Second), w.pollNowAfter(40 * time.Second)}
	w.run(input())
	require.Len(t, w.result().Stems, 2)
	for _, a := range first {
		require.NoError(t, errors.Join(a.rejected, a.failed))
		require.Equal(t, stemflow.RecordPending, a.answer.State)
	}
	for _, a := range last {
		require.NoError(t, errors.Join(a.rejected, a.failed))
		require.Equal(t, stemflow.RecordDone, a.answer.State)
	}
	require.Equal(t, 2, w.calls[activityapi.ActivityArchiveStem])
	require.Len(t, w.manifests, 1)
}

// Anyone who asks while the stems are being archived is answered, and the run stays open for that.
func TestPollNowWhileArchiving(t *testing.T) {
	w := newHarness(t)
	a := &asked{}
	w.archive = func(in activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
		if in.Stem.Name == "vocals" {
			w.env.UpdateWorkflow(stemflow.UpdatePollNow, "while archiving", a)
		}
		return archived(in.Stem.Name), nil
	}
	w.callbackAfter(time.Second, success(separationID))
	w.run(input())
	require.Equal(t, stemflow.SettledByCallback, w.result().SettledBy)
	require.Equal(t, stemflow.RecordDone, a.answer.State)
}

// So is anyone who asks while the run records what callbacks named, the last thing that it does.
func TestPollNowAtTheEnd(t *testing.T) {
	w := newHarness(t)
	a := &asked{}
	w.adopt = func(activityapi.AdoptCallbackInput) (*activityapi.RecordedCallback, error) {
		w.env.UpdateWorkflow(stemflow.UpdatePollNow, "at the end", a)
		return nil, failed(activityapi.ActivityErrorNotOwn)
	}
	w.callbackAfter(time.Second, success(foreignID))
	w.callbackAfter(2*time.Second, success(separationID))
	w.run(input())
	w.result()
	require.NoError(t, a.rejected)
	require.Equal(t, stemflow.RecordDone, a.answer.State)
}

func TestPollNowIsRefusedWhereThereIsNothingToAskAbout(t *testing.T) {
	t.Run("before the submit", func(t *testing.T) {
		w := newHarness(t)
		a := &asked{}
		prepare := w.prepare
		w.prepare = func(in activityapi.PrepareArchiveInput) (*activityapi.PreparedArchive, error) {
			w.env.UpdateWorkflow(stemflow.UpdatePollNow, "early", a)
			return prepare(in)
		}
		w.callbackAfter(time.Second, success(separationID))
		w.run(input())
		w.result()
		require.ErrorContains(t, a.rejected, "nothing has been submitted yet")
	})
	t.Run("while the submit's outcome is unknown", func(t *testing.T) {
		w := newHarness(t)
		w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
			return nil, failed(activityapi.ActivityErrorSubmitUnknown)
		}
		a := w.pollNowAfter(time.Minute)
		w.callbackAfter(2*time.Minute, success(separationID))
		w.run(input())
		w.result()
		require.ErrorContains(t, a.rejected, "before the callback names it")
	})
}

// A cancelled run does not wait for the provider to answer.
func TestPollNowIsCancelledWithTheRun(t *testing.T) {
	w := newHarness(t)
	a := &asked{}
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		w.env.CancelWorkflow()
		return nil, again(activityapi.ActivityErrorPending)
	}
	w.env.RegisterDelayedCallback(func() { w.env.UpdateWorkflow(stemflow.UpdatePollNow, "asked", a) }, time.Minute)
	w.run(input())
	w.cancelled()
	require.NoError(t, a.rejected)
	require.Error(t, a.failed, "the answer did not come")
}
