package verify_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/allowed"
	"stemflow/internal/archive"
	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/verify"
)

// delete removes a track as the starter does; what is named stays, as where it breaks off.
func (p *planted) delete(stays ...string) {
	p.f.t.Helper()
	p.put(p.loc.Bucket, archive.DeletionKey(p.loc, p.id), archive.Deletion{Version: 1, SeparationTaskID: p.id})
	keys := map[string]bool{p.manifestKey(): true}
	for _, stem := range p.manifest.Stems {
		keys[stem.Key] = true
	}
	for _, key := range stays {
		delete(keys, key)
	}
	for key := range keys {
		p.remove(p.loc.Bucket, key)
	}
	time.Sleep(2 * time.Millisecond) // what follows is newer by the store's clock
}

// What a person has removed is counted, and no repair brings it back, wherever its ledger is.
func TestDeletedTracksAreNotMissed(t *testing.T) {
	f := newFixture(t)
	_, other := serverstest.Bucket(t)
	homes := []allowed.Place{
		allowed.PlaceOf(f.bucket, "music"), allowed.PlaceOf(other, ""), allowed.PlaceOf(f.bucket, "clients"),
	}
	f.ledger = allowed.PlaceOf(f.bucket, "ledgers")
	f.options.Ledger, f.options.Homes = f.ledger, homes
	for _, at := range append(homes, allowed.PlaceOf(f.bucket, "clients/a"), allowed.PlaceOf(other, "deep")) {
		for _, kind := range stemflow.PaidTypes() {
			f.plant(kind, at).delete()
		}
	}
	types := len(stemflow.PaidTypes())
	for _, c := range []struct {
		at      allowed.Place
		deleted int
	}{{homes[0], types}, {homes[1], 2 * types}, {homes[2], 2 * types}, {allowed.PlaceOf(f.bucket, ""), 3 * types}} {
		for _, withLedgers := range []bool{true, false} {
			got := f.check(func(o *verify.Tuned) { o.At, o.WithLedgers = c.at, withLedgers })
			require.Empty(t, got.found(), "%v", c.at)
			require.Equal(t, c.deleted, got.counts.Deleted, "%v", c.at)
		}
	}
	one := f.plant(stemflow.SplitStem, homes[0])
	track := func(o *verify.Tuned) { o.At, o.Track, o.WithLedgers = homes[0], &one.track, false }
	one.delete()
	got := f.check(track)
	require.Empty(t, got.found())
	require.Equal(t, 1, got.counts.Deleted)
	one.remove(f.bucket, one.ledgerKey())
	one.remove(f.bucket, archive.SubmissionKey(one.loc))
	require.Empty(t, f.check(track).found(), "it is known that it was there")
}

// A removal speaks of what it removed. What is there or paid for since is checked as ever.
func TestWhatComesAfterADeletionIsMissed(t *testing.T) {
	for name, c := range map[string]struct {
		do      func(p *planted) []found
		resumes bool
		deleted int
	}{
		"archived again, whole": {do: func(p *planted) []found {
			p.delete()
			for i, stem := range p.manifest.Stems {
				p.manifest.Stems[i] = p.putStem(p.id, stem.Name)
			}
			p.writeManifest()
			return []found{}
		}},
		"archived again, and a stem is gone": {resumes: true, do: func(p *planted) []found {
			p.delete()
			p.putStem(p.id, p.manifest.Stems[0].Name)
			p.writeManifest()
			return []found{{stemflow.FindingStemMissing, p.stemKey()}}
		}},
		"archived again, and the manifest is gone": {resumes: true, do: func(p *planted) []found {
			p.delete()
			p.putStem(p.id, p.manifest.Stems[0].Name)
			return []found{{stemflow.FindingPaidNotArchived, p.ledgerKey()}}
		}},
		"paid for again by force": {resumes: true, deleted: 1, do: func(p *planted) []found {
			p.delete()
			p.ledger.Earlier = append(p.ledger.Earlier, p.ledger.Entry)
			p.ledger.Entry = p.entry(stemflow.SubmissionPaid, "0002", longAgo.Add(time.Hour))
			p.writeLedger()
			return []found{{stemflow.FindingPaidNotArchived, p.ledgerKey()}}
		}},
		"broken off before the manifest": {do: func(p *planted) []found {
			p.put(p.loc.Bucket, archive.DeletionKey(p.loc, p.id), archive.Deletion{Version: 1})
			return []found{}
		}},
		"broken off before a stem": {deleted: 1, do: func(p *planted) []found {
			p.delete(p.stemKey())
			return []found{{stemflow.FindingOrphan, p.stemKey()}}
		}},
		"archived by a transcription that was under way": {deleted: 1, do: func(p *planted) []found {
			p.delete()
			key := archive.MIDIKey(p.loc, p.id, "", "mid")
			p.putRaw(key, []byte("notes"))
			return []found{{stemflow.FindingOrphan, key}}
		}},
		"broken off before a stem that nothing was paid for": {deleted: 1, do: func(p *planted) []found {
			p.delete(p.stemKey())
			p.remove(p.book.Bucket, p.ledgerKey())
			return []found{{stemflow.FindingOrphan, p.stemKey()}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			want := c.do(f.plant(stemflow.SplitStem, f.at))
			got := f.check()
			require.Equal(t, want, got.found())
			require.Equal(t, c.deleted, got.counts.Deleted)
			for _, finding := range got.findings {
				require.Equal(t, c.resumes, finding.Resume != "", "%+v", finding)
			}
		})
	}
}
