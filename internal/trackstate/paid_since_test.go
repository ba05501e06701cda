package trackstate

import (
	"testing"
	"time"

	"stemflow"
	"stemflow/internal/ledger"
)

func TestPaidSince(t *testing.T) {
	archivedAt := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	entry := func(id, nonce string, after time.Duration) ledger.Entry {
		return ledger.Entry{
			State: stemflow.SubmissionPaid, SeparationTaskID: id, Nonce: nonce,
			IntendedAt: archivedAt.Add(after - time.Second), SubmittedAt: archivedAt.Add(after),
		}
	}
	first := entry("first", "nonce-1", -3*time.Minute)
	learned := entry("forced", "nonce-2", 0)
	learned.SubmittedAt, learned.IntendedAt = time.Time{}, archivedAt.Add(5*time.Minute)
	failed := entry("forced", "nonce-2", 5*time.Minute)
	failed.State = stemflow.SubmissionFailed
	beside := learned
	beside.IntendedAt = archivedAt.Add(-time.Minute)
	third := entry("third", "nonce-3", -5*time.Minute)
	third.State = stemflow.SubmissionFailed
	for _, c := range []struct {
		name    string
		entries []ledger.Entry
		want    bool
	}{
		{"nothing", []ledger.Entry{}, false},
		{"the archived one", []ledger.Entry{first}, false},
		{"the archived one, by a clock that is fast", []ledger.Entry{entry("first", "nonce-1", 5*time.Minute)}, false},
		{"whose answer came later", []ledger.Entry{entry("forced", "nonce-2", time.Second/2), first}, true},
		{"one that was paid for later", []ledger.Entry{entry("forced", "nonce-2", 5*time.Minute), first}, true},
		{"by a clock that is slow", []ledger.Entry{entry("forced", "nonce-2", -10*time.Minute), first}, true},
		{"that was archived before, and made beside it", []ledger.Entry{entry("forced", "nonce-2", -time.Minute), first}, false},
		{"whose answer was lost, by a record without a time", []ledger.Entry{learned, first}, true},
		{"whose answer was lost, intended beside it", []ledger.Entry{beside, first}, false},
		{
			"made beside it, and before one that failed",
			[]ledger.Entry{
				entry("forced", "nonce-2", -10*time.Minute), third, entry("first", "nonce-1", -20*time.Minute),
			}, false,
		},
		{"that has failed", []ledger.Entry{failed, first}, false},
		{"an old one that was learned late", []ledger.Entry{entry("late", "", -10*time.Minute), first}, false},
		{"one before the archived one", []ledger.Entry{first, entry("before", "nonce-0", -30*time.Minute)}, false},
		{"one where nobody knows which was first", []ledger.Entry{entry("forced", "nonce-2", -10*time.Minute)}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var l ledger.Ledger
			if len(c.entries) > 0 {
				l = ledger.Ledger{Entry: c.entries[0], Earlier: c.entries[1:]}
			}
			if got := PaidSince(l, "first", archivedAt); got != c.want {
				t.Errorf("paid since: %v, want %v", got, c.want)
			}
		})
	}
}

func TestPaymentsSince(t *testing.T) {
	since := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	at := func(state stemflow.SubmissionState, intended, submitted time.Duration) ledger.Entry {
		e := ledger.Entry{State: state, IntendedAt: since.Add(intended)}
		if submitted != 0 {
			e.SubmittedAt = since.Add(submitted)
		}
		return e
	}
	l := ledger.Ledger{Entry: at(stemflow.SubmissionPaid, -time.Second, time.Second), Earlier: []ledger.Entry{
		at(stemflow.SubmissionFailed, time.Second, 2*time.Second),
		at(stemflow.SubmissionIntended, 0, 0),
		at(stemflow.SubmissionRefused, time.Second, 0),
		at(stemflow.SubmissionIntended, -time.Second, 0),
		at(stemflow.SubmissionPaid, -time.Hour, -time.Minute),
	}}
	if got := PaymentsSince(l, since); got != 3 {
		t.Errorf("%d payments, want 3", got)
	}
	if got := PaymentsSince(ledger.Ledger{}, since); got != 0 {
		t.Errorf("%d payments of no ledger", got)
	}
}
