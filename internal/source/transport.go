package source

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"stemflow/internal/egress"
)

// transport goes straight to a host, where every address that is connected to is checked, or
// through the operator's proxy. The proxy resolves names by itself, so of what it connects to only
// the name or the literal address has been checked, by the guard. Its own address is the operator's
// choice, and most often a private one.
type transport struct {
	straight, proxied *http.Transport
	proxy             *egress.Proxy
}

func newTransport(options Options) *transport {
	t := &transport{straight: newHTTPTransport(options), proxied: newHTTPTransport(options), proxy: options.Proxy}
	(*egress.Proxy)(nil).Apply(t.straight)
	options.Proxy.Apply(t.proxied)
	dialer := newDialer()
	t.proxied.DialContext = dialer.DialContext
	checked := newDialer()
	if !options.AllowInsecure {
		networks := addressGuard{options.AllowedNetworks}
		checked.ControlContext = networks.refuseInternalAddress
	}
	t.straight.DialContext = checked.DialContext
	return t
}

func newDialer() *net.Dialer { return &net.Dialer{Timeout: 10 * time.Second} }

func newHTTPTransport(options Options) *http.Transport {
	// One connection for each file: over HTTP/2 all files of a host would share one, with one
	// congestion window and one core to decrypt it, and each could hold megabytes in memory that
	// its reader has not come to.
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		TLSClientConfig:        &tls.Config{RootCAs: options.RootCAs},
		Protocols:              &protocols,
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  options.StallTimeout,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    32,
		IdleConnTimeout:        90 * time.Second,
	}
}

// goesThroughProxy reports whether a proxy connects for us.
func (t *transport) goesThroughProxy(u *url.URL) bool { return t.proxy.For(u) != nil }

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.goesThroughProxy(r.URL) {
		return t.proxied.RoundTrip(r)
	}
	return t.straight.RoundTrip(r)
}

// CloseIdleConnections closes the connections that no transfer uses.
func (t *transport) CloseIdleConnections() {
	t.straight.CloseIdleConnections()
	t.proxied.CloseIdleConnections()
}

// refuseInternalAddress is asked with the very address that is about to be connected to, so no
// second look-up of the name can come out otherwise.
func (g addressGuard) refuseInternalAddress(_ context.Context, _, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return &addressError{address: address}
	}
	return g.check(target.Addr())
}
