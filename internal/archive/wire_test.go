package archive

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// minio-go takes the store for one without TLS. What is sent must lead to the endpoint all the
// same, with the host that it has signed.
func TestWireLeadsToTheEndpoint(t *testing.T) {
	for _, c := range []struct {
		endpoint string
		secure   bool
		signed   string // minio-go leaves out the port 80
		sent     string
	}{
		{"store.example", false, "http://store.example/b/k", "http://store.example/b/k"},
		{"store.example:9000", false, "http://store.example:9000/b/k", "http://store.example:9000/b/k"},
		{"store.example:80", false, "http://store.example/b/k", "http://store.example/b/k"},
		{"store.example", true, "http://store.example/b/k", "https://store.example/b/k"},
		{"store.example:9000", true, "http://store.example:9000/b/k", "https://store.example:9000/b/k"},
		{"store.example:80", true, "http://store.example/b/k", "https://store.example:80/b/k"},
		{"[::1]:80", true, "http://[::1]/b/k", "https://[::1]:80/b/k"},
		{"[::1]:9000", true, "http://[::1]:9000/b/k", "https://[::1]:9000/b/k"},
	} {
		var sent *http.Request
		record := roundTripper(func(r *http.Request) (*http.Response, error) {
			sent = r
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
		})
		w := newWire(Options{Endpoint: c.endpoint, Secure: c.secure}, record)
		signed, err := http.NewRequestWithContext(t.Context(), http.MethodPut, c.signed, strings.NewReader("body"))
		require.NoError(t, err)
		_, err = w.RoundTrip(signed)
		require.NoError(t, err)
		require.Equal(t, c.sent, sent.URL.String())
		require.Equal(t, signed.Host, sent.Host, "it is signed")
		require.Equal(t, c.signed, signed.URL.String(), "the request is the caller's")
	}
}

// A checksum behind the content ends with its line, as the SDKs of AWS write it, and nothing else.
func TestChecksumsBehindTheContentEndWithTheirLine(t *testing.T) {
	const size = signedSize + 1
	data := strings.Repeat("x", size)
	sum := regexp.QuoteMeta(checksum(minio.ChecksumCRC32C, []byte(data)))
	for form, c := range map[string]struct {
		question int // is answered with
		end      string
	}{
		unsignedForm: {http.StatusPreconditionFailed, "\r\n0\r\nx-amz-checksum-crc32c:" + sum + "\r\n\r\n$"},
		"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": {http.StatusForbidden, "\r\n0;chunk-signature=[0-9a-f]{64}\r\n" +
			"x-amz-checksum-crc32c:" + sum + "\r\nx-amz-trailer-signature:[0-9a-f]{64}\r\n\r\n$"},
	} {
		t.Run(form, func(t *testing.T) {
			var body []byte
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("If-Match") != "" {
					w.Header().Set("X-Amz-Request-Id", "1")
					w.WriteHeader(c.question)
					return
				}
				var err error
				body, err = io.ReadAll(r.Body)
				assert.NoError(t, err)
				assert.EqualValues(t, len(body), r.ContentLength)
				assert.Equal(t, form, r.Header.Get("X-Amz-Content-Sha256"))
				w.Header().Set("ETag", `"1"`)
				w.Header().Set("X-Amz-Checksum-Crc32c", checksum(minio.ChecksumCRC32C, []byte(data)))
			}))
			defer server.Close()
			store, err := New(Options{
				Endpoint:  server.Listener.Addr().String(),
				AccessKey: "access", SecretKey: "secret", Region: "us-east-1",
			})
			require.NoError(t, err)
			slow := iotest.OneByteReader(strings.NewReader(data))
			_, err = store.PutStem(t.Context(), "bucket", "key", "audio/mpeg", slow, size)
			require.NoError(t, err)
			require.Regexp(t, c.end, string(body[len(body)-300:]))
		})
	}
}

// Were minio-go to write another end, no upload would pass with a byte less.
func TestAnotherEndOfAChecksumIsRefused(t *testing.T) {
	const body = "1\r\nx\r\n0\r\nx-amz-checksum-crc32c:AAAAAA==\r\n\r\n"
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://store.example/b/k", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32c")
	req.Header.Set("X-Amz-Content-Sha256", unsignedForm)
	endTrailer(req)
	_, err = io.ReadAll(req.Body)
	require.ErrorIs(t, err, errTrailer)
}

// The default port is in no Host header, and a bucket whose certificate would not fit in no host.
func TestRequestsOverTLS(t *testing.T) {
	store, err := New(Options{Endpoint: "store.example:443", AccessKey: "a", SecretKey: "s", Secure: true})
	require.NoError(t, err)
	require.Equal(t, "store.example", store.api.EndpointURL().Host)
	require.Equal(t, minio.BucketLookupPath, lookup(true)(url.URL{}, "my.stems"))
	require.Equal(t, minio.BucketLookupAuto, lookup(true)(url.URL{}, "stems"))
	require.Equal(t, minio.BucketLookupAuto, lookup(false)(url.URL{}, "my.stems"))
}

// fragile fails a test under the race detector when it is used by two at a time.
type fragile struct{ open bool }

func (f *fragile) Read(p []byte) (int, error) {
	if !f.open {
		panic("read after it was closed")
	}
	return len(p), nil
}

func (f *fragile) Close() error {
	f.open = false
	return nil
}

func TestBodyMayBeClosedWhileItIsRead(t *testing.T) {
	for range 100 {
		body := &closableBody{body: &fragile{open: true}}
		var readers sync.WaitGroup
		readers.Go(func() {
			_, err := io.Copy(io.Discard, body)
			require.ErrorIs(t, err, errClosedBody)
		})
		require.NoError(t, body.Close())
		require.NoError(t, body.Close())
		readers.Wait()
	}
}
