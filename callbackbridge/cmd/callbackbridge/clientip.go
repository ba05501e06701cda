package main

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// clientIP sets RemoteAddr to the client that the trusted proxies name in X-Forwarded-For. Entries
// that other hosts added are not believed.
func clientIP(trusted []netip.Prefix, next http.Handler) http.Handler {
	if len(trusted) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		caller := peer.Addr().Unmap()
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		// Each proxy appends the address that called it, so the last one that is not a trusted
		// proxy is the client.
		for err == nil && isTrusted(trusted, caller) && len(hops) > 0 {
			var hop netip.Addr
			hop, err = netip.ParseAddr(strings.TrimSpace(hops[len(hops)-1]))
			if err == nil {
				caller, hops = hop.Unmap(), hops[:len(hops)-1]
			}
		}
		if caller.IsValid() && caller != peer.Addr().Unmap() {
			r.RemoteAddr = caller.String()
		}
		next.ServeHTTP(w, r)
	})
}

func isTrusted(trusted []netip.Prefix, address netip.Addr) bool {
	return slices.ContainsFunc(trusted, func(network netip.Prefix) bool { return network.Contains(address) })
}
