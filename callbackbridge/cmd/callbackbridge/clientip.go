package main

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// behind makes RemoteAddr the caller that the trusted proxies name in X-Forwarded-For. What anybody else says there is not
// believed.
func behind(trusted []netip.Prefix, next http.Handler) http.Handler {
	if len(trusted) == 0 {
		return next
	}
	isTrusted := func(address netip.Addr) bool {
		return slices.ContainsFunc(trusted, func(network netip.Prefix) bool { return network.Contains(address) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		caller := peer.Addr().Unmap()
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		// Each proxy appends whom it was called by: the last that is none of them is the caller, whatever stands before it.
		for err == nil && isTrusted(caller) && len(hops) > 0 {
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
