package archive

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/minio/minio-go/v7"
)

// wire sends what minio-go has signed, over TLS where the store is to be reached so. The signature
// covers the Host header and not the scheme.
type wire struct {
	http.RoundTripper
	secure bool
	// port is the endpoint's own, where minio-go takes it for the default and leaves it out.
	port string
}

func newWire(opts Options, transport http.RoundTripper) wire {
	w := wire{RoundTripper: transport, secure: opts.Secure}
	if _, port, err := net.SplitHostPort(opts.Endpoint); err == nil && opts.Secure && port == "80" {
		w.port = port
	}
	return w
}

func (w wire) RoundTrip(req *http.Request) (*http.Response, error) {
	out := *req
	if w.secure {
		secured := *req.URL
		secured.Scheme = "https"
		if w.port != "" && secured.Port() == "" {
			secured.Host = net.JoinHostPort(secured.Hostname(), w.port)
		}
		out.URL = &secured
	}
	if req.Body != nil {
		endTrailer(&out)
		out.Body = &closableBody{body: out.Body}
	}
	return w.RoundTripper.RoundTrip(&out)
}

// lookup says how a bucket is named in the URL. A wildcard certificate does not cover a bucket
// whose name has dots, which minio-go knows, but not that there will be a certificate.
func lookup(secure bool) func(url.URL, string) minio.BucketLookupType {
	return func(_ url.URL, bucket string) minio.BucketLookupType {
		if bucket == "" || secure && strings.Contains(bucket, ".") {
			return minio.BucketLookupPath
		}
		return minio.BucketLookupAuto
	}
}

// closableBody may be closed while it is read, as the connection and the client do in their own
// time. minio-go's signing body would then crash.
type closableBody struct {
	mu     sync.Mutex
	body   io.ReadCloser
	closed bool
}

var errClosedBody = errors.New("the body is closed")

func (b *closableBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, errClosedBody
	}
	return b.body.Read(p)
}

func (b *closableBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	b.closed = true
	return b.body.Close()
}
