package workflows_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
)

func TestCallbackSettlesTheRun(t *testing.T) {
	w := newHarness(t)
	w.callbackAfter(83*time.Second, success(separationID))
	w.run(input())

	result := w.result()
	require.Equal(t, stemflow.SettledByCallback, result.SettledBy)
	require.Equal(t, separationID, result.SeparationTaskID)
	require.Equal(t, []stemflow.Stem{*archived("vocals"), *archived("instrumental")}, result.Stems)
	require.Equal(t, 1, w.calls[activityapi.ActivityGetSeparationRecord], "the record is looked at once")
	require.Less(t, w.took(), 2*time.Minute)
	require.Len(t, w.manifests, 1)
	require.Equal(t, result.Stems, w.manifests[0].Stems)
	require.Equal(t, stemflow.PhaseDone, w.progress().Phase)
}

func TestLinksComeFromTheRecordNotFromTheCallback(t *testing.T) {
	w := newHarness(t)
	fetched := w.fetched()
	w.callbackAfter(time.Second, success(separationID))
	w.run(input())
	w.result()
	require.ElementsMatch(t, []string{"https://files.example/v.mp3", "https://files.example/i.mp3"}, *fetched)
}

func TestPollingTakesOverAfterTheGrace(t *testing.T) {
	w := newHarness(t)
	var polls []time.Duration
	w.get = func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		require.False(t, in.ReportPending)
		polls = append(polls, w.took())
		if len(polls) < 4 {
			return nil, again(activityapi.ActivityErrorPending)
		}
		return done(), nil
	}
	w.run(input())
	require.Equal(t, stemflow.SettledByPoll, w.result().SettledBy)
	require.Len(t, polls, 4)
	for i, at := range polls {
		require.InDelta(t, (3*time.Minute + time.Duration(i)*30*time.Second).Seconds(), at.Seconds(), 1)
	}
}

func TestPollingStartsAtOnceWithoutACallbackURL(t *testing.T) {
	w := newHarness(t)
	prepare := w.prepare
	w.prepare = func(in activityapi.PrepareArchiveInput) (*activityapi.PreparedArchive, error) {
		prepared, err := prepare(in)
		prepared.CallbacksExpected = false
		return prepared, err
	}
	w.run(input())
	require.Equal(t, stemflow.SettledByPoll, w.result().SettledBy)
	require.Less(t, w.took(), time.Minute)
}

func TestCallbackEndsPollingEarly(t *testing.T) {
	w := newHarness(t)
	finished := false
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		if !finished {
			return nil, again(activityapi.ActivityErrorPending)
		}
		return done(), nil
	}
	in := input()
	in.PollInterval = stemflow.Duration(20 * time.Minute)
	w.env.RegisterDelayedCallback(func() {
		finished = true
		w.env.SignalWorkflow(stemflow.SignalSeparationCallback, success(separationID))
	}, 4*time.Minute)
	w.run(in)
	require.Equal(t, stemflow.SettledByCallback, w.result().SettledBy)
	require.Less(t, w.took(), 5*time.Minute, "the next poll would have been at 23 minutes")
}

func TestEarlyCallbackIsKeptUntilTheSubmitHasAnswered(t *testing.T) {
	w := newHarness(t)
	submit := w.submit
	w.submit = func(in activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		w.env.SignalWorkflow(stemflow.SignalSeparationCallback, success(separationID))
		return submit(in)
	}
	w.run(input())
	require.Equal(t, stemflow.SettledByCallback, w.result().SettledBy)
	require.Less(t, w.took(), time.Minute)
}

// Anyone may send a signal by hand. One that does not decode is dropped, and the run goes on to
// hear everything else.
func TestSignalThatDoesNotDecodeChangesNothing(t *testing.T) {
	t.Run("the callback after it settles", func(t *testing.T) {
		w := newHarness(t)
		w.env.RegisterDelayedCallback(
			func() { w.env.SignalWorkflow(stemflow.SignalSeparationCallback, "what?") },
			time.Second,
		)
		w.callbackAfter(time.Minute, success(separationID))
		w.run(input())
		require.Equal(t, stemflow.SettledByCallback, w.result().SettledBy)
	})
	t.Run("a cancellation after it is heard", func(t *testing.T) {
		w := newHarness(t)
		w.env.RegisterDelayedCallback(
			func() { w.env.SignalWorkflow(stemflow.SignalSeparationCallback, "what?") },
			time.Second,
		)
		w.cancelAfter(time.Minute)
		w.run(input())
		require.Equal(t, separationID, w.cancelled().SeparationTaskID)
	})
}

func TestDuplicateCallbacksSettleOnce(t *testing.T) {
	w := newHarness(t)
	for range 3 {
		w.callbackAfter(time.Minute, success(separationID))
	}
	w.run(input())
	w.result()
	require.Equal(t, 1, w.calls[activityapi.ActivityGetSeparationRecord])
	require.Equal(t, 2, w.calls[activityapi.ActivityArchiveStem])
	require.Len(t, w.manifests, 1)
}

func TestCallbackForAnotherTaskIsIgnored(t *testing.T) {
	w := newHarness(t)
	w.callbackAfter(time.Minute, success("someone-elses"))
	w.run(input())
	require.Equal(t, stemflow.SettledByPoll, w.result().SettledBy)
	require.GreaterOrEqual(t, w.took(), 3*time.Minute)
	require.Equal(t, 1, w.calls[activityapi.ActivityGetSeparationRecord])
}

func TestFailureCallbackThatTheRecordDeniesFailsNothing(t *testing.T) {
	for name, state := range map[string]func() (*activityapi.SeparationRecord, error){
		"the record says success": func() (*activityapi.SeparationRecord, error) { return done(), nil },
		"the record says pending": func() (*activityapi.SeparationRecord, error) {
			return &activityapi.SeparationRecord{Pending: true}, nil
		},
		"the record cannot be read": func() (*activityapi.SeparationRecord, error) { return nil, again(activityapi.ActivityErrorPending) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t)
			w.get = func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
				if in.ReportPending {
					return state()
				}
				return done(), nil
			}
			w.callbackAfter(
				time.Minute,
				stemflow.Callback{TaskID: separationID, Code: 500, Message: "Vocal separation failed"},
			)
			w.run(input())
			require.Len(t, w.result().Stems, 2)
		})
	}
}

func TestConfirmedFailureEndsTheRunAndFreesTheLedger(t *testing.T) {
	w := newHarness(t)
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		return nil, failed(
			stemflow.ErrorSeparationFailed,
			stemflow.ErrorDetails{ProviderCode: 531, ProviderMessage: "refunded"},
		)
	}
	w.callbackAfter(time.Minute, stemflow.Callback{TaskID: separationID, Code: 531})
	w.run(input())
	kind, _, details := w.failure()
	require.Equal(t, stemflow.ErrorSeparationFailed, kind)
	require.Equal(
		t,
		stemflow.ErrorDetails{
			SeparationTaskID: separationID,
			Paid:             true,
			ProviderCode:     531,
			ProviderMessage:  "refunded",
		},
		details,
	)
	require.Equal(t, stemflow.SubmissionFailed, w.lastLedger().State)
	require.Equal(t, 531, w.lastLedger().ProviderCode)
	require.Equal(t, 1, w.calls[activityapi.ActivitySubmitSeparation])
}

func TestCallbackLinksServeWhenTheRecordCannotGiveThem(t *testing.T) {
	for _, kind := range []string{activityapi.ActivityErrorNoRecord, activityapi.ActivityErrorUnreadable,
		activityapi.ActivityErrorNoLinks} {
		t.Run(kind, func(t *testing.T) {
			w := newHarness(t)
			w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
				return nil, again(kind)
			}
			fetched := w.fetched()
			w.callbackAfter(time.Minute, success(separationID))
			w.run(input())
			require.Equal(t, []string{"instrumental"}, w.result().Empty)
			require.Equal(t, []string{"https://callback.example/v.mp3"}, *fetched)
		})
	}
}

// The provider's signature does not cover the body: a callback that says success while the record
// says pending may be forged.
func TestCallbackThatTheRecordDeniesIsNotFetched(t *testing.T) {
	w := newHarness(t)
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		if w.took() < 4*time.Minute {
			return nil, again(activityapi.ActivityErrorPending)
		}
		return done(), nil
	}
	fetched := w.fetched()
	w.callbackAfter(time.Minute, success(separationID))
	w.run(input())
	require.Equal(t, stemflow.SettledByPoll, w.result().SettledBy)
	require.ElementsMatch(t, []string{"https://files.example/v.mp3", "https://files.example/i.mp3"}, *fetched)
}

func TestNoStemsEndsTheRun(t *testing.T) {
	w := newHarness(t)
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		return nil, failed(stemflow.ErrorNoStems)
	}
	w.run(input())
	kind, _, details := w.failure()
	require.Equal(t, stemflow.ErrorNoStems, kind)
	require.Equal(t, separationID, details.SeparationTaskID)
}

func TestDeadlineEndsTheWait(t *testing.T) {
	w := newHarness(t)
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		return nil, again(activityapi.ActivityErrorPending)
	}
	in := input()
	in.PollInterval = stemflow.Duration(10 * time.Minute)
	w.run(in)
	kind, message, details := w.failure()
	require.Equal(t, stemflow.ErrorSeparationTimedOut, kind)
	require.Contains(t, message, separationID)
	require.Contains(t, message, "resume")
	require.Equal(t, separationID, details.SeparationTaskID)
	require.LessOrEqual(t, w.took(), 46*time.Minute)
	require.Empty(t, w.manifests)
}

func TestUnreadableRecordIsPolledOn(t *testing.T) {
	w := newHarness(t)
	tries := 0
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		if tries++; tries < 5 {
			return nil, errors.New("connection refused")
		}
		return done(), nil
	}
	w.run(input())
	require.Equal(t, stemflow.SettledByPoll, w.result().SettledBy)
}

// The look with which a resume begins is lost time and again, by workers that are killed: nothing
// has said what the provider has, and the deadline is far away.
func TestResumeWhoseFirstLookIsLostPollsOn(t *testing.T) {
	lost := func() *harness {
		w := newHarness(t)
		w.found(activityapi.PreparedArchive{Submission: paidBefore()})
		w.get = func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
			if in.ReportPending {
				return nil, errors.New("lost")
			}
			return done(), nil
		}
		return w
	}
	w := lost()
	w.run(input())
	require.Equal(t, stemflow.SettledByPoll, w.result().SettledBy)

	w = lost()
	w.fromBefore("resume-after-lost-look")
	w.run(input())
	kind, _, _ := w.failure()
	require.Equal(t, stemflow.ErrorSeparationTimedOut, kind)
}

// Polls have seen the separation that a callback named at work, which proves whose it is.
func TestSeparationThatIsAtWorkAtTheDeadlineIsKnown(t *testing.T) {
	for name, lastLook := range map[string]error{
		"at the last look": nil, "by polls alone": again(activityapi.ActivityErrorUnreadable),
	} {
		t.Run(name, func(t *testing.T) {
			atWork := func() *harness {
				w := unknownSubmit(t)
				w.get = func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
					switch {
					case w.took() < 5*time.Minute:
						return nil, again(activityapi.ActivityErrorUnreadable)
					case in.ReportPending && lastLook != nil:
						return nil, lastLook
					case in.ReportPending:
						return &activityapi.SeparationRecord{Pending: true}, nil
					}
					return nil, again(activityapi.ActivityErrorPending)
				}
				w.callbackAfter(time.Minute, stemflow.Callback{TaskID: separationID, Code: stemflow.CodeOK})
				return w
			}
			w := atWork()
			w.run(input())
			kind, _, details := w.failure()
			require.Equal(t, stemflow.ErrorSeparationTimedOut, kind)
			require.Equal(t, separationID, details.SeparationTaskID)
			require.Equal(t, stemflow.SubmissionPaid, w.lastLedger().State)

			w = atWork()
			w.fromBefore("own-while-open")
			w.run(input())
			kind, _, _ = w.failure()
			require.Equal(t, stemflow.ErrorSubmissionUnknown, kind)
		})
	}
}
