package ledger

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"stemflow"
)

// twoEntries is a ledger whose own fields are all set.
func twoEntries() Ledger {
	track := stemflow.Track{TaskID: "music", AudioID: "audio", Type: "separate_vocal"}
	at := time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC)
	return Ledger{
		Entry: Entry{
			Version: 1, State: stemflow.SubmissionIntended, Track: track, WorkflowID: "stems", RunID: "run-2", Attempt: 3,
			Owner: "run-1", Nonce: "nonce-2", ScheduledAt: at, IntendedAt: at.Add(time.Second),
		},
		Revision: 7,
		Earlier: []Entry{{
			Version: 1, State: stemflow.SubmissionPaid, Track: track, SeparationTaskID: "separation", WorkflowID: "stems",
			RunID: "run-0", Attempt: 1, SubmittedAt: at.Add(-time.Hour),
		}},
	}
}

func TestLedgerIsReadableByEarlierReleases(t *testing.T) {
	l := twoEntries()
	text, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	var submission stemflow.Submission
	if err := json.Unmarshal(text, &submission); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(submission, l.Entry) {
		t.Errorf("read as a submission: %+v, want %+v", submission, l.Entry)
	}
	var again Ledger
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(again, l) {
		t.Errorf("read again: %+v, want %+v", again, l)
	}
}

func TestLedgerHasTheReleasedFieldsAtTheTop(t *testing.T) {
	text, err := json.Marshal(twoEntries())
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"version", "state", "track", "workflowId", "runId", "attempt", "intendedAt",
		"owner", "nonce", "scheduledAt", "revision", "earlier",
	} {
		if _, ok := fields[name]; !ok {
			t.Errorf("%s is not at the top of %s", name, text)
		}
		delete(fields, name)
	}
	if len(fields) > 0 {
		t.Errorf("more at the top than is documented: %v", fields)
	}
}

// Earlier releases wrote neither owner nor nonce nor revision.
func TestSubmissionOfAnEarlierReleaseIsHonoured(t *testing.T) {
	document := func(fields string) string {
		return `{"version":1,"track":{"taskId":"music","audioId":"audio","type":"separate_vocal"},` +
			`"workflowId":"stems","runId":"old","attempt":1,` + fields + `}`
	}
	intended := document(`"state":"intended","intendedAt":"2026-01-01T00:00:00Z"`)
	refused := document(`"state":"refused","providerCode":429`)
	paid := document(`"state":"paid","separationTaskId":"separation","submittedAt":"2026-01-01T00:00:01Z"`)
	failed := document(`"state":"failed","separationTaskId":"separation","providerCode":500`)
	foreign := document(`"state":"paid"`)

	for _, c := range []struct {
		name, document string
		owner          string
		attempt        int
		force          bool
		want           Decision
	}{
		{name: "nothing", document: `{}`, owner: "new", attempt: 1, want: Take},
		{name: "intended by another run", document: intended, owner: "new", attempt: 1, want: HeldByOther},
		{name: "intended by another run, forced", document: intended, owner: "new", attempt: 1, force: true, want: Take},
		{name: "intended by itself", document: intended, owner: "old", attempt: 2, want: MayBePaid},
		{name: "intended by itself, forced", document: intended, owner: "old", attempt: 2, force: true, want: MayBePaid},
		{name: "refused to another run", document: refused, owner: "new", attempt: 1, want: Take},
		{name: "refused to the same run", document: refused, owner: "old", attempt: 2, want: Take},
		{name: "refused to the same attempt", document: refused, owner: "old", attempt: 1, want: Outdated},
		{name: "paid by another run", document: paid, owner: "new", attempt: 1, want: Paid},
		{name: "paid by another run, forced", document: paid, owner: "new", attempt: 1, force: true, want: Take},
		{name: "paid by the same run, forced", document: paid, owner: "old", attempt: 2, force: true, want: Paid},
		{name: "failed for another run", document: failed, owner: "new", attempt: 1, want: Take},
		{name: "failed for the same run", document: failed, owner: "old", attempt: 2, want: Paid},
		{name: "paid without a separation", document: foreign, owner: "new", attempt: 1, want: HeldByOther},
	} {
		t.Run(c.name, func(t *testing.T) {
			var l Ledger
			if err := json.Unmarshal([]byte(c.document), &l); err != nil {
				t.Fatal(err)
			}
			got, _ := l.Decide(Claim{
				Owner: c.owner, RunID: c.owner, Attempt: c.attempt, Nonce: "nonce", Force: c.force,
				ScheduledAt: time.Now(),
			})
			if got != c.want {
				t.Errorf("decision %d, want %d", got, c.want)
			}
		})
	}
}
