package config

import (
	"strings"

	"stemflow/internal/egress"
)

// Proxy is the egress proxy. The addresses may hold a password.
type Proxy struct {
	HTTPS, HTTP Secret
	NoProxy     string
}

// proxy reads the variables that every program reads, in either spelling. A wrong one ends the
// start: a proxy that is passed by would be noticed when a track is paid for.
func (v *variables) proxy() Proxy {
	return Proxy{
		HTTPS:   v.proxyURL("HTTPS_PROXY"),
		HTTP:    v.proxyURL("HTTP_PROXY"),
		NoProxy: v.text("NO_PROXY", v.text("no_proxy", "")),
	}
}

func (v *variables) proxyURL(name string) Secret {
	if v.text(name, "") == "" && v.text(strings.ToLower(name), "") != "" {
		name = strings.ToLower(name)
	}
	address, err := egress.ParseURL(v.text(name, ""))
	if err != nil {
		v.report(name, "%v", err)
	}
	return NewSecret(address)
}
