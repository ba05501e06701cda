package verify_test

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/allowed"
	"stemflow/internal/archive"
	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/ledger"
	"stemflow/internal/verify"
)

func TestMain(m *testing.M) { os.Exit(serverstest.Run(m)) }

// fixture is a bucket on a real MinIO, and the options of a check of all of it.
type fixture struct {
	t testing.TB
	*archive.Store
	raw     minio.Core
	opts    archive.Options
	bucket  string
	options verify.Tuned
	// at and ledger are where tracks are archived and their ledgers kept.
	at, ledger allowed.Place
	tracks     int
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	opts, bucket := serverstest.Bucket(t)
	store, err := archive.New(opts)
	require.NoError(t, err)
	t.Cleanup(store.Close)
	raw, err := minio.NewCore(opts.Endpoint, &minio.Options{
		Creds: credentials.NewStaticV4(opts.AccessKey, opts.SecretKey, ""), TrailingHeaders: true,
	})
	require.NoError(t, err)
	f := &fixture{t: t, Store: store, raw: *raw, opts: opts, bucket: bucket, at: allowed.PlaceOf(bucket, "")}
	f.ledger = f.at
	f.options = verify.Tuned{
		Options: verify.Options{
			Store: store, At: f.at, Ledger: f.at, WithLedgers: true, Homes: []allowed.Place{f.at},
		},
		SecondLook: time.Millisecond,
	}
	return f
}

// planted is a track in the archive.
type planted struct {
	f         *fixture
	track     stemflow.Track
	at        allowed.Place
	loc, book activityapi.Location
	id        string
	manifest  stemflow.Manifest
	ledger    ledger.Ledger
}

// longAgo is when what is planted was paid for and archived.
var longAgo = time.Now().Add(-60 * 24 * time.Hour).UTC().Truncate(time.Second)

var spellings = map[stemflow.SeparationType]string{stemflow.SplitStemAdvanced: "Lead Vocal"}

// plant archives a track as the product does. Its files are not of audio, which a check does not
// look for.
func (f *fixture) plant(kind stemflow.SeparationType, at allowed.Place) *planted {
	f.t.Helper()
	f.tracks++
	p := &planted{
		f: f, at: at, id: fmt.Sprintf("5e9a%028d", f.tracks),
		track: stemflow.Track{
			TaskID: fmt.Sprintf("%032x", f.tracks*7919), AudioID: fmt.Sprintf("a0d10-%d", f.tracks), Type: kind,
			StemName: spellings[kind],
		},
	}
	p.loc = archive.Locate(at.Bucket, at.Prefix, p.track)
	p.book = archive.Locate(f.ledger.Bucket, f.ledger.Prefix, p.track)
	p.manifest = stemflow.Manifest{
		Version: 1,
		SeparateStemsResult: stemflow.SeparateStemsResult{
			SeparationTaskID: p.id, Type: kind, Paid: true, SettledBy: stemflow.SettledByCallback,
			Manifest:    stemflow.ObjectRef{Bucket: at.Bucket, Key: archive.ManifestKey(p.loc)},
			SubmittedAt: longAgo, SettledAt: longAgo.Add(time.Minute), ArchivedAt: longAgo.Add(2 * time.Minute),
			Empty: []string{}, Failed: []stemflow.FailedStem{},
		},
		Source: stemflow.ManifestSource{TaskID: p.track.TaskID, AudioID: p.track.AudioID, StemName: p.track.StemName},
	}
	expected := stemflow.ExpectedStems(kind, p.track.StemName)
	for _, name := range expected[:min(len(expected), 2)] {
		p.manifest.Stems = append(p.manifest.Stems, p.putStem(p.id, name))
	}
	p.ledger = ledger.Ledger{Entry: p.entry(stemflow.SubmissionPaid, p.id, longAgo), Revision: 2}
	p.writeLedger()
	p.writeManifest()
	return p
}

func (p *planted) entry(state stemflow.SubmissionState, id string, at time.Time) ledger.Entry {
	e := ledger.Entry{
		Version: 1, State: state, Track: p.track, SeparationTaskID: id, Attempt: 1, IntendedAt: at, ScheduledAt: at,
		WorkflowID: stemflow.WorkflowID(stemflow.SeparateStemsInput{
			TaskID: p.track.TaskID, AudioID: p.track.AudioID, Type: p.track.Type, StemName: p.track.StemName,
		}),
		RunID: "run-" + id + string(state), Owner: "run-" + id, Nonce: "n-" + id,
	}
	if state == stemflow.SubmissionPaid {
		e.SubmittedAt = at.Add(time.Second)
	}
	return e
}

func (p *planted) content(id, name string) []byte {
	return fmt.Appendf(nil, "the %s of %s in %s", name, id, p.loc.Dir)
}

func (p *planted) putStem(id, name string) stemflow.Stem {
	p.f.t.Helper()
	content := p.content(id, name)
	key := archive.StemKey(p.loc, id, name, "mp3")
	put := p.f.PutStem
	if name == "bass" { // as releases before put all of them
		put = p.f.Put
	}
	written, err := put(
		p.f.t.Context(), p.loc.Bucket, key, "audio/mpeg", bytes.NewReader(content), int64(len(content)))
	require.NoError(p.f.t, err)
	return stemflow.Stem{
		Name: name, Bucket: p.loc.Bucket, Key: key, Size: written.Size, SHA256: written.SHA256,
		StoreChecksum: written.Checksum,
		ContentType:   "audio/mpeg",
	}
}

// writeLedger writes the account's ledger, and the copy beside the manifest if it is elsewhere.
func (p *planted) writeLedger() {
	p.put(p.book.Bucket, archive.SubmissionKey(p.book), p.ledger)
	if p.book != p.loc {
		p.put(p.loc.Bucket, archive.SubmissionKey(p.loc), p.ledger)
	}
}

func (p *planted) writeManifest() { p.put(p.loc.Bucket, archive.ManifestKey(p.loc), p.manifest) }

func (p *planted) put(bucket, key string, document any) {
	p.f.t.Helper()
	require.NoError(p.f.t, p.f.PutJSON(p.f.t.Context(), bucket, key, document))
}

func (p *planted) putRaw(key string, content []byte) {
	p.f.t.Helper()
	_, err := p.f.raw.Client.PutObject(
		p.f.t.Context(),
		p.loc.Bucket,
		key,
		bytes.NewReader(content),
		int64(len(content)),
		minio.PutObjectOptions{DisableMultipart: true},
	)
	require.NoError(p.f.t, err)
}

func (p *planted) remove(bucket, key string) {
	p.f.t.Helper()
	require.NoError(p.f.t, p.f.raw.RemoveObject(p.f.t.Context(), bucket, key, minio.RemoveObjectOptions{}))
}

func (p *planted) stemKey() string     { return p.manifest.Stems[1].Key }
func (p *planted) manifestKey() string { return archive.ManifestKey(p.loc) }
func (p *planted) ledgerKey() string   { return archive.SubmissionKey(p.book) }

// checked is what a check came to.
type checked struct {
	counts   stemflow.ArchiveCounts
	findings []activityapi.Finding
	pages    int
}

// check checks everything, page by page.
func (f *fixture) check(adjust ...func(*verify.Tuned)) checked {
	f.t.Helper()
	opts := f.options
	for _, a := range adjust {
		a(&opts)
	}
	var out checked
	var state activityapi.VerifyState
	checker := verify.NewTuned(opts)
	for {
		page, err := checker.Next(f.t.Context(), state)
		require.NoError(f.t, err)
		out.counts.Add(page.Counts)
		out.findings = append(out.findings, page.Findings...)
		out.pages++
		require.Less(f.t, out.pages, 100)
		if page.Done {
			return out
		}
		state = page.State
	}
}

// found is a finding as tests compare it.
type found struct {
	kind stemflow.FindingKind
	key  string
}

func (c checked) found() []found {
	all := []found{}
	for _, f := range c.findings {
		all = append(all, found{f.Kind, f.Key})
	}
	return sortFound(all)
}

func sortFound(all []found) []found {
	slices.SortFunc(all, func(a, b found) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.kind, b.kind)) })
	return all
}
