package ledger

import (
	"slices"

	"stemflow"
)

// complete is the ledger once an execution knows what became of its call. Where its entry is
// gone, it is put there again.
func (l Ledger) complete(result Entry) Ledger {
	entries := slices.Clone(l.Entries())
	i := slices.IndexFunc(entries, func(e Entry) bool { return e.Nonce == result.Nonce })
	if i < 0 {
		return l.next(append([]Entry{result}, entries...))
	}
	entries[i] = result
	return l.next(entries)
}

// Learn is the ledger once an owner has learned that a separation was paid for, or has failed; and
// whether that is news. It goes to the entry that names the separation, else over the owner's open
// intent, else it becomes an entry of its own.
func (l Ledger) Learn(learned Entry) (Ledger, bool) {
	entries := slices.Clone(l.Entries())
	i := slices.IndexFunc(entries, func(e Entry) bool { return e.SeparationTaskID == learned.SeparationTaskID })
	if i < 0 {
		i = slices.IndexFunc(entries, func(e Entry) bool { return ownerOf(e) == learned.Owner && open(e) })
	}
	switch {
	case i < 0:
		return l.next(append([]Entry{learned}, entries...)), true
	case entries[i].SeparationTaskID == learned.SeparationTaskID &&
		(entries[i].State == learned.State || entries[i].State == stemflow.SubmissionFailed):
		return l, false
	}
	e := &entries[i]
	e.State, e.SeparationTaskID = learned.State, learned.SeparationTaskID
	e.ProviderCode, e.ProviderMessage = learned.ProviderCode, learned.ProviderMessage
	if e.SubmittedAt.IsZero() {
		e.SubmittedAt = learned.SubmittedAt
	}
	return l.next(entries), true
}

// Close is the ledger once a run has ended its submits, and whether that changes it. The claim is
// that of its last attempt, with the time of the end in place of when it was scheduled.
//
// The intents of executions that surely were not accepted become refused, and what they replaced
// stands again. Unless the owner has paid or may have, no execution of it can call from then on:
// not one that the engine has given up, not a second one of the same task, and not one whose write
// is still under way. A refused entry of the last attempt bars them; where there is none, closed
// becomes it.
func (l Ledger) Close(c Claim, closed Entry) (Ledger, bool) {
	entries := slices.Clone(l.Entries())
	changed := false
	for i, e := range entries {
		if e.State == stemflow.SubmissionIntended && slices.Contains(c.Refused, e.Nonce) {
			entries[i].State = stemflow.SubmissionRefused
			changed = true
		}
	}
	needless := func(e Entry) bool { return ownerOf(e) == c.Owner && (billed(e) || open(e) || !c.follows(e)) }
	if !slices.ContainsFunc(entries, needless) {
		closed = c.intend(closed)
		closed.State = stemflow.SubmissionRefused
		entries = append(
			[]Entry{closed},
			slices.DeleteFunc(entries, func(e Entry) bool { return ownerOf(e) == c.Owner })...)
		changed = true
	}
	if !changed {
		return l, false
	}
	return l.next(entries), true
}

// MayHavePaid reports whether the ledger says that an owner has paid, or may have.
func (l Ledger) MayHavePaid(owner string) bool {
	return slices.ContainsFunc(l.Entries(), func(e Entry) bool { return ownerOf(e) == owner && (billed(e) || open(e)) })
}
