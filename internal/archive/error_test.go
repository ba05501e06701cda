package archive_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/archive"
	"stemflow/internal/certtest"
	"stemflow/internal/devservers"
	"stemflow/internal/devservers/serverstest"
)

func requireError(t *testing.T, err error, code string, final bool) *archive.Error {
	t.Helper()
	var e *archive.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, code, e.Code, err)
	require.Equal(t, final, e.Final, err)
	return e
}

// everything tries each operation on a store and returns its error.
func everything(t *testing.T, opts archive.Options, bucket string) map[string]error {
	t.Helper()
	s, err := archive.New(opts)
	require.NoError(t, err)
	ctx := t.Context()
	errs := map[string]error{"ensure": s.EnsureBucket(ctx, bucket), "put json": s.PutJSON(ctx, bucket, "key", 1)}
	_, errs["create"] = s.CreateJSON(ctx, bucket, "key", 1)
	_, errs["replace"] = s.ReplaceJSON(ctx, bucket, "key", "etag", 1)
	errs["prove"] = s.Prove(ctx, bucket, "key", "etag", 1)
	_, errs["put"] = s.Put(ctx, bucket, "key", "audio/mpeg", bytes.NewReader(content(100_000)), 100_000)
	_, errs["put unknown"] = s.Put(ctx, bucket, "key", "audio/mpeg", bytes.NewReader(content(100_000)), -1)
	_, errs["stat"] = s.Stat(ctx, bucket, "key")
	_, errs["list"] = s.List(ctx, bucket, "key")
	var v any
	_, errs["read"] = s.ReadJSON(ctx, bucket, "key", &v)
	return errs
}

func TestWrongCredentials(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct{ access, secret, code, remedy string }{
		{"nobody", f.opts.SecretKey, "InvalidAccessKeyId", "check MINIO_ACCESS_KEY and MINIO_SECRET_KEY"},
		{f.opts.AccessKey, "a wrong secret", "SignatureDoesNotMatch", "check MINIO_ACCESS_KEY and MINIO_SECRET_KEY"},
		{"", "", "AccessDenied", "allow these credentials s3:GetObject"},
	} {
		opts := f.opts
		opts.AccessKey, opts.SecretKey = c.access, c.secret
		for op, err := range everything(t, opts, f.bucket) {
			e := requireError(t, err, c.code, true)
			require.Contains(t, e.Remedy, c.remedy, op)
			require.ErrorContains(t, err, "object store "+f.opts.Endpoint+": ")
			if c.secret != "" {
				require.NotContains(t, err.Error(), c.secret)
			}
		}
	}
}

func TestMissingBucket(t *testing.T) {
	f := newFixture(t)
	for op, err := range everything(t, f.opts, f.bucket+"-missing") {
		if op == "ensure" {
			require.NoError(t, err)
		}
	}
	s, err := archive.New(f.opts)
	require.NoError(t, err)
	_, err = s.CreateJSON(t.Context(), "no-such-bucket", "key", 1)
	requireError(t, err, "NoSuchBucket", true)
	_, err = s.ReplaceJSON(t.Context(), "no-such-bucket", "key", "etag", 1)
	requireError(t, err, "NoSuchBucket", true)
	_, err = s.Stat(t.Context(), "no-such-bucket", "key")
	requireError(t, err, "NoSuchBucket", true)
	_, err = s.List(t.Context(), "no-such-bucket", "")
	requireError(t, err, "NoSuchBucket", true)
}

func TestNoServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	for op, err := range everything(t, archive.Options{Endpoint: l.Addr().String(), AccessKey: "a", SecretKey: "s"}, "bucket") {
		e := requireError(t, err, "", false)
		require.Contains(t, e.Remedy, "check MINIO_ENDPOINT, and that the store runs", op)
		require.ErrorContains(t, err, "connection refused")
	}
}

func TestAPrefixThatNoStoreHas(t *testing.T) {
	f := newFixture(t)
	s, err := archive.New(f.opts)
	require.NoError(t, err)
	_, err = s.List(t.Context(), f.bucket, "../x/")
	remedy := requireError(t, err, "XMinioInvalidResourceName", true).Remedy
	require.Equal(t, "check the names of bucket and prefix", remedy)
}

// MinIO's console has a port of its own, and answers there with an error of S3.
func TestTheConsoleOfMinIO(t *testing.T) {
	console := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>InvalidArgument</Code>`+
			`<Message>S3 API Requests must be made to API port.</Message></Error>`)
	}))
	defer console.Close()
	s, err := archive.New(archive.Options{Endpoint: console.Listener.Addr().String(), AccessKey: "a", SecretKey: "s"})
	require.NoError(t, err)
	_, err = s.List(t.Context(), "stems", "")
	require.Contains(t, requireError(t, err, "InvalidArgument", false).Remedy, "MinIO's console has a port of its own")
}

// None of these answers may be taken for the store's: not a 200 for a success, not a 404 for an
// object that is not there.
func TestAnotherServer(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits out the pauses between tries")
	}
	for _, region := range []string{"", "us-east-1"} {
		for _, status := range []int{200, 204, 301, 400, 403, 404, 405, 409, 412, 503} {
			for _, page := range []string{"<!doctype html><html><body>Welcome</body></html>", `{"error": "no route"}`, ""} {
				other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					w.WriteHeader(status)
					if status != http.StatusNoContent {
						_, _ = io.WriteString(w, page)
					}
				}))
				opts := archive.Options{
					Endpoint:  other.Listener.Addr().String(),
					AccessKey: "a",
					SecretKey: "s",
					Region:    region,
				}
				for op, err := range everything(t, opts, "bucket") {
					if op == "ensure" && err == nil {
						require.Equal(
							t,
							2,
							status/100,
							"%d %q: a bucket cannot be told from another thing by its HEAD",
							status,
							page,
						)
						continue
					}
					var e *archive.Error
					require.ErrorAs(t, err, &e, "%s: %d %q", op, status, page)
					require.False(t, e.Final, "%s: %d %q: %v", op, status, page, err)
				}
				other.Close()
			}
		}
	}
}

func TestTLS(t *testing.T) {
	serverstest.SkipIfShort(t)
	dir := t.TempDir()
	authority := certtest.NewAuthority(t)
	authority.Issue(filepath.Join(dir, "certs", "public.crt"), filepath.Join(dir, "certs", "private.key"))
	p, err := devservers.MinIO(
		t.Context(),
		devservers.MinIOOptions{Dir: dir, TLS: true, AccessKey: "stemflow", SecretKey: "stemflow-tests"},
	)
	require.NoError(t, err)
	defer p.Stop()
	opts := archive.Options{
		Endpoint:  p.Addr,
		AccessKey: "stemflow",
		SecretKey: "stemflow-tests",
		Secure:    true,
		RootCAs:   authority.Pool,
	}
	s, err := archive.New(opts)
	require.NoError(t, err)
	require.NoError(t, s.EnsureBucket(t.Context(), "bucket"))
	data := content(6 << 20)
	for _, size := range []int64{int64(len(data)), -1} {
		written, err := s.Put(t.Context(), "bucket", "key", "audio/mpeg", bytes.NewReader(data), size)
		require.NoError(t, err)
		require.EqualValues(t, len(data), written.Size)
	}
	_, err = s.CreateJSON(t.Context(), "bucket", "key", 1)
	require.ErrorIs(t, err, archive.ErrPrecondition)

	unknown := opts
	unknown.RootCAs = nil
	for op, err := range everything(t, unknown, "bucket") {
		require.Contains(t, requireError(t, err, "", true).Remedy, "MINIO_CA_FILE", op)
	}
	plain := opts
	plain.Secure = false
	for op, err := range everything(t, plain, "bucket") {
		require.Equal(t, "set MINIO_SECURE=true", requireError(t, err, "", true).Remedy, op)
	}
	f := newFixture(t)
	f.opts.Secure = true
	for op, err := range everything(t, f.opts, f.bucket) {
		require.Equal(t, "set MINIO_SECURE=false", requireError(t, err, "", true).Remedy, op)
	}
}
