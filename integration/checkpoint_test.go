package integration

import (
	"bytes"
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// passage is one moment of a run as a server sees it: the first request that matches.
type passage struct {
	match func(r *http.Request, body []byte) bool
	// answer holds the answer of the server instead of the request.
	answer bool
	// pass holds nothing: only the moment is of interest.
	pass bool

	taken    atomic.Bool
	reached  chan struct{}
	released chan struct{}
	release  func()
}

func newPassage(match func(*http.Request, []byte) bool) *passage {
	p := &passage{match: match, reached: make(chan struct{}), released: make(chan struct{})}
	p.release = sync.OnceFunc(func() { close(p.released) })
	return p
}

// hold waits until the passage is released. It returns false if the client has gone before that.
func (p *passage) hold(ctx context.Context) bool {
	if p.pass {
		return true
	}
	select {
	case <-p.released:
		return true
	case <-ctx.Done():
		return false
	}
}

// checkpoint is a proxy in front of a server. It reports when a request arrives that is a moment of
// the run, and holds it until the test has done what it wants to do at that moment.
type checkpoint struct {
	// addr is where it listens, with no scheme.
	addr string
	// failed counts the requests that the server did not answer: it was away, or silent until the
	// client gave up. Requests that were held do not count: they belong to the moment, not to what
	// came after it.
	failed atomic.Int64

	passages []*passage
}

// smallBody is the size up to which a request's body is read before it is passed on. Ledger and
// manifest are smaller, stems are larger.
const smallBody = 32 << 10

type passageKey struct{}

func newCheckpoint(t testing.TB, target string, passages ...*passage) *checkpoint {
	t.Helper()
	to, err := url.Parse(target)
	require.NoError(t, err)
	c := &checkpoint{passages: passages}
	heldAnswer := func(ctx context.Context) (held bool) {
		p, held := ctx.Value(passageKey{}).(*passage)
		if held && p.answer && !p.hold(ctx) {
			panic(http.ErrAbortHandler)
		}
		return held
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host // it is part of what S3 requests are signed for
		},
		// A connection that is kept would be one to a server that was killed since.
		Transport:      &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		ModifyResponse: func(r *http.Response) error { heldAnswer(r.Request.Context()); return nil },
		ErrorHandler: func(_ http.ResponseWriter, r *http.Request, _ error) {
			if !heldAnswer(r.Context()) {
				c.failed.Add(1)
			}
			panic(http.ErrAbortHandler)
		},
		// Requests that are cut off are what the tests are about.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body []byte
		if r.ContentLength >= 0 && r.ContentLength <= smallBody {
			// The server notices that a client has gone only once the body is read.
			var err error
			if body, err = io.ReadAll(r.Body); err != nil {
				panic(http.ErrAbortHandler)
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		if p := c.passage(r, body); p != nil {
			r = r.WithContext(context.WithValue(r.Context(), passageKey{}, p))
			if !p.answer && !p.hold(r.Context()) {
				panic(http.ErrAbortHandler)
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		for _, p := range passages {
			p.release()
		}
		server.CloseClientConnections()
		server.Close()
	})
	c.addr = server.Listener.Addr().String()
	return c
}

// passage is the moment that a request is the first of, nil if it is none.
func (c *checkpoint) passage(r *http.Request, body []byte) *passage {
	for _, p := range c.passages {
		if p.match(r, body) && p.taken.CompareAndSwap(false, true) {
			close(p.reached)
			return p
		}
	}
	return nil
}

// object matches a request for an object by the end of its key, with what its body contains.
func object(method, name, content string) func(*http.Request, []byte) bool {
	return func(r *http.Request, body []byte) bool {
		return r.Method == method && path.Base(r.URL.Path) == name && bytes.Contains(body, []byte(content))
	}
}

// call matches a request by the end of its path.
func call(ending string) func(*http.Request, []byte) bool {
	return func(r *http.Request, _ []byte) bool { return strings.HasSuffix(r.URL.Path, ending) }
}

func anyCall(*http.Request, []byte) bool { return true }
