package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"sync/atomic"
	"time"

	"stemflow/internal/archive"
)

// proxy stands between stemflow and the store. It passes requests on as they are signed, with the
// Host header that the signature covers, so the store must not choose by that name what it serves.
type proxy struct {
	address string
	server  *http.Server
	wire    *http.Transport
}

// newProxy starts a proxy on this machine. Fault changes what passes.
func newProxy(to archive.Options, fault func(http.RoundTripper) http.RoundTripper) (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	wire := &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: to.RootCAs, MinVersion: tls.VersionTLS12},
		MaxIdleConnsPerHost: 128, DisableCompression: true,
	}
	scheme := "http"
	if to.Secure {
		scheme = "https"
	}
	handler := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = scheme, to.Endpoint, r.In.Host
		},
		Transport: fault(wire),
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) {
			panic(http.ErrAbortHandler) // the client sees its connection end
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	p := &proxy{
		address: listener.Addr().String(), wire: wire,
		server: &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, ErrorLog: handler.ErrorLog},
	}
	go func() { _ = p.server.Serve(listener) }() // it ends with close
	return p, nil
}

func (p *proxy) close() {
	_ = p.server.Close()
	p.wire.CloseIdleConnections()
}

// losing loses the answers to some requests, and lets some writes reach the store only after their
// client has been told that they failed.
type losing struct {
	http.RoundTripper
	mu     sync.Mutex
	chance *rand.Rand
	late   sync.WaitGroup
	// lost and delayed count both.
	lost, delayed atomic.Int64
}

const (
	shareLost    = 0.10
	shareDelayed = 0.05
	maxDelay     = 100 * time.Millisecond
	// lateLimit bounds a write whose client is gone.
	lateLimit = 30 * time.Second
)

var errLost = errors.New("lost")

func (l *losing) RoundTrip(r *http.Request) (*http.Response, error) {
	l.mu.Lock()
	fate, delay := l.chance.Float64(), time.Duration(l.chance.Int64N(int64(maxDelay)))
	l.mu.Unlock()
	switch {
	case fate < shareLost:
		answer, err := l.RoundTripper.RoundTrip(r)
		if err == nil {
			_, _ = io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
		}
		l.lost.Add(1)
		return nil, errLost
	case fate < shareLost+shareDelayed && r.Method == http.MethodPut:
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		l.delayed.Add(1)
		l.late.Go(func() { l.send(r, body, delay) })
		return nil, errLost
	default:
		return l.RoundTripper.RoundTrip(r)
	}
}

// send sends a request whose client is gone.
func (l *losing) send(r *http.Request, body []byte, delay time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), lateLimit)
	defer cancel()
	time.Sleep(delay)
	again := r.Clone(ctx)
	again.Body = io.NopCloser(bytes.NewReader(body))
	answer, err := l.RoundTripper.RoundTrip(again)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
}

// damaging changes one bit of what passes.
type damaging struct {
	http.RoundTripper
	uploads, answers bool
	// done counts what was damaged.
	done atomic.Int64
}

// damagedAt is behind the header of an upload's first chunk, and before the end of all that is
// uploaded to be damaged.
const damagedAt = 2000

func (d *damaging) RoundTrip(r *http.Request) (*http.Response, error) {
	if d.uploads && r.Method == http.MethodPut && r.ContentLength > damagedAt {
		r.Body = &damagedBody{ReadCloser: r.Body, done: &d.done}
	}
	answer, err := d.RoundTripper.RoundTrip(r)
	if err == nil && d.answers && r.Method == http.MethodGet && answer.ContentLength > damagedAt &&
		answer.StatusCode == http.StatusOK {
		answer.Body = &damagedBody{ReadCloser: answer.Body, done: &d.done}
	}
	return answer, err
}

type damagedBody struct {
	io.ReadCloser
	passed int
	done   *atomic.Int64
}

func (b *damagedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if at := damagedAt - b.passed; at >= 0 && at < n {
		p[at] ^= 1
		b.done.Add(1)
	}
	b.passed += n
	return n, err
}
