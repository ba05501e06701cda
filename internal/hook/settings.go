package hook

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"stemflow"
	"stemflow/internal/bounded"
)

const (
	secretPrefix = "whsec_"
	// What standard-webhooks.com allows, in bytes.
	minKey = 24
	maxKey = 64
)

// Remedy says how to make a secret.
const Remedy = `made for example with: echo "whsec_$(openssl rand -base64 32)"`

// CheckSecret reports what is wrong with a webhook's secret. The error does not repeat it.
func CheckSecret(secret string) error {
	encoded, ok := strings.CutPrefix(secret, secretPrefix)
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || strings.ContainsAny(encoded, "\r\n") {
		return errors.New(`is not "whsec_" and a key in base64, ` + Remedy)
	}
	if len(key) < minKey || len(key) > maxKey {
		return fmt.Errorf("has a key of %d bytes, give %d to %d random ones, %s", len(key), minKey, maxKey, Remedy)
	}
	return nil
}

var errURL = errors.New("is not an absolute https URL without a fragment, like https://example.com/stemflow")

// CheckURL reports what is wrong with a webhook's address. It may hold a credential, so the error
// does not repeat it. http is for this machine, and for what insecure lets through.
func CheckURL(address string, insecure bool) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.Opaque != "" ||
		u.Fragment != "" {
		return errURL
	}
	if u.Scheme == "http" && !insecure && !isLoopback(u.Hostname()) {
		return errors.New("is http, so everybody on the way could read and replay what is told: give an https " +
			"address, or allow http with STEMFLOW_ALLOW_INSECURE_WEBHOOK=true within a private network")
	}
	return nil
}

func isLoopback(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// SecretsOf are the parts of a webhook's address that give access, for a redactor: the password, a
// user name without one, and what no person would have made up.
func SecretsOf(address string) []string {
	u, err := url.Parse(address)
	if err != nil {
		return nil
	}
	var secrets []string
	if password, _ := u.User.Password(); password != "" {
		secrets = append(secrets, password)
	} else if user := u.User.Username(); user != "" {
		secrets = append(secrets, user) // keys of many services are given so
	}
	parts := strings.Split(u.Path, "/")
	// A query may be a key alone, and need not be of names and values.
	for part := range strings.FieldsFuncSeq(u.RawQuery, func(r rune) bool { return strings.ContainsRune("&;=", r) }) {
		if plain, err := url.QueryUnescape(part); err == nil {
			part = plain
		}
		parts = append(parts, part)
	}
	for _, part := range parts {
		if len(part) >= minOpaque && strings.ContainsAny(part, "0123456789") {
			secrets = append(secrets, part)
		}
	}
	slices.Sort(secrets)
	return secrets
}

// minOpaque is the length from which on a part of an address with a digit in it is taken for a
// credential.
const minOpaque = 12

// CheckCommand reports why a program cannot be run.
func CheckCommand(path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("%s is not the absolute path of a program: give that alone, without arguments, "+
			"like /usr/local/bin/on-stemflow-event", bounded.Quote(path))
	}
	if _, err := exec.LookPath(path); err != nil {
		return fmt.Errorf("%s is no program that this user may run: put it there and make it executable (chmod +x)",
			bounded.Quote(path))
	}
	return nil
}

// CheckEvents reports which of the types of events do not exist.
func CheckEvents(types []stemflow.EventType) error {
	for _, t := range types {
		if !slices.Contains(stemflow.EventTypes(), t) {
			names := make([]string, len(stemflow.EventTypes()))
			for i, known := range stemflow.EventTypes() {
				names[i] = string(known)
			}
			return fmt.Errorf("%s is no event, give some of %s, separated by commas",
				bounded.Quote(string(t)), strings.Join(names, ", "))
		}
	}
	return nil
}
