package serverstest

import (
	"bytes"
	"context"
	"crypto/rand"
	"os"
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
	user := newUser(root)
	out, err := setUp(tb, root, user, bucket)
	require.NoError(tb, err, out)
	return user
}

// SharedUser is User for tests whose subject is not what the user may do: all of a process share
// one, who may use the buckets of all tests. To make a user costs more than what most tests do.
func SharedUser(tb testing.TB, root archive.Options, bucket string) archive.Options {
	tb.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	user, ok := shared.users[root]
	if ok {
		return user
	}
	dir := tb.TempDir()
	for _, name := range policies {
		text, err := os.ReadFile(policyFile(tb, name))
		require.NoError(tb, err)
		text = bytes.ReplaceAll(text, []byte("BUCKET"), []byte(bucketPrefix+"*"))
		require.NoError(tb, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	user = newUser(root)
	out, err := setUpWith(tb, root, user, bucket, filepath.Join(dir, policies[0]), filepath.Join(dir, policies[1]))
	require.NoError(tb, err, out)
	if shared.users == nil {
		shared.users = map[archive.Options]archive.Options{}
	}
	shared.users[root] = user
	return user
}

// policies are those of the user and of the one who signs links.
var policies = [2]string{"policy.json", "link-policy.json"}

func policyFile(tb testing.TB, name string) string {
	tb.Helper()
	module, err := devtools.ModuleRoot()
	require.NoError(tb, err)
	return filepath.Join(module, "deploy", "minio", name)
}

func newUser(root archive.Options) archive.Options {
	user := root
	user.AccessKey, user.SecretKey = "user-"+strings.ToLower(rand.Text())[:12], rand.Text()
	user.LinkAccessKey, user.LinkSecretKey = "link-"+strings.ToLower(rand.Text())[:12], rand.Text()
	return user
}

// setUp runs miniosetup as in production and returns what it says.
func setUp(tb testing.TB, root, user archive.Options, bucket string) (string, error) {
	tb.Helper()
	return setUpWith(tb, root, user, bucket, policyFile(tb, policies[0]), policyFile(tb, policies[1]))
}

func setUpWith(
	tb testing.TB, root, user archive.Options, bucket, policy, linkPolicy string,
) (string, error) {
	tb.Helper()
	setup, err := miniosetup()
	require.NoError(tb, err)
	cmd := exec.Command(setup, "-bucket", bucket, "-policy", policy, "-link-policy", linkPolicy)
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
