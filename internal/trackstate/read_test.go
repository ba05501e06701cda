package trackstate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/archive"
)

// bucket is a store of documents and of objects that are listed.
type bucket struct {
	documents
	objects []archive.Info
	// fails has the errors of requests, by the keys of documents and the prefixes of lists.
	fails map[string]error
}

func (b bucket) List(_ context.Context, _, prefix string) ([]archive.Info, error) {
	return b.objects, b.fails[prefix]
}

func (b bucket) ReadJSON(ctx context.Context, bucket, key string, v any) (etag string, err error) {
	if err := b.fails[key]; err != nil {
		return "", err
	}
	return b.documents.ReadJSON(ctx, bucket, key, v)
}

// What is archived is neither paid for again nor taken for more than it is.
func TestWhatIsArchived(t *testing.T) {
	track := stemflow.Track{TaskID: "music", AudioID: "audio", Type: stemflow.SeparateVocal}
	at := archive.Locate("bucket", "", track)
	folder := archive.SeparationPrefix(at, "separation")
	away := errors.New("the store is away")
	days := func(n int) time.Time { return time.Now().Add(-time.Duration(n) * 24 * time.Hour) }
	type reading struct {
		manifest stemflow.Manifest
		bucket
		ledger stemflow.Submission
		named  string
	}
	for name, c := range map[string]struct {
		change                  func(*reading)
		archived, partial, kept bool
		stems                   int
		warns                   bool
		fails                   error
	}{
		"whole":       {archived: true, stems: 2, change: func(*reading) {}},
		"asked again": {archived: true, kept: true, stems: 2, change: func(r *reading) { r.named = "separation" }},
		"no manifest": {change: func(r *reading) { r.fails[archive.ManifestKey(at)] = archive.ErrNotFound }},
		"no stems":    {change: func(r *reading) { r.manifest.Stems = nil }},
		"no JSON": {
			warns: true, change: func(r *reading) { r.fails[archive.ManifestKey(at)] = archive.ErrCorrupt },
		},
		"another track's stems": {
			warns: true, change: func(r *reading) { r.manifest.Stems[0].Key = "other/audio/separate_vocal/s/a.mp3" },
		},
		"the store is away": {
			fails: away, change: func(r *reading) {
				r.fails[archive.ManifestKey(at)] = away
			},
		},
		"the store cannot list": {fails: away, change: func(r *reading) { r.fails[folder] = away }},
		"the ledger cannot be read": {
			fails: away, change: func(r *reading) {
				r.fails[archive.SubmissionKey(at)] = away
			},
		},
		"an object is gone": {
			kept: true, stems: 1, warns: true, change: func(r *reading) {
				r.objects = r.objects[1:]
			},
		},
		"an object has another size": {
			kept: true, stems: 1, warns: true, change: func(r *reading) {
				r.objects[0].Size++
			},
		},
		"all objects are gone": {warns: true, change: func(r *reading) { r.objects = nil }},
		"a stem failed": {
			kept: true, stems: 2, change: func(r *reading) {
				r.manifest.Failed = make([]stemflow.FailedStem, 1)
			},
		},
		"another was paid for since": {change: func(r *reading) { r.ledger.SeparationTaskID = "forced" }},
		"a stem is missing": {
			partial: true, stems: 2, change: func(r *reading) {
				r.manifest.Missing = make([]stemflow.MissingStem, 1)
			},
		},
		"a stem was missing long since": {
			archived: true, stems: 2, change: func(r *reading) {
				r.manifest.Missing, r.manifest.SettledAt = make([]stemflow.MissingStem, 1), days(15)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := reading{
				manifest: stemflow.Manifest{SeparateStemsResult: stemflow.SeparateStemsResult{
					SeparationTaskID: "separation", SettledAt: days(2), ArchivedAt: days(2),
				}},
				bucket: bucket{documents: documents{}, fails: map[string]error{}},
				ledger: stemflow.Submission{
					Version: 1, State: stemflow.SubmissionPaid, Track: track, SeparationTaskID: "separation",
					SubmittedAt: days(1),
				},
			}
			for i, stem := range []string{"vocals", "instrumental"} {
				key, size := fmt.Sprint(folder, stem, ".mp3"), int64(100+i)
				r.manifest.Stems = append(r.manifest.Stems, stemflow.Stem{Name: stem, Key: key, Size: size})
				r.objects = append(r.objects, archive.Info{Key: key, Size: size})
			}
			c.change(&r)
			for key, document := range map[string]any{
				archive.ManifestKey(at): r.manifest, archive.SubmissionKey(at): r.ledger,
			} {
				text, err := json.Marshal(document)
				require.NoError(t, err)
				r.documents[key] = string(text)
			}
			warned := false
			reader := Reader{Store: r.bucket, LedgerBucket: "bucket", Warn: func(string, ...any) { warned = true }}
			s, err := reader.Read(t.Context(), at, track, r.named)
			require.ErrorIs(t, err, c.fails)
			require.Equal(t, c.archived, s.Archived != nil)
			require.Equal(t, c.partial, s.Partial != nil)
			require.Equal(t, c.kept, s.Kept != nil)
			require.Equal(t, c.warns, warned)
			for _, result := range []*stemflow.SeparateStemsResult{s.Archived, s.Partial} {
				if result != nil {
					require.Equal(t, "separation", result.SeparationTaskID)
					require.Len(t, result.Stems, c.stems)
				}
			}
			if s.Kept != nil {
				require.Equal(t, "separation", s.Kept.SeparationTaskID)
				require.Len(t, s.Kept.Stems, c.stems)
			}
			if r.fails[archive.SubmissionKey(at)] == nil {
				require.Equal(t, r.ledger.SeparationTaskID, s.Submission.SeparationTaskID)
			}
		})
	}
}

// The separation that is asked for is the one that is resumed, and else the newest that is paid
// for, and else what may be.
func TestWhichPaymentCounts(t *testing.T) {
	track := stemflow.Track{TaskID: "music", AudioID: "audio", Type: stemflow.SeparateVocal}
	at, books := archive.Locate("bucket", "", track), archive.Locate("books", "paid", track)
	const paid = `{"version":1,"state":"paid","separationTaskId":"new","runId":"2",` +
		`"earlier":[{"version":1,"state":"paid","separationTaskId":"old","runId":"1"}]}`
	const without = `{"version":1,"state":"paid","runId":"2"}`
	for _, c := range []struct{ ledger, named, want, state string }{
		{paid, "", "new", "paid"},
		{paid, "old", "old", "paid"},
		{paid, "unknown", "new", "paid"},
		{strings.Replace(paid, `:[{"version":1,"state":"paid"`, `:[{"version":1,"state":"failed"`, 1),
			"old", "new", "paid"},
		{strings.Replace(paid, `"paid","separationTaskId":"new"`, `"intended"`, 1), "", "old", "paid"},
		{`{"version":1,"state":"failed","separationTaskId":"old","runId":"1"}`, "old", "old", "failed"},
		{`{"version":1,"state":"intended","runId":"1"}`, "", "", "intended"},
		{without, "", "", "paid"},
	} {
		store := documents{archive.SubmissionKey(books): c.ledger}
		reader := Reader{Store: store, LedgerBucket: "books", LedgerPrefix: "paid"}
		s, err := reader.Read(t.Context(), at, track, c.named)
		require.NoError(t, err)
		require.Equal(t, c.want, s.Submission.SeparationTaskID, "%q of %s", c.named, c.ledger)
		require.EqualValues(t, c.state, s.Submission.State)
		require.NotEmpty(t, s.Ledger.State)
	}
	s, err := Reader{Store: documents{}, LedgerBucket: "bucket"}.Read(t.Context(), at, track, "separation")
	require.NoError(t, err)
	require.Nil(t, s.Submission)
}

// Earlier releases kept the ledger where the track was archived to, which may not be there any
// more.
func TestLedgerBesideABucketThatIsGone(t *testing.T) {
	track := stemflow.Track{TaskID: "music", AudioID: "audio", Type: stemflow.SeparateVocal}
	books, old := archive.Locate("books", "", track), archive.Locate("old", "prefix", track)
	store := bucket{
		documents: documents{archive.SubmissionKey(books): `{"version":1,"state":"paid","separationTaskId":"s"}`},
		fails:     map[string]error{archive.SubmissionKey(old): archive.ErrNoBucket},
	}
	l, _, err := ReadLedger(t.Context(), store, books, old)
	require.NoError(t, err)
	require.Equal(t, "s", l.SeparationTaskID)
}
