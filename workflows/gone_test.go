package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
)

// forgotten is a harness whose ledger says that the separation was paid for that long ago, and
// whose provider has no record of it.
func forgotten(t *testing.T, age time.Duration) *harness {
	w := newHarness(t)
	w.found(activityapi.PreparedArchive{Submission: &stemflow.Submission{
		State: stemflow.SubmissionPaid, SeparationTaskID: separationID, SubmittedAt: w.env.Now().Add(-age),
	}})
	polls := 0
	w.get = func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		if in.AbsentLooks > 0 { // the activity counts what finds no record
			if polls++; polls >= in.AbsentLooks {
				return nil, failed(stemflow.ErrorSourceExpired)
			}
		}
		return nil, again(activityapi.ActivityErrorNoRecord)
	}
	return w
}

func TestSeparationThatTheProviderNoLongerKeepsIsToldAtOnce(t *testing.T) {
	for name, age := range map[string]time.Duration{
		"90 days": 90 * 24 * time.Hour, "just over 14 days": 14*24*time.Hour + time.Minute,
	} {
		t.Run(name, func(t *testing.T) {
			w := forgotten(t, age)
			w.run(input())
			kind, message, details := w.failure()
			require.Equal(t, stemflow.ErrorSourceExpired, kind)
			require.Contains(t, message, "14 days")
			require.Contains(t, message, "force", "the only way on")
			require.Contains(t, message, "KIE_API_KEY", "or it is another account's")
			require.Equal(t, separationID, details.SeparationTaskID)
			require.False(t, details.Paid)
			require.Less(t, w.took(), time.Minute)
			require.Empty(t, w.ledger, "the receipt stays")
			require.Zero(t, w.calls[activityapi.ActivitySubmitSeparation])
		})
	}
}

func TestYoungerSeparationWithoutARecordIsPolledForMinutes(t *testing.T) {
	for name, c := range map[string]struct {
		age, interval time.Duration
		looks         int
	}{
		"two hours":                   {age: 2 * time.Hour, interval: 2 * time.Minute, looks: 6},
		"13 days":                     {age: 13 * 24 * time.Hour, interval: 2 * time.Minute, looks: 6},
		"an interval that fits badly": {age: 2 * time.Hour, interval: 7 * time.Minute, looks: 3},
		"looked at seldom":            {age: 2 * time.Hour, interval: 20 * time.Minute, looks: 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := forgotten(t, c.age)
			get := w.get
			w.get = func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
				if !in.ReportPending {
					require.Equal(t, c.looks, in.AbsentLooks)
				}
				return get(in)
			}
			in := input()
			in.PollInterval = stemflow.Duration(c.interval)
			w.run(in)
			kind, message, details := w.failure()
			require.Equal(t, stemflow.ErrorSourceExpired, kind)
			require.Regexp(t, "start the track again later, which pays nothing.*only if it stays so.*force", message)
			require.Equal(t, separationID, details.SeparationTaskID)
			require.GreaterOrEqual(t, w.took(), 10*time.Minute)
			require.LessOrEqual(t, w.took(), 10*time.Minute+c.interval+time.Minute)
		})
	}
}

func TestRecordThatIsAbsentIsBelievedAfterTenMinutesOfPolls(t *testing.T) {
	w := forgotten(t, 2*time.Hour)
	var looks []int
	w.get = func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		if in.ReportPending {
			return nil, again(activityapi.ActivityErrorNoRecord)
		}
		looks = append(looks, in.AbsentLooks)
		return nil, failed(stemflow.ErrorSourceExpired)
	}
	w.run(input())
	require.Equal(t, []int{21}, looks, "one look, and twenty every thirty seconds")
}

func TestRecordThatComesBackSettlesTheRun(t *testing.T) {
	w := forgotten(t, 13*24*time.Hour)
	get := w.get
	w.get = func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		if w.took() > 8*time.Minute {
			return done(), nil
		}
		return get(in)
	}
	in := input()
	in.PollInterval = stemflow.Duration(2 * time.Minute)
	w.run(in)
	require.Equal(t, stemflow.SettledByPoll, w.result().SettledBy)
}

// A record may follow the payment late: what was paid for a moment ago, or by this run, is awaited
// until the deadline, and never given up with the advice to pay again.
func TestRecordThatMayFollowIsAwaited(t *testing.T) {
	for name, prepare := range map[string]func(*testing.T) *harness{
		"paid for by an earlier run just now": func(t *testing.T) *harness { return forgotten(t, 10*time.Minute) },
		"paid for by this run": func(t *testing.T) *harness {
			w := newHarness(t)
			w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
				return nil, again(activityapi.ActivityErrorNoRecord)
			}
			return w
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := prepare(t)
			get := w.get
			w.get = func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
				require.Zero(t, in.AbsentLooks)
				return get(in)
			}
			w.run(input())
			kind, message, _ := w.failure()
			require.Equal(t, stemflow.ErrorSeparationTimedOut, kind)
			require.NotContains(t, message, "force")
		})
	}
}

// A ledger that does not say when it was paid for proves no age.
func TestSeparationOfUnknownAgeIsPolledForMinutes(t *testing.T) {
	w := forgotten(t, 0)
	w.found(activityapi.PreparedArchive{Submission: &stemflow.Submission{
		State: stemflow.SubmissionPaid, SeparationTaskID: separationID,
	}})
	in := input()
	in.PollInterval = stemflow.Duration(2 * time.Minute)
	w.run(in)
	kind, message, _ := w.failure()
	require.Equal(t, stemflow.ErrorSourceExpired, kind)
	require.Contains(t, message, "later, which pays nothing")
	require.GreaterOrEqual(t, w.took(), 10*time.Minute)
}
