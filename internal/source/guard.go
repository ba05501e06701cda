package source

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// guard decides where the fetcher may go.
type guard struct {
	// domains allow themselves and all that is below them. They are lower case.
	domains   []string
	addresses []netip.Addr
	// any allows every host. insecure lets http, any port and any address pass.
	any, insecure bool
}

func newGuard(o Options) guard {
	g := guard{any: o.AnyHost, insecure: o.AllowInsecure}
	for _, host := range o.AllowedHosts {
		host = strings.ToLower(strings.Trim(strings.TrimSpace(host), "."))
		if address, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
			g.addresses = append(g.addresses, address)
		} else if host != "" {
			g.domains = append(g.domains, host)
		}
	}
	return g
}

// check refuses every URL that the fetcher may not ask for.
func (g guard) check(u *url.URL) *Error {
	host := u.Hostname()
	switch {
	case u.Scheme != "https" && !(g.insecure && u.Scheme == "http"):
		return fail(Forbidden, host, "a link must be https and is %q", u.Scheme)
	case u.User != nil:
		return fail(Forbidden, host, "a link must not carry a user name")
	case u.Port() != "" && u.Port() != "443" && !g.insecure:
		return fail(Forbidden, host, "a link must lead to port 443 and leads to %s", u.Port())
	case !g.allows(host):
		return fail(Forbidden, host, "the host is not allowed: if the provider does serve files from it, "+
			"add its domain to the allowed source hosts (STEMFLOW_SOURCE_HOSTS)")
	}
	return nil
}

func (g guard) allows(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return g.any || slices.Contains(g.addresses, address)
	}
	// What HTTP makes of a name in other letters is not what stands there.
	if strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return false
	}
	if g.any {
		return true
	}
	host = strings.ToLower(host)
	return slices.ContainsFunc(g.domains, func(domain string) bool {
		return host == domain || strings.HasSuffix(host, "."+domain)
	})
}
