package workflows

import (
	"stemflow"
	"stemflow/internal/activityapi"
)

// purse decides what may be paid. The provider says only what the account has, so the rest is arithmetic: what a track may cost is reserved when it
// is started, and is spent or free again when its run tells whether it paid.
type purse struct {
	budget *int
	// spent is what the catalogue has paid, reserved what the tracks under way may cost.
	spent, reserved int
	// balance is what the account had when it was looked at last, known that this is to be believed. since is what was spent after that, as far as
	// the runs have told: some of it may have been gone from the balance already.
	balance float64
	known   bool
	since   int
	// doubtful tells that the provider refused a track for want of credits, and no other has paid since. Then one more at a time is started, as a
	// probe; where that is refused too, the balance does not mean what it says until it is above refusedAt.
	doubtful, probing bool
	refusedAt         float64
}

func newPurse(budget *int, state activityapi.CatalogState) purse {
	p := purse{budget: budget, spent: state.Credits, doubtful: state.Doubtful, refusedAt: state.RefusedAt}
	for _, track := range state.Running {
		p.reserved += track.Reserved
		p.probing = p.probing || track.Probe
	}
	return p
}

// affords tells whether a price can be reserved: by the budget, and by the balance.
func (p *purse) affords(price int) (budget, balance bool) {
	budget = p.budget == nil || p.spent+p.reserved+price <= *p.budget
	balance = p.known && p.balance-float64(p.since+p.reserved+price) >= 0 && (p.refusedAt == 0 || p.balance > p.refusedAt)
	return budget, balance && !(p.doubtful && p.probing)
}

// stale tells whether looking at the balance anew may change what can be afforded.
func (p *purse) stale() bool { return !p.known || p.since > 0 }

// reserve sets aside what a track may cost.
func (p *purse) reserve(track *activityapi.RunningTrack, price int) {
	track.Reserved, track.Probe = price, p.doubtful && price > 0
	p.reserved += price
	p.probing = p.probing || track.Probe
}

// release takes back what is reserved for a track.
func (p *purse) release(track *activityapi.RunningTrack) {
	p.reserved -= track.Reserved
	p.probing = p.probing && !track.Probe
	track.Reserved, track.Probe = 0, false
}

func (p *purse) look(balance float64) { p.balance, p.known, p.since = balance, true, 0 }

// settle takes back what was reserved for a track, and counts what it cost.
func (p *purse) settle(track *activityapi.RunningTrack, cost int, reason string) {
	switch {
	case reason == stemflow.ErrorInsufficientCredits && track.Reserved > 0:
		if track.Probe {
			p.refusedAt = p.balance
		}
		p.doubtful, p.known = true, false
	case cost > 0:
		p.doubtful, p.refusedAt = false, 0
	}
	p.release(track)
	p.spent += cost
	p.since += cost
}
