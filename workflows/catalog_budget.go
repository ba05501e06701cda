package workflows

import (
	"stemflow"
	"stemflow/internal/activityapi"
)

// creditBudget decides what may be paid. The provider says only what the account has, so the rest
// is arithmetic: what a track may cost is reserved when it is started, and is spent or free again
// when its run reports whether it paid.
type creditBudget struct {
	// limit is what the catalogue may pay; nil is as much as the account has.
	limit *int
	// spent is what the catalogue has paid, reserved what the tracks under way may cost.
	spent, reserved int
	// balance is what the account had when it was looked at last, known that this is to be
	// believed. since is what was spent after that, as far as the runs have told: some of it may
	// have been gone from the balance already.
	balance float64
	known   bool
	since   int
	// doubtful says that the provider refused a track for want of credits, and no other has paid
	// since. Then one more at a time is started, as a probe; where that is refused too, the balance
	// does not mean what it says until it is above refusedAt.
	doubtful, probing bool
	refusedAt         float64
}

func newCreditBudget(limit *int, state activityapi.CatalogState) creditBudget {
	b := creditBudget{limit: limit, spent: state.Credits, doubtful: state.Doubtful, refusedAt: state.RefusedAt}
	for _, track := range state.Running {
		b.reserved += track.Reserved
		b.probing = b.probing || track.Probe
	}
	return b
}

// affords reports whether a price can be reserved: by the budget, and by the balance.
func (b *creditBudget) affords(price int) (budget, balance bool) {
	budget = b.limit == nil || b.spent+b.reserved+price <= *b.limit
	balance = b.known && b.balance-float64(b.since+b.reserved+price) >= 0 &&
		(b.refusedAt == 0 || b.balance > b.refusedAt)
	return budget, balance && !(b.doubtful && b.probing)
}

// stale reports whether looking at the balance again may change what can be afforded.
func (b *creditBudget) stale() bool { return !b.known || b.since > 0 }

// reserve sets aside what a track may cost.
func (b *creditBudget) reserve(track *activityapi.RunningTrack, price int) {
	track.Reserved, track.Probe = price, b.doubtful && price > 0
	b.reserved += price
	b.probing = b.probing || track.Probe
}

// release takes back what is reserved for a track.
func (b *creditBudget) release(track *activityapi.RunningTrack) {
	b.reserved -= track.Reserved
	b.probing = b.probing && !track.Probe
	track.Reserved, track.Probe = 0, false
}

// countBefore counts what was paid for a track before a catalogue was reset.
func (c *catalog) countBefore(track *activityapi.RunningTrack) {
	if track.Before != nil {
		track.Credits = *track.Before
		c.budget.spent += track.Credits
	}
}

// mayBeOwn reports whether a run of a track that is joined may be one that the catalogue has begun
// before it was reset. One that had paid by then is counted.
func mayBeOwn(track activityapi.RunningTrack) bool { return track.Before != nil && *track.Before == 0 }

func (b *creditBudget) setBalance(balance float64) { b.balance, b.known, b.since = balance, true, 0 }

// settle takes back what was reserved for a track, and counts what it cost.
func (b *creditBudget) settle(track *activityapi.RunningTrack, cost int, reason string) {
	switch {
	case reason == stemflow.ErrorInsufficientCredits && track.Reserved > 0:
		if track.Probe {
			b.refusedAt = b.balance
		}
		b.doubtful, b.known = true, false
	case cost > 0:
		b.doubtful, b.refusedAt = false, 0
	}
	b.release(track)
	b.spent += cost
	b.since += cost
}
