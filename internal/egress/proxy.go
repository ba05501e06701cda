// Package egress is the way out to the Internet: straight, or through the operator's proxy. What
// calls the provider and what fetches its files take the same way, because a track that is paid for
// where its stems cannot be fetched is money spent for nothing.
package egress

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"
)

// Settings are the values of HTTPS_PROXY, HTTP_PROXY and NO_PROXY, as every other program reads
// them.
type Settings struct {
	// HTTPS and HTTP are the proxies for https and http addresses: URLs with the scheme http,
	// https, socks5 or socks5h, perhaps with user and password. Without a scheme it is http; empty:
	// none.
	HTTPS, HTTP string
	// NoProxy are the hosts that are reached straight, separated by commas: names (with all below
	// them), addresses, networks, or "*". Localhost and loopback addresses always are.
	NoProxy string
}

// Proxy knows which requests go through a proxy. A nil Proxy sends none.
type Proxy struct {
	find func(*url.URL) (*url.URL, error)
}

// New makes a Proxy, nil where the settings name none. No error repeats a setting: it may hold a
// password.
func New(s Settings) (*Proxy, error) {
	https, err := ParseURL(s.HTTPS)
	if err != nil {
		return nil, fmt.Errorf("the proxy for https %w", err)
	}
	http, err := ParseURL(s.HTTP)
	if err != nil {
		return nil, fmt.Errorf("the proxy for http %w", err)
	}
	if https == "" && http == "" {
		return nil, nil
	}
	settings := httpproxy.Config{HTTPSProxy: https, HTTPProxy: http, NoProxy: s.NoProxy}
	return &Proxy{find: settings.ProxyFunc()}, nil
}

var errNotAProxy = errors.New(`is not a proxy's address: give it like "http://proxy.example.com:3128", ` +
	"with http, https, socks5 or socks5h, and with percent-encoding for special characters in user and password")

// ParseURL reads the address of a proxy and returns it with its scheme; empty stays empty. The
// error does not repeat the address.
func ParseURL(address string) (string, error) {
	address = strings.TrimSpace(address)
	if address == "" {
		return "", nil
	}
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) ||
		u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", errNotAProxy
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "", errNotAProxy
		}
	}
	return u.String(), nil
}

// Secrets are those in the addresses of the proxies, for a redactor: the passwords, and a user that
// stands alone, as which many services have keys given.
func (s Settings) Secrets() (secrets []string) {
	for _, address := range []string{s.HTTPS, s.HTTP} {
		address, _ := ParseURL(address) // New reports what is wrong
		proxy, err := url.Parse(address)
		if err != nil || proxy.User == nil {
			continue
		}
		password, _ := proxy.User.Password()
		if secret := cmp.Or(password, proxy.User.Username()); secret != "" {
			secrets = append(secrets, secret)
		}
	}
	return secrets
}

// For is the proxy that a request to u goes through, nil where it goes straight.
func (p *Proxy) For(u *url.URL) *url.URL {
	if p == nil {
		return nil
	}
	proxy, err := p.find(u)
	if err != nil {
		return nil // New has read the addresses: there is no error
	}
	return proxy
}

// NewTransport makes a transport that is like net/http's default one and sends its requests this
// way. A host may have wrapped the default one, to trace its requests: then it is made anew.
func (p *Proxy) NewTransport() *http.Transport {
	t, ok := http.DefaultTransport.(*http.Transport)
	if ok {
		t = t.Clone()
	} else {
		dialer := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
		t = &http.Transport{
			DialContext: dialer.DialContext, ForceAttemptHTTP2: true, MaxIdleConns: 100,
			IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second,
			ExpectContinueTimeout: time.Second,
		}
	}
	p.Apply(t)
	return t
}

// Apply makes a transport send its requests this way and no other, whatever the environment says.
func (p *Proxy) Apply(t *http.Transport) {
	t.Proxy = nil
	if p != nil {
		t.Proxy = func(r *http.Request) (*url.URL, error) { return p.For(r.URL), nil }
	}
	t.OnProxyConnectResponse = refuse
}

// Refusal is a proxy's answer when it does not connect to a host.
type Refusal struct {
	// Status is the HTTP status that the proxy answered.
	Status int
	// Host is "host:port" of where it was to connect to.
	Host string
}

// Error names the host and what to do, and nothing of the proxy's address or credentials.
func (r *Refusal) Error() string {
	switch {
	case r.Status == http.StatusProxyAuthRequired:
		return fmt.Sprintf("the egress proxy answered %d for %s: it wants other credentials, "+
			"correct user and password in HTTPS_PROXY", r.Status, r.Host)
	case r.Denied():
		return fmt.Sprintf("the egress proxy answered %d for %s: have it let this host through, "+
			"or name the host in NO_PROXY if it can be reached straight", r.Status, r.Host)
	default:
		return fmt.Sprintf("the egress proxy answered %d for %s: it could not connect", r.Status, r.Host)
	}
}

// Denied reports whether the proxy does not want to connect. Otherwise it could not.
func (r *Refusal) Denied() bool {
	return r.Status >= 400 && r.Status < 500 && r.Status != http.StatusRequestTimeout &&
		r.Status != http.StatusTooManyRequests
}

func refuse(_ context.Context, _ *url.URL, connect *http.Request, response *http.Response) error {
	if response.StatusCode == http.StatusOK {
		return nil
	}
	return &Refusal{Status: response.StatusCode, Host: connect.Host}
}
