package ledger

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"stemflow"
)

func TestMergeAddsWhatIsNotKnown(t *testing.T) {
	intended := Entry{State: stemflow.SubmissionIntended, RunID: "old", Attempt: 1}
	paid := Entry{State: stemflow.SubmissionPaid, RunID: "old", Attempt: 1, SeparationTaskID: "separation"}
	failed := paid
	failed.State = stemflow.SubmissionFailed
	refused := Entry{State: stemflow.SubmissionRefused, RunID: "new", Attempt: 1}
	other := Entry{State: stemflow.SubmissionIntended, RunID: "other", Attempt: 1}

	for _, c := range []struct {
		name      string
		here      []Entry
		elsewhere Entry
		want      []Entry
	}{
		{name: "nothing anywhere"},
		{name: "nothing here", elsewhere: intended, want: []Entry{intended}},
		{name: "nothing elsewhere", here: []Entry{paid}, want: []Entry{paid}},
		{name: "another run's", here: []Entry{other}, elsewhere: intended, want: []Entry{other, intended}},
		{name: "what was refused speaks last", here: []Entry{refused}, elsewhere: intended, want: []Entry{intended, refused}},
		{name: "less of the same attempt", here: []Entry{paid}, elsewhere: intended, want: []Entry{paid}},
		{name: "less of the same separation", here: []Entry{failed}, elsewhere: paid, want: []Entry{failed}},
	} {
		t.Run(c.name, func(t *testing.T) {
			here := Ledger{Revision: 5}
			if len(c.here) > 0 {
				here.Entry, here.Earlier = c.here[0], c.here[1:]
			}
			got := here.Merge(Ledger{Entry: c.elsewhere, Revision: 9})
			if !reflect.DeepEqual(got.Entries(), c.want) || got.Revision != 5 {
				t.Errorf("%s, want revision 5: %+v", describe(got), c.want)
			}
		})
	}
}

func TestOnlyRefusedEntriesAreForgotten(t *testing.T) {
	var l Ledger
	l = l.next([]Entry{{State: stemflow.SubmissionPaid, Owner: "first", SeparationTaskID: "separation"}})
	for i := range 2 * maxRefused {
		owner := fmt.Sprint("owner ", i)
		c := Claim{Owner: owner, RunID: owner, Attempt: 1, Nonce: owner, Force: true}
		l = l.Intend(c.intend(Entry{}))
		c.Refused = []string{owner}
		l, _ = l.Close(c, Entry{})
	}
	if got := len(l.Entries()); got != maxRefused+1 {
		t.Errorf("%d entries, want %d", got, maxRefused+1)
	}
	if l.Owner != "first" {
		t.Errorf("%s speaks for the track, want the entry that paid", l.Owner)
	}
	if newest := fmt.Sprint("owner ", 2*maxRefused-1); l.Earlier[0].Owner != newest {
		t.Errorf("the newest refused entry is of %s, want %s", l.Earlier[0].Owner, newest)
	}
}

// Anyone who drives an execution keeps ledgers across calls, and the model keeps all of them.
func TestLedgersAreNeverChangedInPlace(t *testing.T) {
	claim := Claim{
		Owner: "run-1", RunID: "run-2", Attempt: 4, Nonce: "nonce-3", ScheduledAt: time.Unix(1, 0),
		Refused: []string{"nonce-2"},
	}
	for name, change := range map[string]func(Ledger) Ledger{
		"Intend": func(l Ledger) Ledger { return l.Intend(claim.intend(Entry{})) },
		"Merge": func(l Ledger) Ledger {
			return l.Merge(Ledger{Entry: Entry{State: stemflow.SubmissionIntended, RunID: "other"}})
		},
		"Close": func(l Ledger) Ledger { after, _ := l.Close(claim, Entry{}); return after },
		"Learn": func(l Ledger) Ledger {
			after, _ := l.Learn(Entry{State: stemflow.SubmissionFailed, SeparationTaskID: "separation"})
			return after
		},
		"complete": func(l Ledger) Ledger { return l.complete(Entry{State: stemflow.SubmissionRefused, Nonce: "nonce-2"}) },
	} {
		t.Run(name, func(t *testing.T) {
			l := twoEntries()
			l.Earlier = slices.Grow(l.Earlier, 10) // so that an append in place would not be noticed by anyone else
			if after := change(l); reflect.DeepEqual(after.Entries(), l.Entries()) {
				t.Errorf("changes nothing: %s", describe(after))
			}
			if !reflect.DeepEqual(l, twoEntries()) {
				t.Errorf("changes the ledger that it is given to %s", describe(l))
			}
		})
	}
}

func TestCloseBarsExecutionsThatHaveNotWritten(t *testing.T) {
	second := Claim{Owner: "run", RunID: "run", Attempt: 1, Nonce: "second", ScheduledAt: time.Unix(1, 0)}
	ended := Claim{Owner: "run", RunID: "run", Attempt: 1, Refused: []string{"first"}, ScheduledAt: time.Unix(2, 0)}
	l, news := Ledger{}.Close(ended, Entry{Version: 1, WorkflowID: "stems"})
	if !news {
		t.Fatal("nothing is written, so that a write under way may arrive, and the second execution may call")
	}
	if got, _ := l.Decide(second); got != Outdated {
		t.Errorf("decision %d for the second execution, want %d", got, Outdated)
	}
	reset := Claim{Owner: "run", RunID: "reset", Attempt: 1, Nonce: "reset", ScheduledAt: time.Unix(3, 0)}
	if got, _ := l.Decide(reset); got != Take {
		t.Errorf("decision %d for a reset that begins later, want %d", got, Take)
	}
	if l.State != stemflow.SubmissionRefused || l.Version != 1 || l.WorkflowID != "stems" {
		t.Errorf("the ledger is %+v", l.Entry)
	}
	if _, news := l.Close(ended, Entry{}); news {
		t.Error("closing twice writes twice")
	}
}
