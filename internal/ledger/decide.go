package ledger

import (
	"slices"
	"time"

	"stemflow"
)

// Claim is one execution that wants to pay.
type Claim struct {
	// Owner is the first run of the chain that workflow resets and retries make; RunID the run
	// itself.
	Owner, RunID string
	// Attempt counts the submits of the run from 1, and ScheduledAt is when the engine scheduled
	// this one: together they order the executions of an owner.
	Attempt     int
	ScheduledAt time.Time
	// Nonce is this execution's alone.
	Nonce string
	// Force passes over what other owners paid or intended.
	Force bool
	// Refused are the nonces of earlier executions of the run that surely were not accepted.
	Refused []string
}

// Decision is what a ledger means for a claim.
type Decision int

const (
	// Take: nothing stands in the way; the intent may be written.
	Take Decision = iota
	// Mine: this execution's intent stands, and its call may be made.
	Mine
	// Paid: the track is paid for, by this owner or, without force, by any.
	Paid
	// HeldByOther: another owner may be paying, or may have paid and does not know.
	HeldByOther
	// MayBePaid: another execution of this owner may have been accepted.
	MayBePaid
	// Outdated: a later submit of this owner was refused while this one was thought lost. It must
	// not call.
	Outdated
)

// Decide is the one place that decides whether something may be paid for. Beside the decision it
// returns the entry behind it, with Paid and HeldByOther.
//
// What the owner itself did comes first, whatever force says: a forced run pays at most once, too.
func (l Ledger) Decide(c Claim) (Decision, Entry) {
	entries := l.Entries()
	find := func(fits func(Entry) bool) (Entry, bool) {
		i := slices.IndexFunc(entries, fits)
		if i < 0 {
			return Entry{}, false
		}
		return entries[i], true
	}
	own := func(e Entry) bool { return ownerOf(e) == c.Owner }

	if _, ok := find(func(e Entry) bool { return e.Nonce == c.Nonce }); ok {
		return Mine, Entry{}
	}
	if e, ok := find(func(e Entry) bool { return own(e) && billed(e) }); ok {
		return Paid, e
	}
	if _, ok := find(func(e Entry) bool { return own(e) && open(e) && !slices.Contains(c.Refused, e.Nonce) }); ok {
		return MayBePaid, Entry{}
	}
	if _, ok := find(func(e Entry) bool { return own(e) && !open(e) && !c.follows(e) }); ok {
		return Outdated, Entry{}
	}
	if c.Force {
		return Take, Entry{}
	}
	if e, ok := l.Paid(); ok {
		return Paid, e
	}
	if e, ok := find(func(e Entry) bool { return !own(e) && open(e) }); ok {
		return HeldByOther, e
	}
	return Take, Entry{}
}

// billed reports whether an entry names a separation that was paid for, whatever became of it.
func billed(e Entry) bool {
	return e.SeparationTaskID != "" && (e.State == stemflow.SubmissionPaid || e.State == stemflow.SubmissionFailed)
}

// open reports whether nobody knows yet if an entry was paid for. One that says paid and names no
// separation is not of ours.
func open(e Entry) bool {
	return e.State == stemflow.SubmissionIntended || e.State == stemflow.SubmissionPaid && e.SeparationTaskID == ""
}

// follows reports whether the claim was scheduled after a refused submit of its own owner.
func (c Claim) follows(e Entry) bool {
	if e.RunID == c.RunID {
		return c.Attempt > e.Attempt
	}
	return c.ScheduledAt.After(e.ScheduledAt)
}

// intend makes an entry the claim's intent.
func (c Claim) intend(e Entry) Entry {
	e.State = stemflow.SubmissionIntended
	e.Owner, e.RunID, e.Attempt, e.ScheduledAt, e.Nonce = c.Owner, c.RunID, c.Attempt, c.ScheduledAt, c.Nonce
	return e
}

// Intend is the ledger with an intent, and with all that it replaces behind it. Of the owner's own
// entries, which are refused or are said to be, none is needed any more: the intent orders what
// comes after it.
func (l Ledger) Intend(intent Entry) Ledger {
	others := slices.DeleteFunc(slices.Clone(l.Entries()), func(e Entry) bool { return ownerOf(e) == intent.Owner })
	return l.next(append([]Entry{intent}, others...))
}
