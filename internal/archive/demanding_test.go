package archive_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/sse"
	"github.com/stretchr/testify/require"

	"stemflow/internal/archive"
	"stemflow/internal/devservers"
	"stemflow/internal/devservers/serverstest"
)

// archiveTrack does all that is ever done to a bucket: the ledger is made and replaced, stems are
// written and read, and the manifest is overwritten.
func (f fixture) archiveTrack(dir string) {
	t, ctx := f.t, f.t.Context()
	t.Helper()
	require.NoError(t, f.EnsureBucket(ctx, f.bucket))
	ledger, manifest := dir+"submission.json", dir+"manifest.json"
	_, err := f.Stat(ctx, f.bucket, manifest)
	require.ErrorIs(t, err, archive.ErrNotFound)
	intent, err := f.CreateJSON(ctx, f.bucket, ledger, document{Writer: 1})
	require.NoError(t, err)
	_, err = f.CreateJSON(ctx, f.bucket, ledger, document{Writer: 2})
	require.ErrorIs(t, err, archive.ErrPrecondition)
	paid, err := f.ReplaceJSON(ctx, f.bucket, ledger, intent, document{Writer: 3})
	require.NoError(t, err)
	_, err = f.ReplaceJSON(ctx, f.bucket, ledger, intent, document{Writer: 4})
	require.ErrorIs(t, err, archive.ErrPrecondition)
	d, etag := f.read(ledger)
	require.Equal(t, 3, d.Writer)
	require.Equal(t, paid, etag, "what a write returns is what the next one has to name")
	_, err = f.ReplaceJSON(ctx, f.bucket, ledger, etag, document{Writer: 5})
	require.NoError(t, err)

	for name, size := range map[string]int{"small.mp3": 1000, "large.mp3": 2*part + 1} {
		data := content(size)
		sum := sha256.Sum256(data)
		for _, announced := range []int64{int64(size), -1} {
			_, err := f.Put(
				ctx,
				f.bucket,
				dir+name,
				"audio/mpeg",
				iotest.TimeoutReader(stream{bytes.NewReader(data)}),
				announced,
			)
			require.ErrorIs(t, err, iotest.ErrTimeout)
			written, err := f.Put(ctx, f.bucket, dir+name, "audio/mpeg", stream{bytes.NewReader(data)}, announced)
			require.NoError(t, err)
			require.Equal(t, hex.EncodeToString(sum[:]), written.SHA256)
			info, err := f.Stat(ctx, f.bucket, dir+name)
			require.NoError(t, err)
			require.EqualValues(t, size, info.Size)
			if announced > 0 {
				require.Equal(t, written.SHA256, info.SHA256)
			}
			object, _, err := f.Open(ctx, f.bucket, dir+name)
			require.NoError(t, err)
			back, err := io.ReadAll(object)
			require.NoError(t, errors.Join(err, object.Close()))
			require.True(t, bytes.Equal(data, back))
		}
	}
	require.NoError(t, f.PutJSON(ctx, f.bucket, manifest, document{Writer: 6}))
	require.NoError(t, f.PutJSON(ctx, f.bucket, manifest, document{Writer: 7}))
	d, _ = f.read(manifest)
	require.Equal(t, 7, d.Writer)
	objects, err := f.List(ctx, f.bucket, dir)
	require.NoError(t, err)
	require.Len(t, objects, 4, "of each object the latest version")
}

// Buckets may keep every version, forbid that any is deleted, and encrypt. All that is asked for is
// the user's few rights.
func TestBucketsThatDemandMore(t *testing.T) {
	serverstest.SkipIfShort(t)
	p, err := devservers.MinIO(t.Context(), devservers.MinIOOptions{
		Dir: t.TempDir(), AccessKey: "stemflow", SecretKey: "stemflow-tests",
		KMSKey: "test-key:" + base64.StdEncoding.EncodeToString(make([]byte, 32)),
	})
	require.NoError(t, err)
	defer p.Stop()
	root := archive.Options{Endpoint: p.Addr, AccessKey: "stemflow", SecretKey: "stemflow-tests"}
	raw, err := minio.New(p.Addr, &minio.Options{Creds: credentials.NewStaticV4(root.AccessKey, root.SecretKey, "")})
	require.NoError(t, err)

	for name, c := range map[string]struct {
		versions bool
		locked   minio.RetentionMode
		sse      *sse.Configuration
		header   string
	}{
		"versions":          {versions: true},
		"governance":        {locked: minio.Governance},
		"compliance":        {locked: minio.Compliance},
		"encryption":        {sse: sse.NewConfigurationSSES3(), header: "AES256"},
		"encryption by key": {sse: sse.NewConfigurationSSEKMS("test-key"), header: "aws:kms"},
		"everything":        {locked: minio.Compliance, sse: sse.NewConfigurationSSEKMS("test-key"), header: "aws:kms"},
	} {
		t.Run(name, func(t *testing.T) {
			bucket := "bucket-" + hex.EncodeToString([]byte(name))
			ctx := t.Context()
			require.NoError(t, raw.MakeBucket(ctx, bucket, minio.MakeBucketOptions{ObjectLocking: c.locked != ""}))
			if c.versions {
				require.NoError(t, raw.EnableVersioning(ctx, bucket))
			}
			if mode, days, unit := c.locked, uint(1), minio.Days; mode != "" {
				require.NoError(t, raw.SetObjectLockConfig(ctx, bucket, &mode, &days, &unit))
			}
			if c.sse != nil {
				require.NoError(t, raw.SetBucketEncryption(ctx, bucket, c.sse))
			}
			opts := serverstest.User(t, root, bucket)
			store, err := archive.New(opts)
			require.NoError(t, err)
			f := fixture{Store: store, t: t, opts: opts, bucket: bucket, raw: raw}
			f.archiveTrack("folder/")
			f.requireNoUpload("a body that fails")

			versions := 0
			for object := range raw.ListObjects(ctx, bucket, minio.ListObjectsOptions{Recursive: true,
				WithVersions: true}) {
				require.NoError(t, object.Err)
				versions++
				info, err := raw.StatObject(
					ctx,
					bucket,
					object.Key,
					minio.StatObjectOptions{VersionID: object.VersionID},
				)
				require.NoError(t, err)
				require.Equal(t, c.header, info.Metadata.Get("X-Amz-Server-Side-Encryption"))
				if c.locked == "" {
					continue
				}
				require.Equal(t, c.locked.String(), info.Metadata.Get("X-Amz-Object-Lock-Mode"))
				require.Error(
					t,
					raw.RemoveObject(ctx, bucket, object.Key, minio.RemoveObjectOptions{VersionID: object.VersionID}),
				)
			}
			if c.versions || c.locked != "" {
				require.Equal(t, 9, versions, "three of the ledger, two of every other object")
			} else {
				require.Equal(t, 4, versions)
			}
		})
	}
}
