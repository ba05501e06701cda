package workflows_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/activityapi"
)

var (
	lostSubmit  = temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_START_TO_CLOSE, nil)
	neverTaken  = temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START, nil)
	ledgerIsOff = failed(stemflow.ErrorArchiveUnavailable, stemflow.ErrorDetails{})
)

func TestLostSubmitIsNotTakenBackByTheOneAfterIt(t *testing.T) {
	w := newHarness(t)
	w.answers(lostSubmit, failed(stemflow.ErrorArchiveUnavailable, stemflow.ErrorDetails{}, behind(2)))
	w.recorded.Unpaid = false
	w.run(input())
	kind, message, details := w.failure()
	require.Equal(t, stemflow.ErrorArchiveUnavailable, kind)
	require.True(t, details.Paid)
	require.Contains(t, message, "never pays for what is paid for")
	require.Equal(t, []string{"nonce 2"}, w.takenBack, "of the lost one nobody knows that it was refused")
}

// A run that has not heard of all its executions asks the ledger, and says that it paid nothing
// only if it is told so.
func TestRunThatEndsUnpaidAsksTheLedger(t *testing.T) {
	for name, c := range map[string]struct {
		ends   []error
		record error
		unpaid bool
		paid   bool
	}{
		"the ledger says so":              {ends: []error{ledgerIsOff}, unpaid: true, paid: false},
		"it knows of another execution":   {ends: []error{ledgerIsOff}, unpaid: false, paid: true},
		"it is away":                      {ends: []error{ledgerIsOff}, unpaid: true, record: again(stemflow.ErrorArchiveUnavailable), paid: true},
		"after a lost one":                {ends: []error{lostSubmit, ledgerIsOff}, unpaid: true, paid: false},
		"after a refusal nobody need ask": {ends: []error{failed(stemflow.ErrorUnauthorized, stemflow.ErrorDetails{})}, paid: false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t)
			w.answers(c.ends...)
			w.recorded.Unpaid = c.unpaid
			w.record = func(activityapi.RecordSubmissionInput) error { return c.record }
			w.run(input())
			_, _, details := w.failure()
			require.Equal(t, c.paid, details.Paid)
		})
	}
}

// Where the separation that the run takes up fails, the intent would lock the track.
func TestRefusedIntentIsTakenBackThoughAnotherPaymentIsTakenUp(t *testing.T) {
	w := newHarness(t)
	w.submit = func(in activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		if in.Attempt == 1 {
			return nil, failed(activityapi.ActivityErrorSubmitRefused, stemflow.ErrorDetails{}, behind(1))
		}
		return &activityapi.SubmittedSeparation{
			SeparationTaskID: separationID, SubmittedAt: w.env.Now(), FromLedger: true,
		}, nil
	}
	w.run(input())
	require.False(t, w.result().Paid)
	require.Equal(t, []string{"nonce 1"}, w.takenBack)
	require.Equal(t, stemflow.SubmissionRefused, w.lastLedger().State)
}

// ledgerAwayForTwoMinutes makes the writes of the ledger fail for that long, and counts the others.
func (w *harness) ledgerAwayForTwoMinutes() (written *int) {
	const tries = 8
	written = new(int)
	w.record = func(activityapi.RecordSubmissionInput) error {
		if len(w.ledger) <= tries {
			return again(stemflow.ErrorArchiveUnavailable)
		}
		*written++
		return nil
	}
	return written
}

// A run that did its work has time to complete the ledger, although nothing depends on it: what a
// person named is told to the ledger.
func TestARunThatSucceedsWaitsForItsLedger(t *testing.T) {
	w := newHarness(t)
	written := w.ledgerAwayForTwoMinutes()
	in := input()
	in.SeparationTaskID = separationID
	w.run(in)
	w.result()
	require.Equal(t, 1, *written)
}

// The deploy that lost the worker has changed where tracks are archived to.
func TestLostSubmitKeepsItsLedger(t *testing.T) {
	w := newHarness(t)
	prepares := 0
	w.prepare = func(activityapi.PrepareArchiveInput) (*activityapi.PreparedArchive, error) {
		prepared := &activityapi.PreparedArchive{
			Location: activityapi.Location{Bucket: "stems", Dir: "old/"},
			Ledger:   activityapi.Location{Bucket: "old"}, SubmitTaskQueue: "old", CallbacksExpected: true,
		}
		if prepares++; prepares > 1 {
			prepared.Location = activityapi.Location{Bucket: "new"}
			prepared.Ledger = prepared.Location
			prepared.SubmitTaskQueue = "new"
		}
		return prepared, nil
	}
	ends := []error{lostSubmit, neverTaken, nil}
	var ledgers, archives []string
	w.submit = func(in activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		ledgers, archives = append(ledgers, in.Ledger.Bucket), append(archives, in.Location.Dir)
		if err := ends[in.Attempt-1]; err != nil {
			return nil, err
		}
		return &activityapi.SubmittedSeparation{SeparationTaskID: separationID, SubmittedAt: w.env.Now()}, nil
	}
	w.run(input())
	w.result()
	require.Equal(t, []string{"old", "old", "old"}, ledgers)
	require.Equal(t, []string{"old/", "old/", "old/"}, archives)
	require.Equal(t, 2, prepares)
}

func TestSubmitThatNobodyTookIsNotALostOne(t *testing.T) {
	w := newHarness(t)
	w.answers(neverTaken, failed(stemflow.ErrorUnauthorized, stemflow.ErrorDetails{}))
	in := input()
	in.Force = true
	w.run(in)
	_, _, details := w.failure()
	require.False(t, details.Paid)
	require.Zero(t, w.calls[activityapi.ActivityRecordSubmission], "nothing is left to be learned")
}

func TestRepeatedExecutionIsFollowedByAnAttemptThatReadsTheLedger(t *testing.T) {
	w := newHarness(t)
	w.answers(failed(activityapi.ActivityErrorSubmitRepeated), ledgerIsOff)
	w.recorded.Unpaid = false
	w.run(input())
	_, _, details := w.failure()
	require.True(t, details.Paid, "what the first execution did nobody has seen")
	require.Equal(t, 2, w.calls[activityapi.ActivitySubmitSeparation])
}

// What nobody thought of may have come after the call.
func TestSubmitThatFailsInAnUnknownWayIsALostOne(t *testing.T) {
	w := newHarness(t)
	w.answers(failed("PanicError"), failed(activityapi.ActivityErrorSubmitUnknown))
	w.callbackAfter(time.Minute, success(separationID))
	w.run(input())
	require.Equal(t, separationID, w.result().SeparationTaskID)
	require.Equal(t, 2, w.calls[activityapi.ActivitySubmitSeparation])
}

// Workers that answer with such an error do so at once, each time: those of another program on the
// submit queue, or one with another codec.
func TestSubmitThatFailsAtOnceIsNotRepeatedWithoutPauseOrEnd(t *testing.T) {
	for kind, remedy := range map[string]string{
		"ActivityNotRegisteredError": "see that no other program polls it",
		"PanicError":                 "look at the log of the workers of the submit queue",
		"wrapError":                  "look at the log of the workers of the submit queue",
	} {
		t.Run(kind, func(t *testing.T) {
			w := newHarness(t)
			w.answers(failed(kind))
			w.run(input())
			got, message, details := w.failure()
			require.Equal(t, stemflow.ErrorProviderUnavailable, got)
			require.Contains(t, message, remedy)
			require.False(t, details.Paid, "the ledger says so")
			require.Less(t, w.calls[activityapi.ActivitySubmitSeparation], 50)
			require.GreaterOrEqual(t, w.took(), time.Hour)
		})
	}
}

func TestUnknownOutcomeWithoutABridgeEndsAtOnce(t *testing.T) {
	w := newHarness(t)
	prepare := w.prepare
	w.prepare = func(in activityapi.PrepareArchiveInput) (*activityapi.PreparedArchive, error) {
		p, err := prepare(in)
		p.CallbacksExpected = false
		return p, err
	}
	w.answers(failed(activityapi.ActivityErrorSubmitUnknown))
	w.recorded.Unpaid = false
	in := input()
	in.Deadline = stemflow.Duration(48 * time.Hour)
	w.run(in)
	kind, message, details := w.failure()
	require.Equal(t, stemflow.ErrorSubmissionUnknown, kind)
	require.Contains(t, message, "without a callback bridge")
	require.True(t, details.Paid)
	require.Less(t, w.took(), time.Minute)
}

func TestTrackThatIsNotKnownYetIsSubmittedForSomeMinutes(t *testing.T) {
	w := newHarness(t)
	w.answers(failed(activityapi.ActivityErrorSubmitNotYet))
	w.run(input())
	kind, _, details := w.failure()
	require.Equal(t, stemflow.ErrorProviderRejected, kind)
	require.False(t, details.Paid)
	require.Greater(t, w.took(), 5*time.Minute)
	require.Less(t, w.took(), 20*time.Minute)

	w = newHarness(t)
	w.answers(failed(activityapi.ActivityErrorSubmitNotYet), failed(activityapi.ActivityErrorSubmitNotYet), nil)
	w.callbackAfter(10*time.Minute, success(separationID))
	w.run(input())
	require.True(t, w.result().Paid)
}

// A catalogue hands on what the ledger knows: that is proved, whatever its record looks like.
func TestIDThatTheLedgerNamesIsProved(t *testing.T) {
	w := newHarness(t)
	w.found(activityapi.PreparedArchive{Submission: paidBefore()})
	w.get = func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		require.Nil(t, in.Track, "nothing is left to be checked")
		return done(), nil
	}
	in := input()
	in.SeparationTaskID = paidBefore().SeparationTaskID
	w.run(in)
	require.Equal(t, stemflow.SettledByResume, w.result().SettledBy)
}

func TestSubmitsNameTheirOwnerAndQueue(t *testing.T) {
	w := newHarness(t)
	submit := w.submit
	w.submit = func(in activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		require.Equal(t, "default-test-run-id", in.Owner)
		require.NotEmpty(t, in.TaskQueue)
		return submit(in)
	}
	w.run(input())
	w.result()
}

// The ledger may have learned since of what the run waits for.
func TestRunLooksAtTheLedgerBeforeItGivesUp(t *testing.T) {
	for name, ownerPaid := range map[string]bool{"its own, perhaps": true, "another run's": false} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t)
			w.answers(failed(activityapi.ActivityErrorSubmitUnknown))
			prepare, looks := w.prepare, 0
			w.prepare = func(in activityapi.PrepareArchiveInput) (*activityapi.PreparedArchive, error) {
				p, err := prepare(in)
				if looks++; looks > 1 {
					p.Submission, p.OwnerPaid = paidBefore(), ownerPaid
				}
				return p, err
			}
			w.run(input())
			require.Equal(t, paidBefore().SeparationTaskID, w.result().SeparationTaskID)
			require.Equal(t, ownerPaid, w.result().Paid)
			require.Equal(t, 1, w.calls[activityapi.ActivitySubmitSeparation])
		})
	}
}

// A callback that names a separation of which there is no record must not keep the run from it.
func TestRunThatACallbackMisleadsLooksAtTheLedgerToo(t *testing.T) {
	w := newHarness(t)
	w.answers(failed(activityapi.ActivityErrorSubmitUnknown))
	asked := w.adopted(activityapi.CallbackLeft)
	prepare := w.prepare
	w.prepare = func(in activityapi.PrepareArchiveInput) (*activityapi.PreparedArchive, error) {
		p, err := prepare(in)
		if w.took() > time.Minute {
			p.Submission = paidBefore()
		}
		return p, err
	}
	w.get = func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		if in.SeparationTaskID == foreignID {
			return nil, again(activityapi.ActivityErrorNoRecord)
		}
		return done(), nil
	}
	w.callbackAfter(time.Minute, success(foreignID))
	links := w.fetched()
	w.run(input())
	require.Equal(t, separationID, w.result().SeparationTaskID)
	require.ElementsMatch(t, []string{"https://files.example/v.mp3", "https://files.example/i.mp3"}, *links)
	require.Equal(t, []string{foreignID}, separations(*asked), "it may be an earlier run's")
}

// It was to pass over what others have paid for.
func TestForcedRunThatGivesUpTakesUpItsOwnPaymentAlone(t *testing.T) {
	for owner, resumes := range map[string]bool{"default-test-run-id": true, "another-run": false} {
		t.Run(owner, func(t *testing.T) {
			w := newHarness(t)
			w.answers(failed(activityapi.ActivityErrorSubmitUnknown))
			w.recorded.Unpaid = false
			prepare := w.prepare
			w.prepare = func(in activityapi.PrepareArchiveInput) (*activityapi.PreparedArchive, error) {
				p, err := prepare(in)
				p.Submission = paidBefore()
				p.Submission.Owner = owner
				return p, err
			}
			in := input()
			in.Force = true
			w.run(in)
			if resumes {
				require.Equal(t, paidBefore().SeparationTaskID, w.result().SeparationTaskID)
				return
			}
			kind, _, details := w.failure()
			require.Equal(t, stemflow.ErrorSubmissionUnknown, kind)
			require.True(t, details.Paid)
		})
	}
}

// The intent of a run that has failed locks the track until it is completed.
func TestFailedRunWaitsForTheStoreWhileItsIntentStands(t *testing.T) {
	for name, behind := range map[string]bool{"the intent stands": true, "the ledger says paid": false} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t)
			w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
				return &activityapi.SubmittedSeparation{
					SeparationTaskID: separationID, SubmittedAt: w.env.Now(), LedgerBehind: behind,
				}, nil
			}
			w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
				return nil, failed(stemflow.ErrorSeparationFailed, stemflow.ErrorDetails{})
			}
			written := w.ledgerAwayForTwoMinutes()
			w.callbackAfter(time.Second, success(separationID))
			w.run(input())
			kind, _, _ := w.failure()
			require.Equal(t, stemflow.ErrorSeparationFailed, kind)
			require.Equal(t, behind, *written == 2, "what was paid for, and that it failed")
			require.Equal(t, behind, w.took() > 2*time.Minute)
		})
	}
}

// Until then its intent says that nobody knows, which locks the track.
func TestFailedRunThatACallbackToldOfItsPaymentWaitsForTheStore(t *testing.T) {
	w := newHarness(t)
	w.answers(failed(activityapi.ActivityErrorSubmitUnknown))
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		return nil, failed(stemflow.ErrorSeparationFailed, stemflow.ErrorDetails{})
	}
	written := w.ledgerAwayForTwoMinutes()
	w.callbackAfter(time.Second, success(separationID))
	w.run(input())
	kind, _, _ := w.failure()
	require.Equal(t, stemflow.ErrorSeparationFailed, kind)
	require.Equal(t, 1, *written)
}

// What a run pays for that is reset then, the run that goes on from there reports.
func TestPaymentOfTheRunBeforeAResetIsReported(t *testing.T) {
	for name, found := range map[string]activityapi.PreparedArchive{
		"to be resumed": {Submission: paidBefore()},
		"archived":      {Archived: &stemflow.SeparateStemsResult{SeparationTaskID: separationID}},
	} {
		for _, paid := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, paid %v", name, paid), func(t *testing.T) {
				w := newHarness(t)
				found := found
				found.OwnerPaid = paid
				w.found(found)
				w.run(input())
				require.Equal(t, paid, w.result().Paid)
				require.Zero(t, w.calls[activityapi.ActivitySubmitSeparation])
			})
		}
	}
}

// A person looked a separation up whose run never learned its id: its record says whose it was, and
// the ledger is told so.
func TestIDThatAPersonNamesGoesToItsOwnersEntry(t *testing.T) {
	for name, get := range map[string]func() (*activityapi.SeparationRecord, error){
		"done": func() (*activityapi.SeparationRecord, error) {
			record := done()
			record.Owner = "the-run-that-paid"
			return record, nil
		},
		"failed": func() (*activityapi.SeparationRecord, error) {
			return nil, failed(stemflow.ErrorSeparationFailed, stemflow.ErrorDetails{}, activityapi.SeparationRecord{Owner: "the-run-that-paid"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t)
			w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) { return get() }
			in := input()
			in.SeparationTaskID = separationID
			w.run(in)
			require.Equal(t, "the-run-that-paid", w.lastLedger().Owner)
			require.Equal(t, separationID, w.lastLedger().SeparationTaskID)
		})
	}
}
