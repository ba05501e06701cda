// Package serverstest gives tests real servers: one Temporal dev server and one MinIO for a test
// binary, started when a test first asks for them, and a fresh bucket for each test. A test binary
// that uses it runs its tests through [Run].
//
// With STEMFLOW_TEST_S3_ENDPOINT, STEMFLOW_TEST_S3_ACCESS_KEY and STEMFLOW_TEST_S3_SECRET_KEY tests
// use the store there instead of a MinIO of their own, and with STEMFLOW_TEST_TEMPORAL the Temporal
// there, in its namespace "default".
package serverstest

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/archive"
	"stemflow/internal/devservers"
)

const (
	accessKey = "stemflow"
	secretKey = "stemflow-tests"
	// bucketPrefix begins the names of all buckets that tests make.
	bucketPrefix = "test-"
)

// shared is what Run stops and removes.
var shared struct {
	mu      sync.Mutex
	dir     string
	running []*devservers.Process
	users   map[archive.Options]archive.Options
}

// Run runs a package's tests and then stops the servers they used:
//
//	func TestMain(m *testing.M) { os.Exit(serverstest.Run(m)) }
func Run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "stemflow-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	shared.dir = dir
	defer os.RemoveAll(dir)
	defer func() {
		for _, p := range shared.running {
			p.Stop()
		}
	}()
	return m.Run()
}

// SkipIfShort skips a test that starts servers, or programs that it would have to build first, when
// go test runs with -short.
func SkipIfShort(tb testing.TB) {
	tb.Helper()
	if testing.Short() {
		tb.Skip("starts servers: run it without -short")
	}
}

// Temporal returns the dev server that all tests of this binary share. Tests keep apart by their
// task queues and workflow ids. Of a Temporal that the environment names only the address is known.
func Temporal(tb testing.TB) *devservers.Process {
	tb.Helper()
	SkipIfShort(tb)
	addr, given, err := externalTemporal(os.LookupEnv)
	require.NoError(tb, err)
	if given {
		return &devservers.Process{Addr: addr}
	}
	p, err := temporal()
	require.NoError(tb, err)
	return p
}

var temporal = sync.OnceValues(func() (*devservers.Process, error) {
	return start(func(ctx context.Context, dir string) (*devservers.Process, error) {
		return devservers.Temporal(ctx, devservers.TemporalOptions{DBFile: filepath.Join(dir, "temporal.db")})
	})
})

// Bucket returns how to reach the store that all tests of this binary share, and the name of a
// bucket, made for this test, on it.
func Bucket(tb testing.TB) (archive.Options, string) {
	tb.Helper()
	SkipIfShort(tb)
	opts, given, err := external(os.LookupEnv)
	require.NoError(tb, err)
	if !given {
		p, err := minio()
		require.NoError(tb, err)
		opts = archive.Options{Endpoint: p.Addr, AccessKey: accessKey, SecretKey: secretKey}
	}
	store, err := archive.New(opts)
	require.NoError(tb, err)
	bucket := bucketPrefix + strings.ToLower(rand.Text())
	require.NoError(tb, store.EnsureBucket(tb.Context(), bucket))
	return opts, bucket
}

var minio = sync.OnceValues(func() (*devservers.Process, error) {
	return start(func(ctx context.Context, dir string) (*devservers.Process, error) {
		return devservers.MinIO(
			ctx,
			devservers.MinIOOptions{Dir: filepath.Join(dir, "minio"), AccessKey: accessKey, SecretKey: secretKey},
		)
	})
})

func start(server func(ctx context.Context, dir string) (*devservers.Process, error)) (*devservers.Process, error) {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.dir == "" {
		return nil, fmt.Errorf(
			"this package's TestMain must run its tests through serverstest.Run, which stops the servers",
		)
	}
	p, err := server(context.Background(), shared.dir)
	if err == nil {
		shared.running = append(shared.running, p)
	}
	return p, err
}
