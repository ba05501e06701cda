package workflows_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
)

const foreignID = "e649edb7abfd759285bd41a47a634b10"

// adopted lets the ledger take up what callbacks named, and keeps what it was asked for.
func (w *harness) adopted(outcome activityapi.CallbackOutcome) *[]activityapi.AdoptCallbackInput {
	var asked []activityapi.AdoptCallbackInput
	w.adopt = func(in activityapi.AdoptCallbackInput) (*activityapi.RecordedCallback, error) {
		asked = append(asked, in)
		return &activityapi.RecordedCallback{
			SeparationTaskID: in.SeparationTaskID, Owner: "an-earlier-run", Outcome: outcome,
		}, nil
	}
	return &asked
}

func separations(asked []activityapi.AdoptCallbackInput) []string {
	var ids []string
	for _, in := range asked {
		ids = append(ids, in.SeparationTaskID)
	}
	return ids
}

// A signal reaches the latest run of a workflow id, whichever run its callback is for.
func TestAnEarlierRunsCallbackReachesTheLedger(t *testing.T) {
	unknown := func(w *harness) {
		w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
			return nil, failed(activityapi.ActivityErrorSubmitUnknown)
		}
		w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
			return nil, failed(activityapi.ActivityErrorNotOwn)
		}
	}
	for name, c := range map[string]struct {
		prepare func(*harness)
		ends    func(*testing.T, *harness)
	}{
		"of a run that settles its own": {
			prepare: func(w *harness) { w.callbackAfter(time.Minute, success(foreignID)) },
			ends:    func(t *testing.T, w *harness) { require.Equal(t, separationID, w.result().SeparationTaskID) },
		},
		"while stems are archived": {
			prepare: func(w *harness) {
				w.callbackAfter(time.Second, success(separationID))
				archive := w.archive
				w.archive = func(in activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
					w.env.SignalWorkflow(stemflow.SignalSeparationCallback, success(foreignID))
					return archive(in)
				}
			},
			ends: func(t *testing.T, w *harness) { require.Equal(t, separationID, w.result().SeparationTaskID) },
		},
		"of a run whose own submit is unknown": {
			prepare: func(w *harness) {
				unknown(w)
				w.callbackAfter(time.Minute, success(foreignID))
			},
			ends: func(t *testing.T, w *harness) {
				kind, message, details := w.failure()
				require.Equal(t, stemflow.ErrorSubmissionUnknown, kind)
				require.Equal(t, 1, strings.Count(message, foreignID), message)
				require.Contains(t, message, "resumes what is paid for")
				require.Empty(t, details.SeparationTaskID)
			},
		},
		"of a run that is held by the intent of the earlier one": {
			prepare: func(w *harness) {
				w.submit = func(in activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
					if in.Attempt < 3 {
						return nil, failed(activityapi.ActivityErrorSubmitHeld)
					}
					return nil, failed(stemflow.ErrorSubmissionUnknown)
				}
				w.callbackAfter(time.Second, success(foreignID))
			},
			ends: func(t *testing.T, w *harness) {
				kind, message, _ := w.failure()
				require.Equal(t, stemflow.ErrorSubmissionUnknown, kind)
				require.Contains(t, message, foreignID)
			},
		},
		"of a run that is cancelled": {
			prepare: func(w *harness) {
				w.callbackAfter(time.Minute, success(foreignID))
				w.cancelAfter(2 * time.Minute)
			},
			ends: func(t *testing.T, w *harness) { require.Equal(t, separationID, w.cancelled().SeparationTaskID) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t)
			asked := w.adopted(activityapi.CallbackRecorded)
			c.prepare(w)
			w.run(input())
			c.ends(t, w)
			track := stemflow.Track{TaskID: "task", AudioID: "audio", Type: stemflow.SeparateVocal}
			require.Equal(t, []activityapi.AdoptCallbackInput{
				{SeparationTaskID: foreignID, WorkflowID: "default-test-workflow-id", Track: track},
			}, *asked, "once, by whichever of the workflow's runs")
		})
	}
}

func TestOwnCallbacksAreNotTakenForAnotherRuns(t *testing.T) {
	w := newHarness(t)
	for _, at := range []time.Duration{time.Second, time.Minute} {
		w.callbackAfter(at, success(separationID))
	}
	w.archive = func(in activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
		w.env.SignalWorkflow(stemflow.SignalSeparationCallback, success(separationID))
		return archived(in.Stem.Name), nil
	}
	w.run(input())
	w.result()
	require.Zero(t, w.calls[activityapi.ActivityAdoptCallback])
}

// Anyone who holds a token can name any number of tasks.
func TestOnlySoManyForeignCallbacksAreRecorded(t *testing.T) {
	w := newHarness(t)
	asked := w.adopted(activityapi.CallbackLeft)
	for i := range 30 {
		w.callbackAfter(time.Duration(i)*time.Second, success(fmt.Sprintf("made-up-%d", i%20)))
	}
	w.callbackAfter(time.Minute, success(separationID))
	w.run(input())
	w.result()
	first := []string{"made-up-0", "made-up-1", "made-up-2", "made-up-3", "made-up-4"}
	require.ElementsMatch(t, first, separations(*asked))
}

// A callback that comes while the run is recording another one is recorded as well.
func TestForeignCallbackDuringTheLastLookIsRecorded(t *testing.T) {
	w := newHarness(t)
	var asked []string
	w.adopt = func(in activityapi.AdoptCallbackInput) (*activityapi.RecordedCallback, error) {
		asked = append(asked, in.SeparationTaskID)
		w.env.SignalWorkflow(stemflow.SignalSeparationCallback, success("second"))
		return nil, failed(activityapi.ActivityErrorNotOwn)
	}
	w.callbackAfter(time.Second, success(foreignID))
	w.callbackAfter(time.Minute, success(separationID))
	w.run(input())
	w.result()
	require.Equal(t, []string{foreignID, "second"}, asked)
}

func TestForeignCallbacksHoldUpTheEndOnlyBriefly(t *testing.T) {
	const brief = 2*time.Minute + 15*time.Second
	for name, c := range map[string]struct {
		prepare     func(*harness)
		fails       bool
		least, most time.Duration
	}{
		"of a run that is done": {
			prepare: func(w *harness) { w.callbackAfter(2*time.Minute, success(separationID)) }, most: brief,
		},
		"of a cancelled one": {
			prepare: func(w *harness) { w.cancelAfter(2 * time.Minute) }, fails: true, most: brief,
		},
		"of one that failed": {
			prepare: func(w *harness) {
				w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
					return nil, failed(stemflow.ErrorSeparationFailed)
				}
				w.callbackAfter(2*time.Minute, success(separationID))
			},
			fails: true, least: 2*time.Minute + 30*time.Second, most: 3*time.Minute + 5*time.Second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t)
			w.adopt = func(activityapi.AdoptCallbackInput) (*activityapi.RecordedCallback, error) {
				return nil, again(stemflow.ErrorArchiveUnavailable)
			}
			w.callbackAfter(time.Minute, success(foreignID))
			c.prepare(w)
			w.run(input())
			require.Greater(t, w.calls[activityapi.ActivityAdoptCallback], 1)
			require.GreaterOrEqual(t, w.took(), c.least)
			require.LessOrEqual(t, w.took(), c.most)
			require.Equal(t, c.fails, w.env.GetWorkflowError() != nil)
		})
	}
}

// Nothing else in Temporal names the id: the record does not carry this run's address, since a
// secret was retired or the provider echoes none.
func TestUnknownSubmissionNamesEveryTaskThatCallbacksNamed(t *testing.T) {
	w := newHarness(t)
	w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		return nil, failed(activityapi.ActivityErrorSubmitUnknown)
	}
	w.get = func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		if in.RequireOwn {
			return nil, failed(activityapi.ActivityErrorNotOwn)
		}
		return done(), nil
	}
	w.callbackAfter(time.Minute, success(separationID))
	w.callbackAfter(2*time.Minute, success(foreignID))
	w.run(input())
	kind, message, details := w.failure()
	require.Equal(t, stemflow.ErrorSubmissionUnknown, kind)
	require.Contains(t, message, separationID)
	require.Contains(t, message, foreignID)
	require.Contains(t, message, "separationTaskId")
	require.Empty(t, details.SeparationTaskID, "it is nobody's knowledge that it is this run's")
}

// The callback comes at the deadline's edge, and its task proves to be another run's when there is
// no time left.
func TestForgettingATaskAfterTheDeadlineEndsTheRun(t *testing.T) {
	w := newHarness(t)
	w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		return nil, failed(activityapi.ActivityErrorSubmitUnknown)
	}
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		if w.took() < 45*time.Minute+2*time.Second {
			return nil, again(activityapi.ActivityErrorUnreadable)
		}
		return nil, failed(activityapi.ActivityErrorNotOwn)
	}
	w.callbackAfter(45*time.Minute-time.Second, success(separationID))
	w.run(input())
	kind, message, _ := w.failure()
	require.Equal(t, stemflow.ErrorSubmissionUnknown, kind)
	require.Contains(t, message, separationID)
	require.Less(t, w.took(), 47*time.Minute)
}

// What callbacks have named may be the run's own separation, whose id nothing else knows. If the
// store is away when the run fails it waits for it, unless it is cancelled.
func TestAFailedRunWaitsForTheStoreToRecordWhatCallbacksNamed(t *testing.T) {
	for _, c := range []struct{ cancelled, before, recorded bool }{
		{recorded: true}, {cancelled: true}, {cancelled: true, before: true, recorded: true},
	} {
		w := unknownSubmit(t)
		w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
			return nil, failed(activityapi.ActivityErrorNotOwn)
		}
		away := time.Duration(stemflow.DefaultDeadline) + 3*time.Minute
		w.adopt = func(in activityapi.AdoptCallbackInput) (*activityapi.RecordedCallback, error) {
			if w.took() < away {
				return nil, again(stemflow.ErrorArchiveUnavailable)
			}
			return &activityapi.RecordedCallback{
				SeparationTaskID: in.SeparationTaskID, Owner: "an-earlier-run", Outcome: activityapi.CallbackRecorded,
			}, nil
		}
		w.callbackAfter(time.Minute, success(foreignID))
		if c.cancelled {
			w.cancelAfter(time.Duration(stemflow.DefaultDeadline) + time.Minute)
		}
		if c.before {
			w.fromBefore("cancelled-while-adopting")
		}
		w.run(input())
		kind, message, _ := w.failure()
		require.Equal(t, stemflow.ErrorSubmissionUnknown, kind)
		require.Contains(t, message, foreignID)
		require.Equal(t, c.recorded, strings.Contains(message, "the ledger now knows of"), message)
		require.Equal(t, c.recorded, w.took() >= away)
	}
}

// A callback that comes while the run records another one does not keep it from ending when it is
// cancelled.
func TestACancelledRunWaitsNoLongerForACallbackThatCameMeanwhile(t *testing.T) {
	w := unknownSubmit(t)
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		return nil, failed(activityapi.ActivityErrorNotOwn)
	}
	w.adopt = func(activityapi.AdoptCallbackInput) (*activityapi.RecordedCallback, error) {
		return nil, again(stemflow.ErrorArchiveUnavailable)
	}
	deadline := time.Duration(stemflow.DefaultDeadline)
	w.callbackAfter(time.Minute, success(foreignID))
	w.callbackAfter(deadline+30*time.Second, success("second"))
	w.cancelAfter(deadline + time.Minute)
	w.run(input())
	kind, message, _ := w.failure()
	require.Equal(t, stemflow.ErrorSubmissionUnknown, kind)
	require.Contains(t, message, "second")
	require.LessOrEqual(t, w.took(), deadline+time.Minute+21*time.Second)
}

// What is under way when the run is cancelled has as much time as where it was cancelled before.
func TestARunThatIsCancelledWhileItRecordsACallbackFinishesThat(t *testing.T) {
	w := unknownSubmit(t)
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		return nil, failed(activityapi.ActivityErrorNotOwn)
	}
	deadline := time.Duration(stemflow.DefaultDeadline)
	w.adopt = func(in activityapi.AdoptCallbackInput) (*activityapi.RecordedCallback, error) {
		if w.took() < deadline+3*time.Second {
			return nil, again(stemflow.ErrorArchiveUnavailable)
		}
		return &activityapi.RecordedCallback{
			SeparationTaskID: in.SeparationTaskID, Owner: "an-earlier-run", Outcome: activityapi.CallbackRecorded,
		}, nil
	}
	w.callbackAfter(time.Minute, success(foreignID))
	w.cancelAfter(deadline + 2*time.Second)
	w.run(input())
	_, message, _ := w.failure()
	require.Contains(t, message, "the ledger now knows of")
}
