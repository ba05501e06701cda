package config

import (
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"stemflow/internal/bytesize"
)

// Lookup looks a variable up, as os.LookupEnv does.
type Lookup = func(name string) (string, bool)

// variables reads variables and collects what is wrong with them.
type variables struct {
	lookup   Lookup
	problems []string
}

func (v *variables) err() error {
	if len(v.problems) == 0 {
		return nil
	}
	return &Error{Problems: v.problems}
}

func (v *variables) report(name, format string, args ...any) {
	v.problems = append(v.problems, name+": "+fmt.Sprintf(format, args...))
}

// text is a variable without the space around it. One that is set to nothing counts as unset,
// because compose files and systemd units set variables so that a person has left out.
func (v *variables) text(name, fallback string) string {
	if value, _ := v.lookup(name); strings.TrimSpace(value) != "" {
		return strings.TrimSpace(value)
	}
	return fallback
}

// required is a variable that must be set. The remedy says what to give.
func (v *variables) required(name, remedy string) string {
	value := v.text(name, "")
	if value == "" {
		v.report(name, "is required, %s", remedy)
	}
	return value
}

// secret is a single credential. A line break or a space within it is a mishap of copying that a
// service would refuse without saying why.
func (v *variables) secret(name string) Secret {
	value := v.text(name, "")
	if strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		v.report(name, "contains a space or a line break, give the value alone")
	}
	return NewSecret(value)
}

// secrets are comma-separated.
func (v *variables) secrets(name string) []Secret {
	var secrets []Secret
	for _, text := range v.list(name) {
		secrets = append(secrets, NewSecret(text))
	}
	return secrets
}

// list is comma-separated; empty items are left out.
func (v *variables) list(name string) []string {
	var items []string
	for item := range strings.SplitSeq(v.text(name, ""), ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

func (v *variables) flag(name string) bool {
	value := v.text(name, "false")
	set, err := strconv.ParseBool(strings.ToLower(value))
	if err != nil {
		v.report(name, "%q is neither true nor false", value)
	}
	return set
}

func (v *variables) count(name string, fallback int) int {
	n, err := strconv.Atoi(v.text(name, strconv.Itoa(fallback)))
	if err != nil || n < 1 {
		v.report(name, "%q is not a whole number of at least 1", v.text(name, ""))
	}
	return n
}

func (v *variables) rate(name string, fallback float64) float64 {
	rate, err := strconv.ParseFloat(v.text(name, strconv.FormatFloat(fallback, 'g', -1, 64)), 64)
	if err != nil || !(rate > 0) || math.IsInf(rate, 0) {
		v.report(name, "%q is not a rate: give a number above 0, like 1.5", v.text(name, ""))
	}
	return rate
}

func (v *variables) size(name string, fallback int64) int64 {
	text := v.text(name, "")
	if text == "" {
		return fallback
	}
	size, err := bytesize.Parse(text)
	if err != nil {
		v.report(name, "%v", err)
	}
	return size
}

func (v *variables) duration(name string, fallback time.Duration) time.Duration {
	d, err := time.ParseDuration(v.text(name, fallback.String()))
	if err != nil || d <= 0 {
		v.report(name, "%q is not a duration above 0: write it with a unit, like \"5m\" or \"90s\"", v.text(name, ""))
	}
	return d
}

// checked is a text that check finds nothing wrong with.
func (v *variables) checked(name, fallback string, check func(string) error) string {
	value := v.text(name, fallback)
	if err := check(value); err != nil {
		v.report(name, "%v", err)
	}
	return value
}

// baseURL is an absolute http or https URL to which paths are appended, without the slash at its
// end; nil if it is unset and has no fallback. A URL may carry a password, so it is never shown.
func (v *variables) baseURL(name, fallback string) *url.URL {
	value := v.text(name, fallback)
	if value == "" {
		return nil
	}
	u, err := ParseBaseURL(value)
	if err != nil {
		v.report(name, "%v", err)
	}
	return u
}

// ParseBaseURL reads an address that paths are appended to, and returns it without a slash at its
// end. The error does not repeat the address, which may hold a password.
func ParseBaseURL(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "":
		return nil, errors.New("is not an absolute http or https URL, like https://stems.example.com")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("must be a plain base URL, without user, query or fragment")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(u.Path, "/")}, nil
}

// listenAddress is "host:port" or ":port", as the fallback is.
func (v *variables) listenAddress(name, fallback string) string {
	value := v.text(name, fallback)
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		v.report(name, "%q is not an address to listen on, give %q or %q", value, fallback, "127.0.0.1"+fallback)
	}
	return value
}

// certificates is a PEM file of certificates to trust; nil if the variable is unset.
func (v *variables) certificates(name string) *x509.CertPool {
	path := v.text(name, "")
	if path == "" {
		return nil
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		v.report(name, "cannot be read: %v", err)
		return nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		v.report(name, "%s holds no certificate in PEM form", path)
		return nil
	}
	return pool
}
