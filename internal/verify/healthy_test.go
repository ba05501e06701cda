package verify_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/allowed"
	"stemflow/internal/archive"
	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/ledger"
	"stemflow/internal/verify"
)

// healthy is something that an archive may well hold, and that is no damage.
type healthy struct {
	name  string
	apart bool // it takes a ledger that is elsewhere
	do    func(p *planted)
}

func healthies() []healthy {
	recently := time.Now().Add(-10 * time.Minute).UTC()
	return []healthy{
		{name: "archived", do: func(*planted) {}},
		{name: "with a page that plays it", do: func(p *planted) { p.putRaw(archive.NewListenKey(p.loc), []byte("<html>")) }},
		{name: "with the peaks of its stems", do: func(p *planted) {
			for _, stem := range p.manifest.Stems {
				p.putRaw(archive.PeaksKey(p.loc, p.id, stem.Name), []byte("{}"))
			}
		}},
		{name: "with sessions", do: func(p *planted) {
			p.putRaw(archive.SessionKey(p.loc, p.id, "zip"), []byte("PK"))
			p.putRaw(archive.SessionKey(p.loc, p.id, "dawproject"), []byte("PK"))
		}},
		{name: "beside a file of somebody's", do: func(p *planted) {
			p.putRaw(p.loc.Dir+"notes.txt", []byte("mine"))
			p.putRaw("photos/2026/summer/a.jpg", []byte("mine"))
		}},
		{name: "with folders that a console has made", do: func(p *planted) {
			for _, folder := range []string{p.loc.Dir, p.loc.Dir + p.id + "/", p.loc.Dir + "mixes/", p.book.Dir} {
				p.putRaw(folder, nil)
			}
		}},
		{name: "partial", do: func(p *planted) {
			p.manifest.Failed = []stemflow.FailedStem{{Name: "bass", Type: stemflow.ErrorSourceExpired}}
			p.writeManifest()
		}},
		{name: "without a stem that was not served", do: func(p *planted) {
			p.manifest.Missing = []stemflow.MissingStem{{Name: "a_new_one", Reason: "it was not served"}}
			p.writeManifest()
			p.putStem(p.id, "a_new_one") // a run has just found it
		}},
		{name: "separated again by force", do: func(p *planted) {
			old := p.id
			p.putStem("0001", "bass")
			p.ledger.Earlier = []ledger.Entry{p.entry(stemflow.SubmissionPaid, "0001", longAgo.Add(-time.Hour))}
			require.NotEqual(p.f.t, old, "0001")
			p.writeLedger()
		}},
		{name: "separated again by force, which archived first", do: func(p *planted) {
			p.ledger.Earlier = []ledger.Entry{p.ledger.Entry}
			p.ledger.Entry = p.entry(stemflow.SubmissionPaid, "0002", longAgo.Add(time.Minute))
			p.putStem("0002", "bass")
			p.writeLedger()
		}},
		{name: "after another run's outcome was unknown", do: func(p *planted) {
			p.ledger.Earlier = []ledger.Entry{p.entry(stemflow.SubmissionIntended, "", longAgo.Add(-time.Hour))}
			p.writeLedger()
		}},
		{name: "after refusals", do: func(p *planted) {
			p.ledger.Earlier = []ledger.Entry{p.entry(stemflow.SubmissionRefused, "", longAgo.Add(-time.Hour))}
			p.writeLedger()
		}},
		{name: "refused", do: func(p *planted) {
			p.forget()
			p.ledger = ledger.Ledger{Entry: p.entry(stemflow.SubmissionRefused, "", longAgo)}
			p.put(p.book.Bucket, p.ledgerKey(), p.ledger)
		}},
		{name: "failed by the provider", do: func(p *planted) {
			p.forget()
			p.ledger = ledger.Ledger{Entry: p.entry(stemflow.SubmissionFailed, p.id, longAgo)}
			p.put(p.book.Bucket, p.ledgerKey(), p.ledger)
		}},
		{name: "being paid for", do: func(p *planted) {
			p.forget()
			p.ledger = ledger.Ledger{Entry: p.entry(stemflow.SubmissionIntended, "", recently)}
			p.put(p.book.Bucket, p.ledgerKey(), p.ledger)
		}},
		{name: "being archived", do: func(p *planted) {
			p.remove(p.loc.Bucket, p.manifestKey())
			p.ledger = ledger.Ledger{Entry: p.entry(stemflow.SubmissionPaid, p.id, recently)}
			p.writeLedger()
		}},
		{name: "being separated again by force", do: func(p *planted) {
			p.ledger.Earlier = []ledger.Entry{p.ledger.Entry}
			p.ledger.Entry = p.entry(stemflow.SubmissionPaid, "0003", recently)
			p.putStem("0003", "bass")
			p.writeLedger()
		}},
		{name: "being completed", do: func(p *planted) {
			p.manifest.Failed = []stemflow.FailedStem{{Name: "strings", Type: stemflow.ErrorSourceExpired}}
			p.writeManifest()
			p.putStem(p.id, "strings")
		}},
		{name: "in a bucket that was copied as a whole", do: func(p *planted) {
			p.manifest.Manifest.Bucket = "the-former-bucket"
			for i := range p.manifest.Stems {
				p.manifest.Stems[i].Bucket = "the-former-bucket"
			}
			p.writeManifest()
		}},
		{name: "of an early release, with the ledger in its folder alone", apart: true, do: func(p *planted) {
			p.remove(p.book.Bucket, p.ledgerKey())
			p.ledger.Owner, p.ledger.Nonce = "", ""
			p.put(p.loc.Bucket, archive.SubmissionKey(p.loc), p.ledger)
		}},
	}
}

// Nothing of what an archive may well hold is an alarm, however its places and ledgers are laid
// out.
func TestNoFalseAlarm(t *testing.T) {
	f := newFixture(t)
	for name, layout := range map[string]struct{ at, ledger allowed.Place }{
		"ledgers beside the tracks":       {allowed.PlaceOf(f.bucket, "one"), allowed.PlaceOf(f.bucket, "one")},
		"tracks in a prefix, ledgers not": {allowed.PlaceOf(f.bucket, "two/music"), allowed.PlaceOf(f.bucket, "two")},
		"ledgers apart":                   {allowed.PlaceOf(f.bucket, "three/a"), allowed.PlaceOf(f.bucket, "three/b")},
		"a prefix like a type": {
			allowed.PlaceOf(f.bucket, "four/a/b/split_stem"), allowed.PlaceOf(f.bucket, "four/a/b/split_stem_advanced"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := *f
			f.t, f.at, f.ledger = t, layout.at, layout.ledger
			f.options.At, f.options.Ledger, f.options.Homes = f.at, f.ledger, []allowed.Place{f.at}
			tracks := 0
			for _, h := range healthies() {
				if h.apart && f.at == f.ledger {
					continue
				}
				for _, kind := range stemflow.SeparationTypes() {
					h.do(f.plant(kind, f.at))
					tracks++
				}
			}
			got := f.check()
			require.Empty(t, got.found())
			require.Positive(t, got.counts.UnderWay)
			require.Positive(t, got.counts.Superseded)
			require.Less(t, got.counts.Tracks, tracks)

			withoutDefaults := f.check(func(o *verify.Tuned) { o.WithLedgers = false })
			require.Empty(t, withoutDefaults.found())
			whole := f.check(func(o *verify.Tuned) {
				o.At, o.Homes = allowed.PlaceOf(f.bucket, ""), nil
				o.Ledger = f.ledger
			})
			for _, found := range whole.findings {
				require.NotEqual(t, f.at.Prefix, found.At.Prefix, "%+v", found) // the others' ledgers are not these
			}
		})
	}
}

// Tracks that inputs sent to prefixes of their own are no alarm: their manifests are found wherever
// in the bucket they are.
func TestTracksInPrefixesOfTheirOwn(t *testing.T) {
	f := newFixture(t)
	for _, prefix := range []string{"clients/a", "clients/b", "0/first", "music"} {
		f.plant(stemflow.SplitStem, allowed.PlaceOf(f.bucket, prefix))
	}
	got := f.check()
	require.Empty(t, got.found())
	require.Equal(t, 4, got.counts.Tracks)
	lost := f.plant(stemflow.SplitStem, allowed.PlaceOf(f.bucket, "clients/c"))
	lost.forget()
	require.Equal(t, []found{{stemflow.FindingPaidNotArchived, lost.ledgerKey()}}, f.check().found())
}

// Nor are those that inputs sent to another place that is allowed.
func TestTracksInPlacesThatAreNotChecked(t *testing.T) {
	f := newFixture(t)
	_, other := serverstest.Bucket(t)
	f.at, f.ledger = allowed.PlaceOf(f.bucket, "music"), allowed.PlaceOf(f.bucket, "ledgers")
	f.options.At, f.options.Ledger = f.at, f.ledger
	f.options.Homes = []allowed.Place{
		f.at, allowed.PlaceOf(other, ""), allowed.PlaceOf(f.bucket, "clients"), allowed.PlaceOf("not-made-yet", ""),
	}
	f.plant(stemflow.SplitStem, f.at)
	f.plant(stemflow.SplitStem, allowed.PlaceOf(other, "deep/in/it"))
	f.plant(stemflow.SplitStem, allowed.PlaceOf(f.bucket, "clients/a"))
	require.Empty(t, f.check().found())
	require.Equal(t, 1, f.check().counts.Tracks, "the others are not checked")
	lost := f.plant(stemflow.SplitStem, allowed.PlaceOf(f.bucket, "clients/a"))
	lost.forget()
	require.Equal(t, []found{{stemflow.FindingPaidNotArchived, lost.ledgerKey()}}, f.check().found())

	few := f.check(func(o *verify.Tuned) { o.MaxPlaces = 2 })
	require.Empty(t, few.found(), "it may be in one of the places that are not remembered")
	require.Positive(t, few.counts.Unplaced)
}

// Where Temporal can be asked, an old entry is no alarm while the run that wrote it is open, and
// one that is over is told after the default deadline.
func TestOpenRunsAreUnderWay(t *testing.T) {
	f := newFixture(t)
	p := f.plant(stemflow.SplitStem, f.at)
	p.forget()
	p.put(p.book.Bucket, p.ledgerKey(), p.ledger)
	run := verify.RunOver
	var asked []string
	ask := func(o *verify.Tuned) {
		o.Run = func(_ context.Context, id string) (verify.Run, error) {
			asked = append(asked, id)
			return run, nil
		}
	}
	require.Len(t, f.check(ask).found(), 1)
	require.Contains(t, asked, p.ledger.WorkflowID)
	run = verify.RunOpen
	require.Empty(t, f.check(ask).found())

	yesterday := time.Now().Add(-24 * time.Hour)
	p.ledger = ledger.Ledger{Entry: p.entry(stemflow.SubmissionPaid, p.id, yesterday)}
	p.put(p.book.Bucket, p.ledgerKey(), p.ledger)
	require.Empty(t, f.check().found(), "a run may have the longest deadline, and nobody can say that it has ended")
	run = verify.RunOver
	require.Len(t, f.check(ask).found(), 1)
	run = verify.RunUnknown
	require.Empty(t, f.check(ask).found(), "nor can Temporal")
	require.Len(t, f.check(func(o *verify.Tuned) { o.Deadline = time.Hour }).found(), 1)
}

// A time that is yet to come does not hide an entry for ever.
func TestEntriesFromTheFuture(t *testing.T) {
	f := newFixture(t)
	p := f.plant(stemflow.SplitStem, f.at)
	p.forget()
	p.ledger = ledger.Ledger{Entry: p.entry(stemflow.SubmissionPaid, p.id, time.Now().Add(100*365*24*time.Hour))}
	p.put(p.book.Bucket, p.ledgerKey(), p.ledger)
	require.Empty(t, f.check().found())
	later := func(o *verify.Tuned) {
		o.Now = func() time.Time { return time.Now().Add(30 * 24 * time.Hour) }
	}
	require.Len(t, f.check(later).found(), 1)
}
