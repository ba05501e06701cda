package source

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/egress"
	"stemflow/internal/egress/egresstest"
)

const proxyUser = "user:secret-password"

func proxied(t *testing.T, addr, noProxy string) *egress.Proxy {
	t.Helper()
	p, err := egress.New(egress.Settings{HTTPS: "http://" + proxyUser + "@" + addr, NoProxy: noProxy})
	require.NoError(t, err)
	return p
}

// All guards are up, names resolve at the proxy alone, and its own address is a loopback one.
func TestOpenThroughAProxy(t *testing.T) {
	server, roots := tlsServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "https://files.example.com/Lead Vocal.mp3", http.StatusFound)
			return
		}
		_, _ = w.Write([]byte("content of " + r.Host))
	})
	proxy := egresstest.New(t, map[string]string{
		"example.com:443": server.Listener.Addr().String(), "files.example.com:443": server.Listener.Addr().String(),
	})
	proxy.Demand(proxyUser)
	fetcher := New(Options{AllowedHosts: []string{"example.com"}, RootCAs: roots, Proxy: proxied(t, proxy.Addr, "")})
	defer fetcher.Close()
	body, err := fetcher.Open(t.Context(), "https://example.com/away")
	require.NoError(t, err)
	require.Equal(t, "content of files.example.com", read(t, body))
	require.Equal(t, []string{"example.com:443", "files.example.com:443"}, proxy.Asked())
}

func TestProxyIsNotAskedForWhatIsForbidden(t *testing.T) {
	proxy := egresstest.New(t, nil)
	hosts := []string{"example.com", "10.0.0.1", "169.254.169.254", "198.18.0.21", "64:ff9b::a00:1", "::1", "127.0.0.1"}
	fetcher := New(Options{AllowedHosts: hosts, Proxy: proxied(t, proxy.Addr, "")})
	for _, link := range []string{
		"https://10.0.0.1" + secretPath, "https://169.254.169.254" + secretPath, "https://198.18.0.21" + secretPath,
		"https://[64:ff9b::a00:1]" + secretPath, "https://[::1]" + secretPath, "https://127.0.0.1" + secretPath,
		"https://example.org" + secretPath, "https://example.com:8443" + secretPath,
	} {
		_, err := fetcher.Open(t.Context(), link)
		requireKind(t, Forbidden, err)
	}
	require.Empty(t, proxy.Asked())

	admitting := New(Options{
		AllowedHosts: hosts, Proxy: proxied(t, proxy.Addr, ""), AllowedNetworks: networks("10.0.0.0/8"),
	})
	_, err := admitting.Open(t.Context(), "https://10.0.0.1"+secretPath)
	requireKind(t, Unavailable, err)
	require.Equal(t, []string{"10.0.0.1:443"}, proxy.Asked())
}

// Where users name any host, a proxy is not asked for one that only it may know, nor for an address
// in a spelling that it may read.
func TestProxyIsAskedForPublicNamesOnly(t *testing.T) {
	proxy := egresstest.New(t, nil)
	fetcher := New(Options{AnyHost: true, Proxy: proxied(t, proxy.Addr, "")})
	for _, host := range []string{
		"localhost", "LOCALHOST.", "a.localhost", "metadata", "metadata.google.internal", "Vault.Internal.", "printer.local",
		"2130706433", "0x7f000001", "0X7F.1", "0177.0.0.1", "127.1", "127.0.0.1.", "017700000001", "1.2.3.0x", "router.lan", "..",
	} {
		_, err := fetcher.Open(t.Context(), "https://"+host+secretPath)
		requireKind(t, Forbidden, err)
	}
	require.Empty(t, proxy.Asked())
	for _, host := range []string{"example.com", "a1.example.com.", "1.example.org", "xn--bcher-kva.example", "x0.de"} {
		_, err := fetcher.Open(t.Context(), "https://"+host+secretPath)
		requireKind(t, Unavailable, err)
	}
	require.Len(t, proxy.Asked(), 5)
}

// Without a proxy the address counts, and not the name.
func TestPrivateNameOfANetworkThatIsAdmitted(t *testing.T) {
	fetcher := New(Options{AnyHost: true, AllowedNetworks: networks("127.0.0.0/8", "::1/128")})
	straight := fetcher.transport.(*transport).straight
	straight.DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("away") }
	_, err := fetcher.Open(t.Context(), "https://localhost"+secretPath)
	requireKind(t, Unavailable, err)
}

// A host that is exempt from the proxy is reached straight, with its address checked.
func TestNoProxyKeepsTheGuard(t *testing.T) {
	proxy := egresstest.New(t, nil)
	fetcher := New(Options{AllowedHosts: []string{"10.0.0.1", "localhost"}, Proxy: proxied(t, proxy.Addr, "10.0.0.0/8")})
	for _, link := range []string{"https://10.0.0.1" + secretPath, "https://localhost" + secretPath} {
		_, err := fetcher.Open(t.Context(), link)
		requireKind(t, Forbidden, err)
	}
	require.Empty(t, proxy.Asked())
}

func TestOpenIgnoresTheEnvironmentsProxy(t *testing.T) {
	transport := New(Options{}).transport.(*transport)
	require.Nil(t, transport.straight.Proxy)
	require.Nil(t, transport.proxied.Proxy)
	require.False(t, transport.goesThroughProxy(&url.URL{Scheme: "https", Host: "example.com"}))
}

// A proxy that does not let a host through is told as such, with what to do, and without its
// credentials.
func TestProxyThatRefuses(t *testing.T) {
	for status, want := range map[int]Kind{
		403: Blocked, 405: Blocked, 407: Blocked, 451: Blocked, 408: Unavailable, 429: Unavailable, 500: Unavailable,
		502: Unavailable, 503: Unavailable, 504: Unavailable,
	} {
		proxy := egresstest.New(t, nil)
		proxy.Deny("example.com:443", status)
		fetcher := New(Options{AllowedHosts: []string{"example.com"}, Proxy: proxied(t, proxy.Addr, "")})
		_, err := fetcher.Open(t.Context(), "https://example.com"+secretPath)
		failure := requireKind(t, want, err)
		require.Equal(t, "example.com", failure.Host)
		require.ErrorContains(t, err, "the egress proxy answered")
	}

	fetcher := New(Options{AllowedHosts: []string{"example.com"}, Proxy: proxied(t, "127.0.0.1:1", "")})
	_, err := fetcher.Open(t.Context(), "https://example.com"+secretPath)
	requireKind(t, Unavailable, err)
}
