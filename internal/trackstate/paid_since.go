package trackstate

import (
	"slices"
	"time"

	"stemflow"
	"stemflow/internal/ledger"
)

// PaidSince reports whether a separation was paid for, and can be resumed, after another one was
// archived. The time of a payment is that of a worker's clock, and that of the archive the
// engine's. Where the order of the ledger's entries shows that the worker's clock was slow, the
// order counts: an intent is put before all that there are.
func PaidSince(l ledger.Ledger, archived string, at time.Time) bool {
	paid, ok := l.Paid()
	if !ok || paid.SeparationTaskID == archived {
		return false
	}
	since := paid.SubmittedAt
	if since.IsZero() { // the outcome was learned from a record that does not say when it was made
		since = paid.IntendedAt
	}
	return since.After(at) || paid.Nonce != "" && slices.ContainsFunc(l.Entries(), func(e ledger.Entry) bool {
		// It is behind the first that is paid for.
		return e.SeparationTaskID == archived && e.Nonce != "" && since.Before(e.IntendedAt)
	})
}

// PaymentsSince counts what was paid for from a time on, or may have been, whatever became of it.
func PaymentsSince(l ledger.Ledger, since time.Time) (payments int) {
	for _, e := range l.Entries() {
		at := e.SubmittedAt
		if at.IsZero() {
			at = e.IntendedAt
		}
		if e.State != stemflow.SubmissionRefused && !at.Before(since) {
			payments++
		}
	}
	return payments
}
