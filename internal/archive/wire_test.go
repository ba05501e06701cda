package archive

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/minio/minio-go/v7"
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
