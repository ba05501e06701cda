package archive_test

import (
	"bytes"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"stemflow/internal/archive"
	"stemflow/internal/devservers/serverstest"
)

// deploy/minio/policy.json allows everything that is done here, and nothing that would destroy it.
func TestThePolicyIsEnoughAndNoMore(t *testing.T) {
	f := newFixture(t)
	user := serverstest.User(t, f.opts, f.bucket)
	limited := f
	var err error
	limited.Store, err = archive.New(user)
	require.NoError(t, err)
	limited.archiveTrack("folder/")
	limited.requireNoUpload("a body that fails")

	raw, err := minio.New(
		user.Endpoint,
		&minio.Options{Creds: credentials.NewStaticV4(user.AccessKey, user.SecretKey, "")},
	)
	require.NoError(t, err)
	ctx := t.Context()
	_, err = f.Put(ctx, f.bucket, "kept", "audio/mpeg", bytes.NewReader(content(1)), 1)
	require.NoError(t, err)
	other := newFixture(t)
	_, readErr := limited.Stat(ctx, other.bucket, "key")
	_, listErr := limited.List(ctx, other.bucket, "")
	_, writeErr := limited.CreateJSON(ctx, other.bucket, "key", 1)
	for what, err := range map[string]error{
		"delete an object":       raw.RemoveObject(ctx, f.bucket, "kept", minio.RemoveObjectOptions{}),
		"delete the bucket":      raw.RemoveBucket(ctx, f.bucket),
		"make a bucket":          limited.EnsureBucket(ctx, f.bucket+"-new"),
		"change who may do what": raw.SetBucketPolicy(ctx, f.bucket, `{"Version":"2012-10-17","Statement":[]}`),
		"read another bucket":    readErr,
		"list another bucket":    listErr,
		"write to another":       writeErr,
	} {
		require.ErrorContains(t, err, "Access", what)
	}
	_, err = f.Stat(ctx, f.bucket, "kept")
	require.NoError(t, err)
}
