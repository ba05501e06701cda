package integration

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// gate stands in front of a server and reports when the nth request of a kind arrives, so that a
// crash hits its moment.
type gate struct {
	// addr is where it listens, with no scheme.
	addr string
	// reached is closed when the request has arrived.
	reached chan struct{}
}

// newGate lets every request through but, if it holds, the nth that matches: the server never sees
// that one.
func newGate(t *testing.T, target string, hold bool, nth int, match func(*http.Request) bool) *gate {
	t.Helper()
	to, err := url.Parse(target)
	require.NoError(t, err)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host // it is part of what S3 requests are signed for
		},
		// A request that is cut off is what the tests are about, and the server's own log says
		// enough.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	g := &gate{reached: make(chan struct{})}
	var matched atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		due := match(r) && matched.Add(1) == int64(nth)
		if due {
			close(g.reached)
		}
		if !due || !hold {
			proxy.ServeHTTP(w, r)
			return
		}
		// The server notices that the client has gone only once the body is read.
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	g.addr = server.Listener.Addr().String()
	return g
}
