package naming

import (
	"fmt"
	"regexp"
	"strings"
)

// ObjectScheme begins the address of an object of the archive's store: "s3://bucket/key".
const ObjectScheme = "s3://"

// Patterns of the addresses of songs, as those above.
var (
	// AddressPattern is an http or https address: a host name or an IP address, a port, a path, a
	// query and a fragment. It has no user, which the provider cannot use, and no zone, which means
	// something on one machine only.
	AddressPattern = `^[Hh][Tt][Tt][Pp][Ss]?://(?:` + host + `|\[` + ipv6() + `\])(?::[0-9]*)?` +
		`(?:/(?:[^\x00-\x20\x7f%?#]|` + escaped + `)*)?` +
		`(?:\?[^\x00-\x20\x7f#]*)?` +
		`(?:#(?:[^\x00-\x20\x7f%]|` + escaped + `)*)?$`
	// ObjectPattern is the address of an object; its bucket is not ObjectForbidden.
	ObjectPattern = `^` + ObjectScheme + strings.Trim(BucketPattern, "^$") + `/[\s\S]{1,512}[\s\S]{0,512}$`
	// ObjectForbidden is what BucketForbidden is, of the bucket in an address.
	ObjectForbidden = `^` + ObjectScheme + `(?:[^/]*(?:\.[.-]|-\.)|[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+/)`

	addressPattern = regexp.MustCompile(AddressPattern)
)

const (
	escaped = `%[0-9A-Fa-f]{2}`
	// host is what net/url takes: letters of any script, and percent signs before bytes of such.
	host = `(?:[A-Za-z0-9._~!$&'()*+,;=<>"\]-]|[^\x00-\x7f]|%25|%[89A-Fa-f][0-9A-Fa-f])+`
)

// IsAddress reports whether a text is an http or https address.
func IsAddress(text string) bool { return addressPattern.MatchString(text) }

// ipv6 is an IP address of version 6: eight groups, or fewer around one "::", and the last two may
// be written as an address of version 4.
func ipv6() string {
	const (
		group = `[0-9A-Fa-f]{1,4}`
		octet = `(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])`
		last  = `(?:` + group + `:` + group + `|` + octet + `(?:\.` + octet + `){3})` // 32 bits
	)
	forms := []string{`(?:` + group + `:){6}` + last}
	for before := range 8 { // as many groups at most stand before the "::"
		head := ""
		if before > 0 {
			head = fmt.Sprintf(`%s(?::%s){%d}`, group, group, before-1)
		}
		// 7-before groups at most stand after it.
		switch after := 7 - before; after {
		case 0:
			forms = append(forms, head+`::`)
		case 1:
			forms = append(forms, head+`::(?:`+group+`)?`)
		default:
			forms = append(forms, fmt.Sprintf(`%s::(?:(?:%s:){0,%d}(?:%s|%s))?`, head, group, after-2, last, group))
		}
	}
	return `(?:` + strings.Join(forms, `|`) + `)`
}
