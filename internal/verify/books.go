package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/bounded"
	"stemflow/internal/ledger"
	"stemflow/internal/naming"
)

// books is what the ledgers say of a track: the account's, and the copy in the track's folder,
// which is the only one of tracks that an early release archived.
type books struct {
	account, copied book
	// all is both as the product reads them.
	all ledger.Ledger
}

// book is one ledger.
type book struct {
	at    activityapi.Location
	found bool
	// problem says why it cannot be read, or is of no use.
	problem string
	ledger  ledger.Ledger
	// modified is when it was written; zero where the store was not asked.
	modified time.Time
}

func (b book) key() string { return archive.SubmissionKey(b.at) }

// knows reports whether a ledger has an entry of a separation.
func knows(l ledger.Ledger, separationTaskID string) bool {
	return slices.ContainsFunc(l.Entries(), func(e ledger.Entry) bool { return e.SeparationTaskID == separationTaskID })
}

// source is the ledger that an entry is in.
func (b books) source(e ledger.Entry) book {
	has := slices.ContainsFunc(b.account.ledger.Entries(), func(other ledger.Entry) bool {
		return other.RunID == e.RunID && other.Attempt == e.Attempt && other.SeparationTaskID == e.SeparationTaskID
	})
	if b.account.found && (has || !b.copied.found) {
		return b.account
	}
	return b.copied
}

// apart reports whether a folder is not the one of the track's ledger.
func (c *Checker) apart(f folder) bool { return f.at != c.Ledger }

// readBooks reads the ledgers of a track.
func (c *Checker) readBooks(ctx context.Context, f folder, o objects) (books, error) {
	var b books
	var err error
	if b.account, err = c.readBook(ctx, f, archive.Locate(c.Ledger.Bucket, c.Ledger.Prefix, f.track)); err != nil {
		return b, err
	}
	if c.apart(f) {
		if o.submission != nil {
			if b.copied, err = c.readBook(ctx, f, f.location()); err != nil {
				return b, err
			}
			b.copied.modified = o.submission.Modified
		}
	} else if o.submission != nil {
		b.account.modified = o.submission.Modified
	}
	b.all = b.account.ledger.Merge(b.copied.ledger)
	return b, nil
}

func (c *Checker) readBook(ctx context.Context, f folder, at activityapi.Location) (book, error) {
	b := book{at: at}
	data, problem, err := c.readDocument(ctx, at.Bucket, b.key())
	if errors.Is(err, archive.ErrNotFound) {
		return b, nil
	}
	if err != nil {
		return b, err
	}
	b.found = true
	if problem == "" {
		b.ledger, problem = judgeLedger(f, data)
	}
	b.problem = problem
	return b, nil
}

// ledgerVersion is the version of ledgers that this release writes.
const ledgerVersion = 1

// judgeLedger finds what is wrong with the content of a ledger. One that is wrong says nothing.
func judgeLedger(f folder, data []byte) (l ledger.Ledger, problem string) {
	if err := json.Unmarshal(data, &l); err != nil {
		return ledger.Ledger{}, "it does not have the shape of a ledger"
	}
	if l.State == "" {
		return ledger.Ledger{}, "it has no entry, and would be taken for a track that nobody has paid for"
	}
	for _, e := range l.Entries() {
		switch {
		case e.Version != ledgerVersion:
			return ledger.Ledger{},
				fmt.Sprintf("an entry has version %d, and this release knows %d", e.Version, ledgerVersion)
		case !slices.Contains(states, e.State):
			return ledger.Ledger{}, fmt.Sprintf("an entry has the state %s, which there is not",
				bounded.Quote(string(e.State)))
		case !f.sameAs(e.Track):
			return ledger.Ledger{}, fmt.Sprintf("an entry is of another track: %s, %s, %s",
				bounded.Quote(e.Track.TaskID), bounded.Quote(e.Track.AudioID), bounded.Quote(string(e.Track.Type)))
		case e.SeparationTaskID != "" && !naming.IsID(e.SeparationTaskID):
			return ledger.Ledger{}, "an entry names a separation by what is no id"
		}
	}
	return l, ""
}

var states = []stemflow.SubmissionState{
	stemflow.SubmissionIntended, stemflow.SubmissionRefused, stemflow.SubmissionPaid, stemflow.SubmissionFailed,
}

// unsettled is the newest entry of which nobody knows whether it was paid for.
func unsettled(l ledger.Ledger) (ledger.Entry, bool) {
	for _, e := range l.Entries() {
		if e.State == stemflow.SubmissionIntended || e.State == stemflow.SubmissionPaid && e.SeparationTaskID == "" {
			return e, true
		}
	}
	return ledger.Entry{}, false
}
