// Package naming says which names of buckets and prefixes are allowed and what ids are, and how
// names of stems are spelt. It depends on the standard library only, since the contract imports it.
package naming

import (
	"fmt"
	"regexp"
	"strings"

	"stemflow/internal/bounded"
)

// MaxKey is the length of the longest object key that S3 takes, in bytes.
const MaxKey = 1024

var (
	bucketPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	ipv4Pattern   = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$`)
	idPattern     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)
)

// IsID reports whether a text looks like an id that can be part of an object key and a workflow id.
// The provider's are hexadecimal or UUIDs.
func IsID(text string) bool { return idPattern.MatchString(text) }

// Error is a name that is not allowed. Rule says why, without repeating the name.
type Error struct{ Name, Rule string }

func (e *Error) Error() string { return bounded.Quote(e.Name) + " " + e.Rule }

// CheckBucket reports what is wrong with a bucket's name by S3's rules, or nil.
func CheckBucket(name string) error {
	if !bucketPattern.MatchString(name) || strings.Contains(name, "..") || ipv4Pattern.MatchString(name) {
		return &Error{name, "is not a bucket name: 3 to 63 lower-case letters, digits, '.' and '-', " +
			"a letter or digit at both ends, no IP address"}
	}
	return nil
}

// CheckPrefix reports what is wrong with a key prefix, or nil. Slashes at the ends do not matter.
func CheckPrefix(prefix string) error {
	trimmed := strings.Trim(prefix, "/")
	if trimmed == "" {
		return nil
	}
	if len(trimmed) > 400 {
		return fmt.Errorf("is %d bytes long, at most 400 leave room for the rest of an object key", len(trimmed))
	}
	for part := range strings.SplitSeq(trimmed, "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsFunc(part, func(r rune) bool {
			return r < ' ' || r == 0x7f || r == '\\' || r == 0xfffd
		}) {
			return &Error{prefix, "is not a key prefix: parts separated by single slashes, none of them '.' or '..', " +
				"no backslashes or control characters"}
		}
	}
	return nil
}

// Slug spells a name of the provider ("Lead Vocal", "Hi-Hat") as the canonical names are spelt
// ("lead_vocal", "hi_hat"): lower-case ASCII letters and digits, and one underscore for everything
// between them.
func Slug(name string) string {
	var b strings.Builder
	gap := false
	for _, r := range strings.ToLower(name) {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			gap = b.Len() > 0
			continue
		}
		if gap {
			b.WriteByte('_')
			gap = false
		}
		b.WriteRune(r)
	}
	return b.String()
}
