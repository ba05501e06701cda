package verify_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/allowed"
	"stemflow/internal/archive"
	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/ledger"
	"stemflow/internal/naming"
	"stemflow/internal/sample"
	"stemflow/internal/verify"
)

// damage is something that goes wrong with an archived track, and what a check must find then.
type damage struct {
	name string
	// needs says where the ledger has to be.
	apart, notApart bool
	// reads says that only reading shows it.
	reads bool
	do    func(p *planted) []found
	// resumes says that a repair resumes the track's separation.
	resumes bool
}

func damages() []damage {
	one := func(kind stemflow.FindingKind, key string) []found { return []found{{kind, key}} }
	return []damage{
		{name: "manifest is no JSON", resumes: true, do: func(p *planted) []found {
			p.putRaw(p.manifestKey(), []byte(`{"version": 1, "stems": [`))
			return one(stemflow.FindingManifestInvalid, p.manifestKey())
		}},
		{name: "manifest is of another shape", resumes: true, do: func(p *planted) []found {
			p.putRaw(p.manifestKey(), []byte(`{"version": 1, "stems": "none"}`))
			return one(stemflow.FindingManifestInvalid, p.manifestKey())
		}},
		{name: "manifest lists nothing", resumes: true, do: func(p *planted) []found {
			p.manifest.Stems = nil
			p.writeManifest()
			return one(stemflow.FindingManifestInvalid, p.manifestKey())
		}},
		{name: "manifest of a later version", do: func(p *planted) []found {
			p.putRaw(p.manifestKey(), []byte(`{"version": 2, "stems": "as version 2 has them"}`))
			return one(stemflow.FindingManifestVersion, p.manifestKey())
		}},
		{name: "manifest lists an object elsewhere", resumes: true, do: func(p *planted) []found {
			p.manifest.Stems[0].Key = "secrets/" + p.manifest.Stems[0].Name + ".mp3"
			p.writeManifest()
			return one(stemflow.FindingManifestMisplaced, p.manifestKey())
		}},
		{name: "manifest climbs out of its folder", resumes: true, do: func(p *planted) []found {
			p.manifest.Stems[0].Key = archive.SeparationPrefix(p.loc, p.id) + "../../other/drums.mp3"
			p.writeManifest()
			return one(stemflow.FindingManifestMisplaced, p.manifestKey())
		}},
		{name: "manifest names another bucket", resumes: true, do: func(p *planted) []found {
			p.manifest.Stems[0].Bucket = "elsewhere"
			p.writeManifest()
			return one(stemflow.FindingManifestMisplaced, p.manifestKey())
		}},
		{name: "manifest of another track", resumes: true, do: func(p *planted) []found {
			p.manifest.Source.AudioID = "another"
			p.writeManifest()
			return one(stemflow.FindingManifestMisplaced, p.manifestKey())
		}},
		{name: "stem is gone", resumes: true, do: func(p *planted) []found {
			p.remove(p.loc.Bucket, p.stemKey())
			return one(stemflow.FindingStemMissing, p.stemKey())
		}},
		{name: "stem is cut", resumes: true, do: func(p *planted) []found {
			p.putRaw(p.stemKey(), p.content(p.id, p.manifest.Stems[1].Name)[1:])
			return one(stemflow.FindingStemSize, p.stemKey())
		}},
		{name: "stem is another, by the store's checksum", resumes: true, do: func(p *planted) []found {
			content := bytes.ToUpper(p.content(p.id, p.manifest.Stems[1].Name))
			_, err := p.f.Put(p.f.t.Context(), p.loc.Bucket, p.stemKey(), "audio/mpeg", bytes.NewReader(content),
				int64(len(content)))
			require.NoError(p.f.t, err)
			return one(stemflow.FindingStemChecksum, p.stemKey())
		}},
		{name: "stem is another, by the checksum that stems are put with", resumes: true, do: func(p *planted) []found {
			content := bytes.ToUpper(p.content(p.id, p.manifest.Stems[1].Name))
			_, err := p.f.PutStem(p.f.t.Context(), p.loc.Bucket, p.stemKey(), "audio/mpeg", bytes.NewReader(content),
				int64(len(content)))
			require.NoError(p.f.t, err)
			return one(stemflow.FindingStemChecksum, p.stemKey())
		}},
		{name: "stem is another, and the manifest has its SHA-256 alone", reads: true, resumes: true, do: func(p *planted) []found {
			content := bytes.ToUpper(p.content(p.id, p.manifest.Stems[1].Name))
			_, err := p.f.PutStem(p.f.t.Context(), p.loc.Bucket, p.stemKey(), "audio/mpeg", bytes.NewReader(content),
				int64(len(content)))
			require.NoError(p.f.t, err)
			p.manifest.Stems[1].StoreChecksum = ""
			p.writeManifest()
			return one(stemflow.FindingStemChecksum, p.stemKey())
		}},
		{name: "stem is another, and the store has no checksum", reads: true, resumes: true, do: func(p *planted) []found {
			p.putRaw(p.stemKey(), bytes.ToUpper(p.content(p.id, p.manifest.Stems[1].Name)))
			return one(stemflow.FindingStemChecksum, p.stemKey())
		}},
		{name: "object that no manifest lists", do: func(p *planted) []found {
			key := archive.SeparationPrefix(p.loc, p.id) + "notes.mp3"
			p.putRaw(key, []byte("an object"))
			return one(stemflow.FindingOrphan, key)
		}},
		{name: "object deep in a separation's folder", do: func(p *planted) []found {
			key := archive.SeparationPrefix(p.loc, p.id) + "old/drums.mp3"
			p.putRaw(key, []byte("an object"))
			return one(stemflow.FindingOrphan, key)
		}},
		{name: "folder of a separation that no ledger knows", do: func(p *planted) []found {
			for _, name := range []string{"bass", "drums"} {
				p.putStem("00ff", name)
			}
			return one(stemflow.FindingOrphan, archive.StemKey(p.loc, "00ff", "bass", "mp3"))
		}},
		{name: "intent without an outcome", do: func(p *planted) []found {
			p.forget()
			p.ledger = ledger.Ledger{Entry: p.entry(stemflow.SubmissionIntended, "", longAgo)}
			p.put(p.book.Bucket, p.ledgerKey(), p.ledger)
			return one(stemflow.FindingIntentStuck, p.ledgerKey())
		}},
		{name: "paid and never archived", resumes: true, do: func(p *planted) []found {
			p.forget()
			p.put(p.book.Bucket, p.ledgerKey(), p.ledger)
			return one(stemflow.FindingPaidNotArchived, p.ledgerKey())
		}},
		{name: "paid and archived but for the manifest", resumes: true, do: func(p *planted) []found {
			p.remove(p.loc.Bucket, p.manifestKey())
			return one(stemflow.FindingPaidNotArchived, p.ledgerKey())
		}},
		{name: "paid again by force and never archived", do: func(p *planted) []found {
			p.ledger.Earlier = []ledger.Entry{p.ledger.Entry}
			p.ledger.Entry = p.entry(stemflow.SubmissionPaid, "f0f0", longAgo.Add(time.Hour))
			p.writeLedger()
			return one(stemflow.FindingPaidNotArchived, p.ledgerKey())
		}},
		{name: "ledger is no JSON", do: func(p *planted) []found {
			p.putRaw(p.ledgerKey(), []byte("{"))
			return one(stemflow.FindingLedgerInvalid, p.ledgerKey())
		}},
		{name: "ledger is empty", do: func(p *planted) []found {
			p.put(p.book.Bucket, p.ledgerKey(), struct{}{})
			return one(stemflow.FindingLedgerInvalid, p.ledgerKey())
		}},
		{name: "ledger is of another track", do: func(p *planted) []found {
			p.ledger.Track.TaskID = "another"
			p.put(p.book.Bucket, p.ledgerKey(), p.ledger)
			return one(stemflow.FindingLedgerInvalid, p.ledgerKey())
		}},
		{name: "ledger is gone", notApart: true, do: func(p *planted) []found {
			p.remove(p.book.Bucket, p.ledgerKey())
			return one(stemflow.FindingLedgerMissing, p.ledgerKey())
		}},
		{name: "ledger knows another separation", do: func(p *planted) []found {
			p.ledger.SeparationTaskID = "f0f0"
			p.ledger.SubmittedAt = longAgo.Add(time.Second)
			p.writeLedger()
			return one(stemflow.FindingLedgerDisagrees, p.ledgerKey())
		}},
		{name: "copy of the ledger is gone", apart: true, do: func(p *planted) []found {
			p.remove(p.loc.Bucket, archive.SubmissionKey(p.loc))
			return one(stemflow.FindingReceiptMissing, archive.SubmissionKey(p.loc))
		}},
		{name: "copy of the ledger is another's", apart: true, do: func(p *planted) []found {
			p.put(p.loc.Bucket, archive.SubmissionKey(p.loc), ledger.Ledger{
				Entry: p.entry(stemflow.SubmissionRefused, "", longAgo),
			})
			return one(stemflow.FindingReceiptMissing, archive.SubmissionKey(p.loc))
		}},
	}
}

// forget takes away all that the track's folder has.
func (p *planted) forget() {
	p.f.t.Helper()
	objects, err := p.f.List(p.f.t.Context(), p.loc.Bucket, p.loc.Dir)
	require.NoError(p.f.t, err)
	for _, object := range objects {
		p.remove(p.loc.Bucket, object.Key)
	}
}

// Each kind of damage is found, alone, where it is, with its remedy, whether ledgers are with the
// tracks or apart from them; and as much by a check of the track alone.
func TestEachDamageIsFound(t *testing.T) {
	f := newFixture(t)
	for _, apart := range []bool{false, true} {
		for i, d := range damages() {
			if apart && d.notApart || !apart && d.apart {
				continue
			}
			name := d.name
			if apart {
				name += ", ledgers apart"
			}
			t.Run(name, func(t *testing.T) {
				f := *f
				f.t, f.tracks = t, f.tracks+100*i
				where := "damage-" + strings.ReplaceAll(name, " ", "_")
				f.at = allowed.PlaceOf(f.bucket, where+"/tracks")
				f.ledger = f.at
				if apart {
					f.ledger = allowed.PlaceOf(f.bucket, where+"/ledgers")
				}
				f.options.At, f.options.Ledger = f.at, f.ledger
				f.options.Homes = []allowed.Place{f.at}
				intact := f.plant(stemflow.SplitStem, f.at)
				hurt := f.plant(stemflow.SplitStemAdvanced, f.at)
				require.Empty(t, f.check().found())
				want := sortFound(d.do(hurt))

				before := f.snapshot()
				if d.reads {
					require.Empty(t, f.check().found())
				}
				all := f.check(func(o *verify.Tuned) { o.Read = sample.Sample{Share: 1} })
				require.Equal(t, want, all.found())
				for _, got := range all.findings {
					kind, ok := stemflow.LookupFindingType(got.Kind)
					require.True(t, ok)
					require.Equal(t, kind.Remedy, got.Remedy)
					require.NotEmpty(t, got.Message)
					named := *got.Track
					require.Equal(t, naming.Slug(hurt.track.StemName), naming.Slug(named.StemName))
					named.StemName = hurt.track.StemName // nobody may know how it is spelt
					require.Equal(t, hurt.track, named)
					require.Equal(t, d.resumes, got.Resume == hurt.id, got.Resume)
				}
				one := f.check(func(o *verify.Tuned) { o.Track, o.Read = &hurt.track, sample.Sample{Share: 1} })
				require.Equal(t, want, one.found())
				require.Empty(t, f.check(func(o *verify.Tuned) { o.Track = &intact.track }).found())
				require.Equal(t, before, f.snapshot(), "a check changes nothing")
			})
		}
	}
}

// snapshot is all that the bucket has.
func (f *fixture) snapshot() []archive.Info {
	f.t.Helper()
	objects, err := f.List(f.t.Context(), f.bucket, f.at.Prefix[:strings.LastIndex(f.at.Prefix, "/")])
	require.NoError(f.t, err)
	return objects
}

// An upload that was begun long ago is no damage, and is told.
func TestUnfinishedUploads(t *testing.T) {
	f := newFixture(t)
	p := f.plant(stemflow.SplitStem, f.at)
	key := archive.StemKey(p.loc, p.id, "bass", "mp3")
	_, err := f.raw.NewMultipartUpload(t.Context(), f.bucket, key, minio.PutObjectOptions{})
	require.NoError(t, err)
	_, err = f.raw.NewMultipartUpload(t.Context(), f.bucket, "not/ours", minio.PutObjectOptions{})
	require.NoError(t, err)
	require.Empty(t, f.check().found(), "it may be under way")
	later := f.check(func(o *verify.Tuned) {
		o.Now = func() time.Time { return time.Now().Add(3 * time.Hour) }
	})
	require.Equal(t, []found{{stemflow.FindingUploadUnfinished, key}}, later.found())
	require.True(t, later.findings[0].Notice)

	limited := *f
	store, err := archive.New(serverstest.User(t, f.opts, f.bucket))
	require.NoError(t, err)
	limited.options.Store = store
	require.False(t, limited.check().counts.UploadsUnchecked, "the policy allows to list them")
}
