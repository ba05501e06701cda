package source

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// newTransport goes straight to the host: what connects for us, a proxy, would resolve and reach
// what the guard cannot see.
func newTransport(options Options) *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	if !options.AllowInsecure {
		dialer.ControlContext = refuseInternalAddress
	}
	// One connection for each file: over HTTP/2 all files of a host would share one, with one
	// congestion window and one core to decrypt it, and each could hold megabytes in memory that
	// its reader has not come to.
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		DialContext:            dialer.DialContext,
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

// refuseInternalAddress is asked with the very address that is about to be connected to, so no
// second look-up of the name can come out otherwise.
func refuseInternalAddress(_ context.Context, _, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil || !isPublic(target.Addr()) {
		return &addressError{address}
	}
	return nil
}
