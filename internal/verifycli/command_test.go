package verifycli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/allowed"
	"stemflow/internal/archive"
	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/ledger"
	"stemflow/internal/verify"
	"stemflow/internal/verifycli"
)

func TestMain(m *testing.M) { os.Exit(serverstest.Run(m)) }

// fixture is a bucket on a real MinIO with tracks, and how the command reaches it.
type fixture struct {
	t      *testing.T
	opts   archive.Options
	store  *archive.Store
	bucket string
}

func newFixture(t *testing.T, tracks int) *fixture {
	t.Helper()
	opts, bucket := serverstest.Bucket(t)
	store, err := archive.New(opts)
	require.NoError(t, err)
	t.Cleanup(store.Close)
	f := &fixture{t: t, opts: opts, store: store, bucket: bucket}
	for n := range tracks {
		f.plant(n)
	}
	return f
}

func track(n int) stemflow.Track {
	return stemflow.Track{TaskID: fmt.Sprint("task", n), AudioID: "audio", Type: stemflow.SeparateVocal}
}

func (f *fixture) stemKey(n int) string {
	return archive.StemKey(archive.Locate(f.bucket, "music", track(n)), "sep", "vocals", "mp3")
}

func (f *fixture) plant(n int) {
	f.t.Helper()
	ctx, loc, when := f.t.Context(), archive.Locate(f.bucket, "music", track(n)), time.Now().AddDate(0, -2, 0)
	content := []byte("the vocals")
	written, err := f.store.Put(ctx, f.bucket, f.stemKey(n), "audio/mpeg", bytes.NewReader(content), int64(len(content)))
	require.NoError(f.t, err)
	m := stemflow.Manifest{Version: 1, Source: stemflow.ManifestSource{TaskID: track(n).TaskID, AudioID: "audio"}}
	m.SeparationTaskID, m.Type, m.SubmittedAt, m.ArchivedAt = "sep", stemflow.SeparateVocal, when, when
	m.Manifest = stemflow.ObjectRef{Bucket: f.bucket, Key: archive.ManifestKey(loc)}
	m.Stems = []stemflow.Stem{{
		Name: "vocals", Bucket: f.bucket, Key: f.stemKey(n), Size: written.Size, SHA256: written.SHA256,
	}}
	require.NoError(f.t, f.store.PutJSON(ctx, f.bucket, archive.ManifestKey(loc), m))
	require.NoError(f.t, f.store.PutJSON(ctx, f.bucket, archive.SubmissionKey(loc), ledger.Ledger{Entry: ledger.Entry{
		Version: 1, State: stemflow.SubmissionPaid, Track: track(n), SeparationTaskID: "sep", SubmittedAt: when,
	}}))
}

func (f *fixture) remove(key string) {
	f.t.Helper()
	raw, err := minio.New(f.opts.Endpoint,
		&minio.Options{Creds: credentials.NewStaticV4(f.opts.AccessKey, f.opts.SecretKey, "")})
	require.NoError(f.t, err)
	require.NoError(f.t, raw.RemoveObject(f.t.Context(), f.bucket, key, minio.RemoveObjectOptions{}))
}

// run runs the command, and returns its error, if it has one, and what it printed.
func (f *fixture) run(adjust ...func(*verifycli.Command)) (*verifycli.Error, string) {
	f.t.Helper()
	var out bytes.Buffer
	at := allowed.PlaceOf(f.bucket, "music")
	c := &verifycli.Command{
		Limits: allowed.Limits{Bucket: at.Bucket, Prefix: at.Prefix}, Ledger: at,
		Store:    func() (verify.Store, error) { return f.store, nil },
		Temporal: func(context.Context) (client.Client, error) { return nil, errors.New("no Temporal here") },
		Stdout:   &out,
	}
	for _, a := range adjust {
		a(c)
	}
	err := c.Run(f.t.Context())
	if err == nil {
		return nil, out.String()
	}
	var e *verifycli.Error
	require.ErrorAs(f.t, err, &e)
	return e, out.String()
}

func TestAnIntactArchive(t *testing.T) {
	f := newFixture(t, 3)
	var progress bytes.Buffer
	e, out := f.run(func(c *verifycli.Command) {
		c.Input.ReadData, c.Input.LimitRate, c.Progress, c.InPlace = "all", "1M", &progress, true
	})
	require.Nil(t, e)
	require.Equal(t, "checked 3 tracks with 3 stems, 30 bytes, and 3 ledgers\nread back 3 stems, 30 bytes\n"+
		"no errors were found\n", out)
}

func TestADamagedArchive(t *testing.T) {
	f := newFixture(t, 3)
	f.remove(f.stemKey(1))
	e, out := f.run()
	require.Equal(t, verifycli.ExitDamaged, e.Code)
	require.Equal(t, "1 error found", e.Message)
	require.Contains(t, e.Hint, "never pays")
	kind, _ := stemflow.LookupFindingType(stemflow.FindingStemMissing)
	require.Equal(t, "StemMissing  "+f.bucket+"/"+f.stemKey(1)+"\n"+
		"  the manifest lists it, and the store does not have it\n  remedy: "+kind.Remedy+"\n\n"+
		"checked 3 tracks with 3 stems, 30 bytes, and 3 ledgers\nfound 1 error and 0 notices: 1 StemMissing\n", out)
}

// All findings are in the output for scripts, however many there are, and nothing is held of them.
func TestOutputForScripts(t *testing.T) {
	tracks := stemflow.MaxListedFindings + 5
	f := newFixture(t, tracks)
	type document struct {
		Findings []stemflow.ArchiveFinding `json:"findings"`
		Tracks   int                       `json:"tracks"`
		Damage   int                       `json:"damage"`
		More     int                       `json:"more"`
	}
	var intact document
	e, out := f.run(func(c *verifycli.Command) { c.Format = verifycli.JSON })
	require.Nil(t, e)
	require.NoError(t, json.Unmarshal([]byte(out), &intact), out)
	require.Equal(t, document{Findings: []stemflow.ArchiveFinding{}, Tracks: tracks}, intact)

	for n := range tracks {
		f.remove(f.stemKey(n))
	}
	var damaged document
	e, out = f.run(func(c *verifycli.Command) { c.Format = verifycli.JSON })
	require.Equal(t, verifycli.ExitDamaged, e.Code)
	require.True(t, e.Reported)
	require.NoError(t, json.Unmarshal([]byte(out), &damaged), out)
	require.Len(t, damaged.Findings, tracks)
	require.Equal(t, tracks, damaged.Damage)
	require.Zero(t, damaged.More)

	e, out = f.run(func(c *verifycli.Command) { c.Format = verifycli.JSONLines })
	require.Equal(t, verifycli.ExitDamaged, e.Code)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, tracks+1)
	for _, line := range lines {
		require.True(t, json.Valid([]byte(line)), line)
	}
}

func TestACheckOfNothingFindsNothingRight(t *testing.T) {
	f := newFixture(t, 1)
	_, out := f.run(func(c *verifycli.Command) { c.Input.Prefix = "musik" })
	require.Contains(t, out, "\nthere was nothing to check\n")
	require.NotContains(t, out, "no errors were found")
}

func TestExitCodes(t *testing.T) {
	f := newFixture(t, 1)
	for name, c := range map[string]struct {
		adjust func(*verifycli.Command)
		code   int
		kind   string
	}{
		"wrong input": {func(c *verifycli.Command) { c.Input.ReadData = "some" }, 2, stemflow.ErrorInvalidInput},
		"no bucket":   {func(c *verifycli.Command) { c.Input.Bucket = "no-such-bucket" }, 10, verifycli.TypeNoArchive},
		"no prefix":   {func(c *verifycli.Command) { c.Input.Prefix = "musik" }, 10, verifycli.TypeNoArchive},
		"no track": {func(c *verifycli.Command) {
			c.Input.TaskID, c.Input.AudioID = "t", "a"
		}, 1, stemflow.ErrorArchiveDamaged},
		"wrong secret": {func(c *verifycli.Command) {
			opts := f.opts
			opts.SecretKey = "wrong"
			c.Store = func() (verify.Store, error) { return archive.New(opts) }
		}, 12, verifycli.TypeForbidden},
		"nothing listens": {func(c *verifycli.Command) {
			opts := f.opts
			opts.Endpoint = "127.0.0.1:1"
			c.Store = func() (verify.Store, error) { return archive.New(opts) }
		}, 1, stemflow.ErrorArchiveUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			f := *f
			f.t = t
			e, _ := f.run(c.adjust)
			require.NotNil(t, e)
			require.Equal(t, c.code, e.Code, e.Message)
			require.Equal(t, c.kind, e.Type)
			require.NotContains(t, e.Message, f.opts.SecretKey)
		})
	}
}

// What the caller gives, and cannot give, the caller hears of in its own words.
func TestErrorsOfTheCaller(t *testing.T) {
	own := errors.New("the caller's")
	c := &verifycli.Command{
		Limits:   allowed.Limits{Bucket: "stems"},
		Store:    func() (verify.Store, error) { return nil, own },
		Temporal: func(context.Context) (client.Client, error) { return nil, own },
	}
	require.Equal(t, own, c.Run(t.Context()))
	c.Input.Repair = true
	require.Equal(t, own, c.Run(t.Context()))
}

// failing is a store that ends a check in its course.
type failing struct {
	verify.Store
	uploads func()
}

func (s failing) Uploads(context.Context, string) iter.Seq2[archive.Upload, error] {
	s.uploads()
	return func(yield func(archive.Upload, error) bool) {
		yield(archive.Upload{}, &archive.Error{Op: "list", Bucket: "b", Err: io.ErrUnexpectedEOF})
	}
}

// A document that was begun is a document, whatever ends the check.
func TestACheckThatIsCutShort(t *testing.T) {
	f := newFixture(t, 2)
	f.remove(f.stemKey(0))
	cut := func(ends func()) func(*verifycli.Command) {
		return func(c *verifycli.Command) {
			c.Format = verifycli.JSON
			c.Store = func() (verify.Store, error) { return failing{f.store, ends}, nil }
		}
	}
	e, out := f.run(cut(func() {}))
	require.Equal(t, verifycli.ExitDamaged, e.Code)
	var document map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &document), out)
	require.Len(t, document["findings"], 1)
	require.NotEmpty(t, document["error"])

	ctx, cancel := context.WithCancel(t.Context())
	c := &verifycli.Command{
		Limits: allowed.Limits{Bucket: f.bucket, Prefix: "music"}, Ledger: allowed.PlaceOf(f.bucket, "music"),
		Stdout: io.Discard,
		Store:  func() (verify.Store, error) { return failing{f.store, cancel}, nil },
	}
	require.ErrorAs(t, c.Run(ctx), &e)
	require.Equal(t, verifycli.ExitInterrupted, e.Code)
}
