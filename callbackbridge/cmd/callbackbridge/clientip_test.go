package main

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestForwardedIsBelievedFromTrustedProxiesOnly(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for name, c := range map[string]struct {
		peer      string
		forwarded []string
		want      string
	}{
		"a stranger's word":             {"203.0.113.9:4711", []string{"198.51.100.1"}, "203.0.113.9:4711"},
		"one proxy":                     {"10.0.0.2:4711", []string{"198.51.100.1"}, "198.51.100.1"},
		"two proxies":                   {"10.0.0.2:4711", []string{"198.51.100.1, 10.3.0.1"}, "198.51.100.1"},
		"two headers":                   {"10.0.0.2:4711", []string{"198.51.100.1", "10.3.0.1"}, "198.51.100.1"},
		"forged before a proxy's word":  {"10.0.0.2:4711", []string{"192.0.2.66, 198.51.100.1"}, "198.51.100.1"},
		"a proxy calls by itself":       {"10.0.0.2:4711", nil, "10.0.0.2:4711"},
		"proxies only":                  {"10.0.0.2:4711", []string{"10.0.0.3"}, "10.0.0.3"},
		"nonsense":                      {"10.0.0.2:4711", []string{"unknown"}, "10.0.0.2:4711"},
		"nonsense before a proxy":       {"10.0.0.2:4711", []string{"<script>, 10.0.0.3"}, "10.0.0.3"},
		"IPv6":                          {"[::1]:4711", []string{"2001:db8::7"}, "2001:db8::7"},
		"IPv4 as IPv6":                  {"[::ffff:10.0.0.2]:4711", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		"a peer that is not an address": {"@", []string{"198.51.100.1"}, "@"},
	} {
		t.Run(name, func(t *testing.T) {
			var got string
			handler := clientIP(
				trusted,
				http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr }),
			)
			request := httptest.NewRequest(http.MethodPost, "/", nil)
			request.RemoteAddr = c.peer
			request.Header["X-Forwarded-For"] = c.forwarded
			handler.ServeHTTP(httptest.NewRecorder(), request)
			require.Equal(t, c.want, got)
		})
	}
}
