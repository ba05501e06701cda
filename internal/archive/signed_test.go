package archive_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"stemflow/internal/archive"
	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/storegate"
)

// gated is a real MinIO behind the rule that the advisory recommends, and what uploads name as the
// hash of their content.
type gated struct {
	archive.Options
	mu    sync.Mutex
	forms map[string]int
}

func newGated(t *testing.T, store archive.Options, overTLS bool) *gated {
	t.Helper()
	gate := storegate.New(&url.URL{Scheme: "http", Host: store.Endpoint})
	g := &gated{Options: store, forms: map[string]int{}}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			g.mu.Lock()
			g.forms[r.Header.Get("X-Amz-Content-Sha256")]++
			g.mu.Unlock()
		}
		gate.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	if g.Secure = overTLS; overTLS {
		server.StartTLS()
		g.RootCAs = x509.NewCertPool()
		g.RootCAs.AddCert(server.Certificate())
	} else {
		server.Start()
	}
	g.Endpoint = server.Listener.Addr().String()
	return g
}

// Where a proxy refuses uploads that are not signed, every byte is: that is found out once.
func TestUploadsPassWhereUnsignedOnesAreRefused(t *testing.T) {
	f := newFixture(t)
	for _, overTLS := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %t", overTLS), func(t *testing.T) {
			g := newGated(t, f.opts, overTLS)
			store, err := archive.New(g.Options)
			require.NoError(t, err)
			prefix := fmt.Sprintf("tls-%t/", overTLS)
			for _, size := range []int{1, 64 << 10, 64<<10 + 1, part + 1, 2*part + 12345} {
				data := content(size)
				for what, announced := range map[string]int64{"known": int64(size), "unknown": -1} {
					key := fmt.Sprintf("%s%s %d", prefix, what, size)
					written, err := store.PutStem(t.Context(), f.bucket, key, "audio/mpeg", stream{bytes.NewReader(data)}, announced)
					require.NoError(t, err, key)
					object, _, err := store.Open(t.Context(), f.bucket, key)
					require.NoError(t, err)
					stored, err := io.ReadAll(object)
					require.NoError(t, err)
					require.True(t, bytes.Equal(data, stored), key)
					require.EqualValues(t, size, written.Size)
				}
			}
			require.NoError(t, store.PutJSON(t.Context(), f.bucket, prefix+"manifest.json", "manifest"))
			etag, err := store.CreateJSON(t.Context(), f.bucket, prefix+"submission.json", "intent")
			require.NoError(t, err)
			_, err = store.CreateJSON(t.Context(), f.bucket, prefix+"submission.json", "intent")
			require.ErrorIs(t, err, archive.ErrPrecondition)
			etag, err = store.ReplaceJSON(t.Context(), f.bucket, prefix+"submission.json", etag, "paid")
			require.NoError(t, err)
			require.NoError(t, store.Prove(t.Context(), f.bucket, prefix+"submission.json", etag, "paid"))
			require.True(t, store.Proved(f.bucket))

			require.Equal(t, 1, g.forms[unsignedForm])
			delete(g.forms, unsignedForm)
			require.NotEmpty(t, g.forms)
			for form := range g.forms {
				require.Contains(t, []string{
					"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
				}, form)
			}
		})
	}
}

const unsignedForm = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

// Where nothing refuses them, large uploads are not signed, and the question leaves nothing behind.
func TestLargeUploadsAreUnsignedWhereTheStoreTakesThem(t *testing.T) {
	f := newFixture(t)
	var forms sync.Map
	server := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", f.opts.Endpoint, r.In.Host
		forms.Store(r.In.Header.Get("X-Amz-Content-Sha256")+" "+r.In.Header.Get("If-Match"), true)
	}})
	defer server.Close()
	opts := f.opts
	opts.Endpoint = server.Listener.Addr().String()
	store, err := archive.New(opts)
	require.NoError(t, err)
	require.False(t, func() bool {
		_, err := store.Put(t.Context(), f.bucket, "large", "audio/mpeg", io.MultiReader(
			bytes.NewReader(content(2<<20)), iotest.ErrReader(errors.New("cut"))), 3<<20)
		return err == nil
	}())
	_, err = store.Stat(t.Context(), f.bucket, "large")
	require.ErrorIs(t, err, archive.ErrNotFound, "the question wrote nothing")
	written, err := store.Put(t.Context(), f.bucket, "large", "audio/mpeg", bytes.NewReader(content(2<<20)), 2<<20)
	require.NoError(t, err)
	require.EqualValues(t, 2<<20, written.Size)
	_, unsigned := forms.Load(unsignedForm + " ")
	require.True(t, unsigned)

	// The Versity S3 Gateway takes no checksum behind a body that is signed. So what is small
	// announces its checksum, and the test before a payment sends what large uploads send.
	etag, err := store.CreateJSON(t.Context(), f.bucket, "submission.json", "intent")
	require.NoError(t, err)
	require.NoError(t, store.Prove(t.Context(), f.bucket, "submission.json", etag, "intent"))
	_, err = store.Put(t.Context(), f.bucket, "small", "audio/mpeg", stream{bytes.NewReader(content(1 << 20))}, 1<<20)
	require.NoError(t, err)
	_, err = store.Put(t.Context(), f.bucket, "unknown", "audio/mpeg", stream{bytes.NewReader(content(part + 1))}, -1)
	require.NoError(t, err)
	forms.Range(func(form, _ any) bool {
		require.NotContains(t, form, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")
		return true
	})
}

// A small body is read before it is sent: its errors are its own, and nothing is written.
func TestASmallBodyThatFails(t *testing.T) {
	f := newFixture(t)
	cut := errors.New("cut")
	for what, c := range map[string]struct {
		body io.Reader
		size int64
		want string
	}{
		"broken off":  {io.MultiReader(strings.NewReader("half"), iotest.ErrReader(cut)), 8, "cut"},
		"short":       {strings.NewReader("half"), 8, "ended after 4 of the 8 bytes"},
		"long":        {strings.NewReader("more than that"), 8, "longer than the 8 bytes"},
		"empty":       {strings.NewReader(""), 8, "the body is empty"},
		"endless":     {zeros{}, 1 << 20, "longer than"},
		"like an end": {iotest.ErrReader(io.ErrUnexpectedEOF), 8, "unexpected EOF"},
	} {
		_, err := f.Put(t.Context(), f.bucket, "small", "audio/mpeg", c.body, c.size)
		require.ErrorContains(t, err, c.want, what)
	}
	f.requireNothing("a small body that fails")
}

// forge writes as one who knows an access key and no secret.
func forge(t *testing.T, endpoint, bucket, key, accessKey string) (status int) {
	t.Helper()
	now := time.Now().UTC()
	query := url.Values{
		"X-Amz-Algorithm":     {"AWS4-HMAC-SHA256"},
		"X-Amz-Credential":    {accessKey + "/" + now.Format("20060102") + "/us-east-1/s3/aws4_request"},
		"X-Amz-Date":          {now.Format("20060102T150405Z")},
		"X-Amz-Expires":       {"600"},
		"X-Amz-SignedHeaders": {"host"},
		"X-Amz-Signature":     {strings.Repeat("0", 64)},
	}
	const data = "forged"
	sum := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(data))))
	body := fmt.Sprintf("%x\r\n%s\r\n0\r\nx-amz-checksum-crc32:%s\r\n\r\n", len(data), data, sum)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut,
		"http://"+endpoint+"/"+bucket+"/"+key+"?"+query.Encode(), strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("X-Amz-Content-Sha256", unsignedForm)
	r.Header.Set("X-Amz-Decoded-Content-Length", fmt.Sprint(len(data)))
	r.Header.Set("Content-Encoding", "aws-chunked")
	r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32")
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	t.Logf("%d %s", resp.StatusCode, text)
	return resp.StatusCode
}

// All that a link gives away is of no use for writing, even on the pinned MinIO, where to know an
// access key is to have its rights to write.
func TestTheKeyInALinkCannotWrite(t *testing.T) {
	f := newFixture(t)
	user := serverstest.User(t, f.opts, f.bucket)
	store, err := archive.New(user)
	require.NoError(t, err)
	require.NoError(t, store.PutJSON(t.Context(), f.bucket, "submission.json", "paid"))
	link, err := store.Presign(t.Context(), f.bucket, "submission.json", time.Minute)
	require.NoError(t, err)
	signed, err := url.Parse(link)
	require.NoError(t, err)
	accessKey, _, _ := strings.Cut(signed.Query().Get("X-Amz-Credential"), "/")
	require.Equal(t, user.LinkAccessKey, accessKey)

	require.Equal(t, http.StatusForbidden, forge(t, f.opts.Endpoint, f.bucket, "submission.json", accessKey))
	require.Equal(t, http.StatusForbidden, forge(t, f.opts.Endpoint, f.bucket, "new", accessKey))
	_, err = store.ReadJSON(t.Context(), f.bucket, "submission.json", new(string))
	require.NoError(t, err, "the document is as it was")

	// Not even with the secret.
	raw, err := minio.New(f.opts.Endpoint, &minio.Options{
		Creds: credentials.NewStaticV4(user.LinkAccessKey, user.LinkSecretKey, ""), Region: "us-east-1",
	})
	require.NoError(t, err)
	_, err = raw.PutObject(t.Context(), f.bucket, "new", strings.NewReader("x"), 1, minio.PutObjectOptions{})
	require.ErrorContains(t, err, "Access Denied")
	require.ErrorContains(t, raw.RemoveObject(t.Context(), f.bucket, "submission.json", minio.RemoveObjectOptions{}), "Access Denied")
	for object := range raw.ListObjects(t.Context(), f.bucket, minio.ListObjectsOptions{}) {
		require.ErrorContains(t, object.Err, "Access Denied", "it does not learn what there is")
	}

	// The hole is there, which is why the pinned MinIO is for loopback only, and the rule closes
	// it.
	require.Equal(t, http.StatusOK, forge(t, f.opts.Endpoint, f.bucket, "forged", user.AccessKey))
	g := newGated(t, f.opts, false)
	require.Equal(t, http.StatusForbidden, forge(t, g.Endpoint, f.bucket, "forged-too", user.AccessKey))
	_, err = store.Stat(t.Context(), f.bucket, "forged-too")
	require.ErrorIs(t, err, archive.ErrNotFound)
}

// What it costs to sign the content, beside the checksum behind it, over one connection to a store
// on the same machine: over a network it is less of the whole. The two take turns, so that what
// else the machine does costs both the same.
func BenchmarkUpload(b *testing.B) {
	opts, bucket := serverstest.Bucket(b)
	client, err := minio.New(opts.Endpoint, &minio.Options{
		Creds: credentials.NewStaticV4(opts.AccessKey, opts.SecretKey, ""), TrailingHeaders: true,
	})
	require.NoError(b, err)
	data := content(8 << 20)
	var wall, processor [2]time.Duration
	n := 0
	for b.Loop() {
		for form := range wall {
			begun, used := time.Now(), processorTime(b)
			_, err := client.PutObject(b.Context(), bucket, "key", stream{bytes.NewReader(data)}, int64(len(data)),
				minio.PutObjectOptions{
					DisableMultipart: true, DisableContentSha256: form == 1, Checksum: minio.ChecksumSHA256,
				})
			require.NoError(b, err)
			wall[form] += time.Since(begun)
			processor[form] += processorTime(b) - used
		}
		n++
	}
	for form, name := range []string{"signed", "unsigned"} {
		b.ReportMetric(float64(wall[form].Microseconds())/1000/float64(n), name+"-ms/op")
		b.ReportMetric(float64(processor[form].Microseconds())/1000/float64(n), name+"-cpu-ms/op")
	}
}

// processorTime is what this process has used; the store is another one.
func processorTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
