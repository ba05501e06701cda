package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"time"
)

// store is the object store by another address, which the starter gives to the browser: one that
// allows no page to read from it, or that is slow.
type store struct {
	addr string
	// bytesPerSecond is for everything together; 0 is no limit.
	bytesPerSecond atomic.Int64
	forbidding     atomic.Bool
}

func newStore(minIO string) (*store, func(), error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	s := &store{addr: listener.Addr().String()}
	server := &http.Server{Handler: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: minIO})
			r.Out.Host = r.In.Host // which the links' signatures cover
		},
		ModifyResponse: func(resp *http.Response) error {
			if s.forbidding.Load() {
				resp.Header.Del("Access-Control-Allow-Origin")
			}
			resp.Body = &slowed{resp.Body, s}
			return nil
		},
		FlushInterval: -1,
	}}
	go func() { _ = server.Serve(listener) }()
	return s, func() { _ = server.Close() }, nil
}

type slowed struct {
	io.ReadCloser
	store *store
}

func (s *slowed) Read(p []byte) (int, error) {
	rate := s.store.bytesPerSecond.Load()
	if rate == 0 {
		return s.ReadCloser.Read(p)
	}
	n, err := s.ReadCloser.Read(p[:min(len(p), 4096)])
	const readers = 6 // as many connections does a browser open to one host
	time.Sleep(time.Duration(int64(n) * readers * int64(time.Second) / rate))
	return n, err
}
