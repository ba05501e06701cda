package main

import "net/http"

// onlyProbes serves health and readiness, and nothing else, for the address of the metrics.
func onlyProbes(next http.Handler) http.Handler { return filtered(next, isProbe) }

// withoutProbes serves all but health and readiness, for an address on the Internet.
func withoutProbes(next http.Handler) http.Handler {
	return filtered(next, func(path string) bool { return !isProbe(path) })
}

func isProbe(path string) bool { return path == "/healthz" || path == "/readyz" }

func filtered(next http.Handler, isServed func(path string) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isServed(r.URL.Path) {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
