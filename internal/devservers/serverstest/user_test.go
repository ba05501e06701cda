package serverstest

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/archive"
)

func TestMain(m *testing.M) { os.Exit(Run(m)) }

func TestSetupMayRunAgain(t *testing.T) {
	root, bucket := Bucket(t)
	old := User(t, root, bucket)
	renewed := old
	renewed.SecretKey = "another-secret"
	for range 2 {
		out, err := setUp(t, root, renewed, bucket)
		require.NoError(t, err, out)
	}
	store, err := archive.New(renewed)
	require.NoError(t, err)
	require.NoError(t, store.PutJSON(t.Context(), bucket, "key", 1))
	store, err = archive.New(old)
	require.NoError(t, err)
	require.ErrorContains(t, store.PutJSON(t.Context(), bucket, "key", 2), "SignatureDoesNotMatch")
}

func TestSetupRefuses(t *testing.T) {
	root, bucket := Bucket(t)
	out, err := setUp(t, root, root, bucket)
	require.Error(t, err)
	require.Contains(t, out, "MINIO_ACCESS_KEY is the root user")

	stranger, user := root, root
	stranger.SecretKey, user.AccessKey = "a wrong secret", "user"
	out, err = setUp(t, stranger, user, bucket)
	require.Error(t, err)
	require.Contains(t, out, "miniosetup: bucket "+bucket)
	require.NotContains(t, out, stranger.SecretKey)

	links := root
	links.AccessKey, links.LinkAccessKey, links.LinkSecretKey = "user", "user", "a-secret-of-links"
	out, err = setUp(t, root, links, bucket)
	require.Error(t, err)
	require.Contains(t, out, "MINIO_LINK_ACCESS_KEY is MINIO_ACCESS_KEY")
	links.LinkAccessKey = root.AccessKey
	out, err = setUp(t, root, links, bucket)
	require.Error(t, err)
	require.Contains(t, out, "MINIO_LINK_ACCESS_KEY is the root user")
	links.LinkSecretKey = ""
	out, err = setUp(t, root, links, bucket)
	require.Error(t, err)
	require.Contains(t, out, "belong together")

	nobody := root
	nobody.AccessKey = ""
	out, err = setUp(t, root, nobody, bucket)
	require.Error(t, err)
	require.Contains(t, out, "MINIO_ACCESS_KEY is required")
}

func TestASharedUserHasTheRightsOfOneInEveryTestsBucket(t *testing.T) {
	root, bucket := Bucket(t)
	user := SharedUser(t, root, bucket)
	_, other := Bucket(t)
	require.Equal(t, user, SharedUser(t, root, other))
	store, err := archive.New(user)
	require.NoError(t, err)
	for _, b := range []string{bucket, other} {
		require.NoError(t, store.PutJSON(t.Context(), b, "key", 1))
	}
	require.ErrorContains(t, store.PutJSON(t.Context(), "another-bucket", "key", 1), "Access Denied")
	require.ErrorContains(t, store.Remove(t.Context(), bucket, "key"), "Access Denied")
}
