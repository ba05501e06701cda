package verify_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/allowed"
	"stemflow/internal/archive"
)

// A track that was moved is deleted in one place alone. What is left of it in the other is missed.
func TestADeletionElsewhereHidesNoDamage(t *testing.T) {
	for name, ledgers := range map[string]string{"ledger beside it": "clients", "ledger apart": "ledgers"} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			old, now := allowed.PlaceOf(f.bucket, "music"), allowed.PlaceOf(f.bucket, "clients")
			f.ledger = allowed.PlaceOf(f.bucket, ledgers)
			f.options.Ledger, f.options.Homes = f.ledger, []allowed.Place{old, now}
			p := f.plant(stemflow.SplitStem, now)
			before := archive.Locate(old.Bucket, old.Prefix, p.track)
			p.put(old.Bucket, archive.DeletionKey(before, p.id), archive.Deletion{Version: 1, SeparationTaskID: p.id})
			require.Empty(t, f.check().found())
			p.remove(f.bucket, p.manifestKey())
			require.Equal(t, []found{{stemflow.FindingPaidNotArchived, p.ledgerKey()}}, f.check().found())
		})
	}
}

// A run that died between its stems and its manifest has left no copy of the ledger beside them.
// The check of its place misses the archive all the same.
func TestStemsAloneAreMissedInTheirPlace(t *testing.T) {
	f := newFixture(t)
	at := allowed.PlaceOf(f.bucket, "clients")
	f.ledger = allowed.PlaceOf(f.bucket, "ledgers")
	f.options.Ledger, f.options.Homes = f.ledger, []allowed.Place{f.ledger, at}
	p := f.plant(stemflow.SplitStem, at)
	p.remove(f.bucket, p.manifestKey())
	p.remove(f.bucket, archive.SubmissionKey(p.loc))
	require.Equal(t, []found{{stemflow.FindingPaidNotArchived, p.ledgerKey()}}, f.check().found())
	f.options.At, f.options.WithLedgers = at, false
	require.Equal(t, []found{{stemflow.FindingPaidNotArchived, p.ledgerKey()}}, f.check().found())
}
