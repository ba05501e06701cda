// Package ledger decides about money. It is pure: no clock, no store, no Temporal. Given the ledger
// of a track and what a run knows, it says whether a submit may call, what may be taken back, and
// what supersedes what.
//
// The ledger has an entry for each execution that wanted to pay. The submit activity drives an
// [Execution], the workflow a [Run], and RecordSubmission writes what [Ledger.Learn] and
// [Ledger.Close] make of it. The model checker in this package explores every interleaving of them.
package ledger

import (
	"slices"

	"stemflow"
)

// Entry is what one execution did to pay for a track, as it stands in submission.json.
type Entry = stemflow.Submission

// Ledger is the content of submission.json: the entry that speaks for the track, and those behind
// it. The zero value is a track that nobody has tried to pay for.
type Ledger struct {
	// Entry is the newest entry that was not refused; where all were, the newest.
	Entry
	// Revision grows with every write, so that no content comes back: a store's ETag is a hash of
	// it, and a conditional write of an execution that slept through several changes must fail.
	Revision int `json:"revision,omitempty"`
	// Earlier are all other entries, the newest first. What an intent replaced is among them, and
	// stands again when the intent is refused. A refused entry keeps executions that the engine has
	// given up from calling late.
	Earlier []Entry `json:"earlier,omitempty"`
}

// maxRefused is how many refused entries are kept. Each belongs to a submit that ended; an
// execution of one that is still alive would have slept through as many others.
const maxRefused = 64

// Entries are all entries, the one that speaks first.
func (l Ledger) Entries() []Entry {
	if l.State == "" {
		return nil
	}
	return append([]Entry{l.Entry}, l.Earlier...)
}

// Paid is the newest separation that is paid for and can be resumed; it reports whether there is
// one.
func (l Ledger) Paid() (Entry, bool) {
	for _, e := range l.Entries() {
		if e.State == stemflow.SubmissionPaid && e.SeparationTaskID != "" {
			return e, true
		}
	}
	return Entry{}, false
}

// Merge is a ledger with what another one of the same track knows that it does not. Earlier
// releases kept a ledger in every folder that a track was archived to.
func (l Ledger) Merge(other Ledger) Ledger {
	entries := slices.Clone(l.Entries())
	for _, e := range other.Entries() {
		known := slices.ContainsFunc(entries, func(k Entry) bool {
			return e.SeparationTaskID != "" && k.SeparationTaskID == e.SeparationTaskID ||
				k.RunID == e.RunID && k.Attempt == e.Attempt
		})
		if !known {
			entries = append(entries, e)
		}
	}
	if len(entries) == 0 {
		return l
	}
	return l.with(entries)
}

// next is the ledger that follows this one.
func (l Ledger) next(entries []Entry) Ledger {
	l.Revision++
	return l.with(entries)
}

// with is the ledger with these entries, the newest first. One that was not refused speaks before
// all that were.
func (l Ledger) with(entries []Entry) Ledger {
	var refused, all []Entry
	for _, e := range entries {
		if e.State == stemflow.SubmissionRefused {
			refused = append(refused, e)
		} else {
			all = append(all, e)
		}
	}
	all = append(all, refused[:min(len(refused), maxRefused)]...)
	return Ledger{Entry: all[0], Revision: l.Revision, Earlier: all[1:]}
}

// ownerOf is the owner of an entry. Earlier releases knew the run alone.
func ownerOf(e Entry) string {
	if e.Owner != "" {
		return e.Owner
	}
	return e.RunID
}
