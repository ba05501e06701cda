package serverstest

import (
	"context"
	"crypto/rand"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/archive"
	"stemflow/internal/devtools"
)

// User returns how a new user reaches the store of root, who may do with the bucket what
// deploy/minio/policy.json allows and nothing else, and whose links are signed by another, for whom
// link-policy.json is. They are made as in production, by miniosetup.
func User(tb testing.TB, root archive.Options, bucket string) archive.Options {
	tb.Helper()
	user := root
	user.AccessKey, user.SecretKey = "user-"+strings.ToLower(rand.Text())[:12], rand.Text()
	user.LinkAccessKey, user.LinkSecretKey = "link-"+strings.ToLower(rand.Text())[:12], rand.Text()
	out, err := setUp(tb, root, user, bucket)
	require.NoError(tb, err, out)
	return user
}

// setUp runs miniosetup and returns what it says.
func setUp(tb testing.TB, root, user archive.Options, bucket string) (string, error) {
	tb.Helper()
	setup, err := miniosetup()
	require.NoError(tb, err)
	module, err := devtools.ModuleRoot()
	require.NoError(tb, err)
	policies := filepath.Join(module, "deploy", "minio")
	cmd := exec.Command(setup, "-bucket", bucket, "-policy", filepath.Join(policies, "policy.json"),
		"-link-policy", filepath.Join(policies, "link-policy.json"))
	cmd.Env = devtools.Environment([]string{"MINIO_"}, "MINIO_ENDPOINT="+root.Endpoint,
		"MINIO_ROOT_USER="+root.AccessKey, "MINIO_ROOT_PASSWORD="+root.SecretKey,
		"MINIO_ACCESS_KEY="+user.AccessKey, "MINIO_SECRET_KEY="+user.SecretKey,
		"MINIO_LINK_ACCESS_KEY="+user.LinkAccessKey, "MINIO_LINK_SECRET_KEY="+user.LinkSecretKey)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

var miniosetup = sync.OnceValues(
	func() (string, error) { return devtools.FindTool(context.Background(), "miniosetup", nil) },
)
