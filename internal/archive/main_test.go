package archive_test

import (
	"context"
	"os"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"stemflow/internal/archive"
	"stemflow/internal/devservers/serverstest"
)

func TestMain(m *testing.M) { os.Exit(serverstest.Run(m)) }

// fixture is a store with an empty bucket of its own on a real MinIO.
type fixture struct {
	*archive.Store
	t      *testing.T
	opts   archive.Options
	bucket string
	raw    *minio.Client
}

func newFixture(t *testing.T) fixture {
	t.Helper()
	opts, bucket := serverstest.Bucket(t)
	store, err := archive.New(opts)
	require.NoError(t, err)
	raw, err := minio.New(
		opts.Endpoint,
		&minio.Options{Creds: credentials.NewStaticV4(opts.AccessKey, opts.SecretKey, "")},
	)
	require.NoError(t, err)
	return fixture{Store: store, t: t, opts: opts, bucket: bucket, raw: raw}
}

// requireNothing demands that the bucket has no object and no unfinished upload.
func (f fixture) requireNothing(what string) {
	f.t.Helper()
	objects, err := f.List(context.Background(), f.bucket, "")
	require.NoError(f.t, err)
	require.Empty(f.t, objects, what)
	f.requireNoUpload(what)
}

func (f fixture) requireNoUpload(what string) {
	f.t.Helper()
	for upload := range f.raw.ListIncompleteUploads(context.Background(), f.bucket, "", true) {
		require.NoError(f.t, upload.Err)
		require.Fail(f.t, "an unfinished upload is left behind", "%s: %s", what, upload.Key)
	}
}
