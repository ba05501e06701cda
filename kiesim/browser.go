package kiesim

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// crossOrigin refuses what a page of another site makes a browser write: the simulator asks for any
// key or, on its control surface, for none. Callers that are no browsers send nothing that it looks
// at.
var crossOrigin = http.NewCrossOriginProtection()

// localNamesOnly refuses requests that a browser makes for a page whose name was made to lead to
// this machine, after it had led to where the page came from.
func localNamesOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLocalName(r.Host) {
			controlAnswer(w, http.StatusMisdirectedRequest, controlError{
				"the simulator listens on this machine only: call it by a loopback address or localhost"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isLocalName reports whether a Host header names this machine. A caller without one is no browser.
func isLocalName(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.ToLower(strings.Trim(name, "[]")), ".")
	if address, err := netip.ParseAddr(name); err == nil {
		return address.Unmap().IsLoopback()
	}
	return name == "" || name == "localhost" || strings.HasSuffix(name, ".localhost")
}
