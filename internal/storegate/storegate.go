// Package storegate is the reverse proxy that the advisory on CVE-2026-40344 and CVE-2026-41145
// asks for in front of an object store that has no fix for them: it refuses the one form of request
// whose signature such a store does not check. stemflow itself needs that form nowhere.
package storegate

import (
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"
)

// weakForm is part of every name of the form: of "STREAMING-UNSIGNED-PAYLOAD-TRAILER" today.
const weakForm = "UNSIGNED-PAYLOAD-TRAILER"

// bodyHash is the header, and the parameter of presigned requests, that names a request's form.
const bodyHash = "X-Amz-Content-Sha256"

// refusal is what a store answers.
const refusal = `<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>AccessDenied</Code><Message>Uploads whose content is not signed (STREAMING-UNSIGNED-PAYLOAD-TRAILER) ` +
	`are not allowed here.</Message></Error>
`

// New returns a proxy to the store at an http or https URL.
func New(store *url.URL) http.Handler {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy, transport.DisableCompression = nil, true
	transport.MaxIdleConnsPerHost, transport.ResponseHeaderTimeout = 64, 10*time.Minute
	proxy := &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			// The signature covers the host as it came.
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = store.Scheme, store.Host, r.In.Host
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isWeak(r) {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, refusal)
			return
		}
		proxy.ServeHTTP(w, r)
	})
}

// isWeak looks at all that any store might take for the form's name.
func isWeak(r *http.Request) bool {
	for name, values := range r.Header {
		if strings.EqualFold(name, bodyHash) && anyWeak(values) {
			return true
		}
	}
	// A trailer comes too late to be looked at.
	for name := range r.Trailer {
		if strings.EqualFold(name, bodyHash) {
			return true
		}
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return true // what cannot be read cannot be judged
	}
	for name, values := range query {
		if strings.EqualFold(name, bodyHash) && anyWeak(values) {
			return true
		}
	}
	return false
}

func anyWeak(values []string) bool {
	for _, value := range values {
		if strings.Contains(strings.ToUpper(value), weakForm) {
			return true
		}
	}
	return false
}
