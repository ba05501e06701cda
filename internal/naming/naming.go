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

// Limits of texts in inputs.
const (
	// MaxPrefix leaves room for the rest of an object key, in bytes.
	MaxPrefix = 400
	// MaxStemName is how long the name of an instrument is at most, in characters, and MaxStem that
	// of a stem, which may be all but the instrument.
	MaxStemName = 64
	MaxStem     = MaxStemName + len("_removed")
	// MaxCatalogName leaves room for the rest of an object's key.
	MaxCatalogName = 100
	// MaxAddress bounds an address, in characters: it stands in histories.
	MaxAddress = 4 << 10
)

// Patterns of what is allowed in inputs. The JSON Schema of the contract is made from them, too, so
// they are written in what regular expressions of Go and of JavaScript have in common.
const (
	IDPattern     = `^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`
	SHA256Pattern = `^[0-9A-Fa-f]{64}$`
	// BucketPattern is what a bucket's name matches, and BucketForbidden what it does not.
	BucketPattern   = `^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`
	BucketForbidden = `\.[.-]|-\.|^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$`
	// PrefixForbidden is what a key prefix does not match: control characters, backslashes and what
	// stands for no character; an empty part within it; and a part that is a dot or two.
	PrefixForbidden = "[\\x00-\\x1f\\x7f\\\\\ufffd]" + `|[^/]//+[^/]|(?:^|/)\.\.?(?:/|$)`
)

var (
	bucketPattern   = regexp.MustCompile(BucketPattern)
	bucketForbidden = regexp.MustCompile(BucketForbidden)
	prefixForbidden = regexp.MustCompile(PrefixForbidden)
	idPattern       = regexp.MustCompile(IDPattern)
	sha256Pattern   = regexp.MustCompile(SHA256Pattern)
)

// IsSHA256 reports whether a text is a SHA-256 in hexadecimal.
func IsSHA256(text string) bool { return sha256Pattern.MatchString(text) }

// IsID reports whether a text looks like an id that can be part of an object key and a workflow id.
// The provider's are hexadecimal or UUIDs.
func IsID(text string) bool { return idPattern.MatchString(text) }

// Error is a name that is not allowed. Rule says why, without repeating the name.
type Error struct{ Name, Rule string }

func (e *Error) Error() string { return bounded.Quote(e.Name) + " " + e.Rule }

// CheckBucket reports what is wrong with a bucket's name by S3's rules, or nil.
func CheckBucket(name string) error {
	if !bucketPattern.MatchString(name) || bucketForbidden.MatchString(name) {
		return &Error{name, "is not a bucket name: 3 to 63 lower-case letters, digits, '.' and '-', " +
			"a letter or digit at both ends and on both sides of each '.', no IP address"}
	}
	return nil
}

// CheckPrefix reports what is wrong with a key prefix, or nil. Slashes at the ends do not matter.
func CheckPrefix(prefix string) error {
	trimmed := strings.Trim(prefix, "/")
	if trimmed == "" {
		return nil
	}
	if len(trimmed) > MaxPrefix {
		return fmt.Errorf(
			"is %d bytes long, at most %d leave room for the rest of an object key",
			len(trimmed),
			MaxPrefix,
		)
	}
	if prefixForbidden.MatchString(trimmed) {
		return &Error{prefix, "is not a key prefix: parts separated by single slashes, none of them '.' or '..', " +
			"no backslashes or control characters"}
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
