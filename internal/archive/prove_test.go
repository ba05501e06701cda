package archive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"slices"
	"sync"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"stemflow/internal/archive"
	"stemflow/internal/devservers/serverstest"
)

const ledger = "folder/submission.json"

var intent = document{Writer: 1, Text: "<an intent & its nonce>"}

func open(t *testing.T, opts archive.Options) *archive.Store {
	t.Helper()
	store, err := archive.New(opts)
	require.NoError(t, err)
	return store
}

// everyVersion is all that a bucket holds, in an order of its own.
func (f fixture) everyVersion() (versions []string) {
	f.t.Helper()
	all := minio.ListObjectsOptions{Recursive: true, WithVersions: true}
	for object := range f.raw.ListObjects(context.Background(), f.bucket, all) {
		require.NoError(f.t, object.Err)
		versions = append(versions, fmt.Sprintf("%s %s %s %d %v",
			object.Key, object.VersionID, object.ETag, object.Size, object.LastModified))
	}
	slices.Sort(versions)
	return versions
}

// requireNoUploadTo demands that no upload to a key is unfinished. MinIO finds those of one key
// only.
func (f fixture) requireNoUploadTo(key string) {
	f.t.Helper()
	uploads, err := minio.Core{Client: f.raw}.ListMultipartUploads(context.Background(), f.bucket, key, "", "", "", 100)
	require.NoError(f.t, err)
	require.Empty(f.t, uploads.Uploads)
}

func TestUnfinishedUploadsAreFound(t *testing.T) {
	f := newFixture(t)
	id, err := minio.Core{Client: f.raw}.NewMultipartUpload(t.Context(), f.bucket, ledger, minio.PutObjectOptions{})
	require.NoError(t, err)
	uploads, err := minio.Core{Client: f.raw}.ListMultipartUploads(t.Context(), f.bucket, ledger, "", "", "", 100)
	require.NoError(t, err)
	require.Len(t, uploads.Uploads, 1)
	require.NoError(t, minio.Core{Client: f.raw}.AbortMultipartUpload(t.Context(), f.bucket, ledger, id))
}

// All that is asked for is the user's few rights, and nothing is left behind, not even where it
// would stay for years.
func TestASoundStoreIsProved(t *testing.T) {
	for name, locked := range map[string]bool{"plain": false, "object lock": true} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			ctx := t.Context()
			if locked {
				f.bucket += "-locked"
				require.NoError(t, f.raw.MakeBucket(ctx, f.bucket, minio.MakeBucketOptions{ObjectLocking: true}))
				mode, days, unit := minio.Compliance, uint(1), minio.Days
				require.NoError(t, f.raw.SetObjectLockConfig(ctx, f.bucket, &mode, &days, &unit))
			}
			user := serverstest.User(t, f.opts, f.bucket)
			var err error
			f.Store, err = archive.New(user)
			require.NoError(t, err)

			etag, err := f.CreateJSON(ctx, f.bucket, ledger, intent)
			require.NoError(t, err)
			before := f.everyVersion()
			require.False(t, f.Proved(f.bucket))
			require.NoError(t, f.Prove(ctx, f.bucket, ledger, etag, intent))
			require.True(t, f.Proved(f.bucket))
			require.False(t, f.Proved(f.bucket+"-other"))
			require.Equal(t, before, f.everyVersion())
			f.requireNoUploadTo(ledger)

			// The next write is as if nothing had happened.
			_, err = f.ReplaceJSON(ctx, f.bucket, ledger, etag, document{Writer: 2})
			require.NoError(t, err)
			require.True(t, f.Proved(f.bucket))
		})
	}
}

// Ceph looks at no checksum whose algorithm is not named, beside it or by the header that announces
// it behind the content.
func TestChecksumsComeWithTheirAlgorithm(t *testing.T) {
	f := newFixture(t)
	sums := map[string]int{}
	server := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", f.opts.Endpoint, r.In.Host
		for _, algorithm := range []minio.ChecksumType{
			minio.ChecksumSHA256, minio.ChecksumCRC32C, minio.ChecksumCRC64NVME,
		} {
			if r.In.Method == http.MethodPut && r.In.Header.Get(algorithm.Key()) != "" {
				assert.Equal(t, algorithm.String(), r.In.Header.Get("X-Amz-Checksum-Algorithm"), r.In.URL)
				sums[algorithm.String()]++
			}
		}
	}})
	defer server.Close()
	opts := f.opts
	opts.Endpoint = server.Listener.Addr().String()
	store := open(t, opts)
	ctx := t.Context()
	etag, err := store.CreateJSON(ctx, f.bucket, ledger, intent)
	require.NoError(t, err)
	require.NoError(t, store.Prove(ctx, f.bucket, ledger, etag, intent))
	for _, announced := range []int64{100, -1} {
		_, err = store.PutStem(ctx, f.bucket, "stem", "audio/mpeg", stream{bytes.NewReader(content(100))}, announced)
		require.NoError(t, err)
	}
	// Conditional writes of the test, and a wrong part, are among them.
	require.Equal(t, map[string]int{"SHA256": 3, "CRC32C": 1, "CRC64NVME": 3}, sums)
}

func TestSeveralProveABucketAtOnce(t *testing.T) {
	f := newFixture(t)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			key := fmt.Sprintf("%d/submission.json", i/2) // two of a kind
			etag, err := f.CreateJSON(t.Context(), f.bucket, key, intent)
			if errors.Is(err, archive.ErrPrecondition) {
				var d document
				etag, err = f.ReadJSON(t.Context(), f.bucket, key, &d)
			}
			if err == nil {
				err = f.Prove(t.Context(), f.bucket, key, etag, intent)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.True(t, f.Proved(f.bucket))
	require.Len(t, f.everyVersion(), 4)
	for i := range 4 {
		f.requireNoUploadTo(fmt.Sprintf("%d/submission.json", i))
	}
}

const (
	forConditions = "use a store that keeps to conditional writes"
	forChecksums  = "use a store that verifies S3's additional checksums"
	forContent    = "use a store that gives back what was written"
)

type defect struct {
	faults []serverstest.Fault
	// names is how the defect is named, remedy what is to be done.
	names, remedy string
}

func faults(all ...serverstest.Fault) []serverstest.Fault { return all }

func anything(*http.Request) bool { return true }

// defects are stores that pass for S3 and must not be paid over.
var defects = map[string]defect{
	"no If-None-Match": {
		faults: faults(serverstest.Dropping("If-None-Match")),
		names:  "the store ignores If-None-Match: it wrote over an object that exists",
		remedy: forConditions,
	},
	"no If-Match": {
		faults: faults(serverstest.Dropping("If-Match")),
		names:  "the store ignores If-Match: it wrote over an object that has another ETag",
		remedy: forConditions,
	},
	"no conditions": {
		faults: faults(serverstest.Dropping("If-None-Match"), serverstest.Dropping("If-Match")),
		names:  "the store ignores If-None-Match: it wrote over an object that exists",
		remedy: forConditions,
	},
	"unknown If-None-Match": {
		faults: faults(serverstest.Refusing("If-None-Match", "", http.StatusNotImplemented, "NotImplemented")),
		names:  "the store does not know conditional writes with If-None-Match (NotImplemented: no)",
		remedy: forConditions,
	},
	"unknown If-Match": {
		faults: faults(serverstest.Refusing("If-Match", "", http.StatusBadRequest, "InvalidArgument")),
		names:  "the store does not know conditional writes with If-Match (InvalidArgument: no)",
		remedy: forConditions,
	},
	"a 501 without a document": {
		faults: faults(serverstest.Refusing("If-Match", "", http.StatusNotImplemented, "")),
		names:  "the store does not know conditional writes with If-Match (501 Not Implemented",
		remedy: forConditions,
	},
	"no confirmation": {
		faults: faults(serverstest.Confirming(anything, serverstest.NoChecksum)),
		names:  `did not confirm the checksum of what was sent: SHA256, for which it answered ""`,
		remedy: forChecksums,
	},
	"no confirmation of parts": {
		faults: faults(serverstest.Confirming(serverstest.IsPart, serverstest.NoChecksum)),
		names:  "did not confirm the checksum of what was sent: SHA256",
		remedy: forChecksums,
	},
	"no confirmation of CRC64NVME": {
		faults: faults(serverstest.Confirming(serverstest.IsPart, func(h http.Header, key string) {
			if key == minio.ChecksumCRC64NVME.KeyCapitalized() {
				h.Del(key)
			}
		})),
		names:  "did not confirm the checksum of what was sent: CRC64NVME",
		remedy: forChecksums,
	},
	"another checksum": {
		faults: faults(serverstest.Confirming(anything, serverstest.AnotherChecksum)),
		names:  "did not confirm the checksum",
		remedy: forChecksums,
	},
	"any checksum": {
		faults: faults(serverstest.Echoing(serverstest.IsUpload)),
		names:  "the store confirms SHA256 checksums that are wrong",
		remedy: forChecksums,
	},
	"no confirmation of CRC32C": {
		faults: faults(serverstest.Confirming(serverstest.IsPart, func(h http.Header, key string) {
			if key == minio.ChecksumCRC32C.KeyCapitalized() {
				h.Del(key)
			}
		})),
		names:  "did not confirm the checksum of what was sent: CRC32C",
		remedy: forChecksums,
	},
	"any CRC32C": {
		faults: faults(serverstest.Echoing(func(r *http.Request) bool {
			return serverstest.IsUpload(r) && (r.Header.Get("X-Amz-Checksum-Algorithm") == "CRC32C" ||
				r.Header.Get("X-Amz-Checksum-Crc32c") != "")
		})),
		names:  "the store confirms CRC32C checksums that are wrong",
		remedy: forChecksums,
	},
	"no uploads in parts": {
		faults: faults(serverstest.Refusing("", "uploads", http.StatusNotImplemented, "NotImplemented")),
		names:  "the store does not know multipart uploads with SHA256 checksums",
		remedy: forChecksums,
	},
	"no parts with checksums": {
		faults: faults(serverstest.Refusing("X-Amz-Checksum-Crc64nvme", "", http.StatusBadRequest, "InvalidRequest")),
		names:  "the store does not know multipart uploads with CRC64NVME checksums",
		remedy: forChecksums,
	},
	"a flipped bit in what is read": {
		faults: faults(serverstest.Misreading(false)),
		names:  "the store gives back another content than was written",
		remedy: forContent,
	},
	"a flipped bit in what is read, with its checksum": {
		faults: faults(serverstest.Misreading(true)),
		names:  "the store gives back another content than was written",
		remedy: forContent,
	},
	"another ETag": {
		faults: faults(serverstest.Renaming()),
		names:  "the store gives a document the ETag",
		remedy: forContent,
	},
}

// corruptions show only to those whose document was written through them.
var corruptions = map[string]defect{
	"a flipped bit in what is stored": {
		faults: faults(serverstest.Corrupting()),
		names:  "the store gives back another content than was written",
		remedy: forContent,
	},
	"nothing stored": {
		faults: faults(serverstest.Forgetting()),
		names:  "the store does not have the document that it said it has written",
		remedy: forContent,
	},
}

func requireDefect(t *testing.T, err error, names, remedy string) {
	t.Helper()
	e := requireError(t, err, "", true)
	require.Contains(t, e.Err.Error(), names)
	require.Contains(t, e.Remedy, remedy)
	require.NotErrorIs(t, err, archive.ErrPrecondition)
}

// However late the defect shows, the document is there and nothing else is.
func TestADefectiveStoreIsRefused(t *testing.T) {
	for name, c := range defects {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			etag, err := f.CreateJSON(t.Context(), f.bucket, ledger, intent)
			require.NoError(t, err)
			faulty := serverstest.NewFaultyStore(t, f.opts)
			store := open(t, faulty.Options)
			faulty.SetFaults(c.faults...)
			for range 2 {
				requireDefect(t, store.Prove(t.Context(), f.bucket, ledger, etag, intent), c.names, c.remedy)
				require.False(t, store.Proved(f.bucket))
				found, now := f.read(ledger)
				require.Equal(t, intent, found)
				require.Equal(t, etag, now)
				require.Len(t, f.everyVersion(), 1)
				f.requireNoUploadTo(ledger)
			}
			faulty.SetFaults()
			require.NoError(t, store.Prove(t.Context(), f.bucket, ledger, etag, intent), "a store that was mended")
			require.True(t, store.Proved(f.bucket))
		})
	}
}

// writeAndProve does what a submit does before it pays.
func writeAndProve(ctx context.Context, store *archive.Store, bucket, key string) error {
	etag, err := store.CreateJSON(ctx, bucket, key, intent)
	if err != nil {
		return err
	}
	return store.Prove(ctx, bucket, key, etag, intent)
}

// Any two defects are no better than one.
func TestNoDefectPassesTheFirstWriteAndTheTest(t *testing.T) {
	all := map[string][]serverstest.Fault{}
	for name, c := range defects {
		all[name] = c.faults
	}
	for name, c := range corruptions {
		all[name] = c.faults
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			faulty := serverstest.NewFaultyStore(t, f.opts)
			faulty.SetFaults(c.faults...)
			requireDefect(t, writeAndProve(t.Context(), open(t, faulty.Options), f.bucket, ledger), c.names, c.remedy)
			f.requireNoUploadTo(ledger)
		})
	}
	f := newFixture(t)
	faulty := serverstest.NewFaultyStore(t, f.opts)
	names := slices.Sorted(maps.Keys(all))
	for i, one := range names {
		for j, other := range names[i:] {
			combined := all[one]
			if other != one {
				combined = slices.Concat(all[one], all[other])
			}
			key := fmt.Sprintf("%d/%d/submission.json", i, j)
			faulty.SetFaults(combined...)
			store := open(t, faulty.Options)
			err := writeAndProve(t.Context(), store, f.bucket, key)
			var e *archive.Error
			require.True(t, errors.As(err, &e) && e.Final || errors.Is(err, archive.ErrPrecondition),
				"%s, %s: %v", one, other, err)
			require.False(t, store.Proved(f.bucket))
			f.requireNoUploadTo(key)
		}
	}
}

// Another's document is neither tested nor touched, whatever the store does with conditions.
func TestAnothersDocumentIsLeftAlone(t *testing.T) {
	f := newFixture(t)
	etag, err := f.CreateJSON(t.Context(), f.bucket, ledger, intent)
	require.NoError(t, err)
	_, err = f.ReplaceJSON(t.Context(), f.bucket, ledger, etag, document{Writer: 2})
	require.NoError(t, err)
	before := f.everyVersion()
	faulty := serverstest.NewFaultyStore(t, f.opts)
	faulty.SetFaults(serverstest.Dropping("If-None-Match"), serverstest.Dropping("If-Match"))
	store := open(t, faulty.Options)
	require.ErrorIs(t, store.Prove(t.Context(), f.bucket, ledger, etag, intent), archive.ErrPrecondition)
	require.False(t, store.Proved(f.bucket))
	require.Equal(t, before, f.everyVersion())
}

// A store that cannot be reached, or refuses for another reason, is no defective one.
func TestATestThatCannotBeFinished(t *testing.T) {
	refusing := serverstest.Refusing
	for name, c := range map[string]struct {
		fault serverstest.Fault
		code  string
		final bool
	}{
		"away": {
			fault: serverstest.Fault{Answer: func(*http.Request, []byte) *http.Response {
				return serverstest.S3Answer(http.StatusServiceUnavailable, "ServerNotInitialized")
			}},
			code: "ServerNotInitialized",
		},
		"away while it is written": {
			fault: refusing("If-None-Match", "", http.StatusServiceUnavailable, "ServiceUnavailable"),
			code:  "ServiceUnavailable",
		},
		"a write at the same time": {
			fault: refusing("If-Match", "", http.StatusConflict, "ConditionalRequestConflict"),
			code:  "ConditionalRequestConflict",
		},
		"no right to upload": {
			fault: refusing("", "uploads", http.StatusForbidden, "AccessDenied"),
			code:  "AccessDenied", final: true,
		},
		"away for a part": {
			fault: refusing("", "partNumber", http.StatusServiceUnavailable, "ServiceUnavailable"),
			code:  "ServiceUnavailable",
		},
		"no right to abort": {
			fault: serverstest.Fault{Answer: func(r *http.Request, _ []byte) *http.Response {
				if r.Method != http.MethodDelete {
					return nil
				}
				return serverstest.S3Answer(http.StatusForbidden, "AccessDenied")
			}},
			code: "AccessDenied", final: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			etag, err := f.CreateJSON(t.Context(), f.bucket, ledger, intent)
			require.NoError(t, err)
			faulty := serverstest.NewFaultyStore(t, f.opts)
			faulty.SetFaults(c.fault)
			store := open(t, faulty.Options)
			requireError(t, store.Prove(t.Context(), f.bucket, ledger, etag, intent), c.code, c.final)
			require.False(t, store.Proved(f.bucket))
		})
	}
}

// An upload that was begun is aborted whatever becomes of the context.
func TestATestThatIsCancelledLeavesNothing(t *testing.T) {
	f := newFixture(t)
	etag, err := f.CreateJSON(t.Context(), f.bucket, ledger, intent)
	require.NoError(t, err)
	faulty := serverstest.NewFaultyStore(t, f.opts)
	ctx, cancel := context.WithCancel(t.Context())
	faulty.SetFaults(serverstest.Fault{Response: func(sent *http.Request, _ *http.Response, body []byte) []byte {
		if serverstest.IsPart(sent) {
			cancel()
		}
		return body
	}})
	require.ErrorIs(t, open(t, faulty.Options).Prove(ctx, f.bucket, ledger, etag, intent), context.Canceled)
	f.requireNoUploadTo(ledger)
}

// Of a write that is not confirmed nobody can say that it was not made.
func TestDocumentsDemandThatTheStoreConfirms(t *testing.T) {
	f := newFixture(t)
	faulty := serverstest.NewFaultyStore(t, f.opts)
	store := open(t, faulty.Options)
	ctx := t.Context()
	etag, err := store.CreateJSON(ctx, f.bucket, ledger, intent)
	require.NoError(t, err)
	require.NoError(t, store.Prove(ctx, f.bucket, ledger, etag, intent))

	for name, change := range map[string]func(http.Header, string){
		"nothing": serverstest.NoChecksum, "another": serverstest.AnotherChecksum,
	} {
		faulty.SetFaults(serverstest.Confirming(serverstest.IsObjectPut, change))
		created, err := store.CreateJSON(ctx, f.bucket, name, intent)
		requireDefect(t, err, "did not confirm the checksum", "additional checksums")
		require.ErrorIs(t, err, archive.ErrUnconfirmed)
		_, stands := f.read(name)
		require.Equal(t, stands, created)
		require.False(t, store.Proved(f.bucket), "the proof is withdrawn")
		require.ErrorIs(t, store.Prove(ctx, f.bucket, ledger, etag, intent), archive.ErrUnconfirmed)

		_, err = store.ReplaceJSON(ctx, f.bucket, name, created, document{Writer: 2})
		require.ErrorIs(t, err, archive.ErrUnconfirmed)
		found, _ := f.read(name)
		require.Equal(t, 2, found.Writer)
		_, err = store.ReplaceJSON(ctx, f.bucket, name, created, document{Writer: 2})
		require.ErrorIs(t, err, archive.ErrPrecondition, "the first try was written")
		require.ErrorIs(t, store.PutJSON(ctx, f.bucket, name, document{Writer: 3}), archive.ErrUnconfirmed)

		faulty.SetFaults()
		require.NoError(t, store.PutJSON(ctx, f.bucket, name, document{Writer: 4}))
		require.NoError(t, store.Prove(ctx, f.bucket, ledger, etag, intent), "a store that was mended")
		require.True(t, store.Proved(f.bucket))
	}
}
