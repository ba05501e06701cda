package source

import (
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// parseLink reads a link, which may be relative to base. The provider puts names of stems into
// links as they are, with spaces, and with "%" and "#" in names like "Need U (100%)" and "F#
// Minor": what cannot be meant otherwise is taken for a part of the name.
func parseLink(base *url.URL, link string) (*url.URL, error) {
	parsed, err := base.Parse(encode(strings.TrimSpace(link)))
	if err != nil {
		// The parser's error repeats the link.
		return nil, errors.New("the link is not a URL")
	}
	parsed.Fragment, parsed.RawFragment = "", ""
	canonicalHost(parsed)
	return parsed, nil
}

// canonicalHost drops what a browser drops from a host: the dot of the root, and a port that the
// scheme has anyway.
func canonicalHost(u *url.URL) {
	host, port := u.Hostname(), u.Port()
	name := strings.TrimSuffix(host, ".")
	n, err := strconv.ParseUint(port, 10, 16)
	usual := err == nil && (u.Scheme == "https" && n == 443 || u.Scheme == "http" && n == 80)
	if name == host && !usual {
		return
	}
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	if port != "" && !usual {
		name += ":" + port
	}
	u.Host = name
}

var (
	// authority is scheme and host, which are left as they are: nothing in them is a name of a
	// stem, and an odd character there is an attempt to go elsewhere.
	authority = regexp.MustCompile(`^(?:[A-Za-z][A-Za-z0-9+.-]*:)?(?://[^/?#]*)?`)
	fileName  = regexp.MustCompile(`(?i)\.(?:mp3|wav|flac|m4a|mp4|aac|ogg|opus|aiff?|webm|zip)$`)
)

// encode percent-encodes what a URL cannot have as it is.
func encode(link string) string {
	start := len(authority.FindString(link))
	rest := escapePercents(withoutFragment(link[start:]))
	path, query, hasQuery := strings.Cut(rest, "?")
	encoded := link[:start] + strings.ReplaceAll(path, " ", "%20")
	if hasQuery {
		encoded += "?" + escapeQuery(query)
	}
	return encoded
}

// withoutFragment encodes each "#" that belongs to a name or a query, and cuts the link at the
// first that does not.
func withoutFragment(link string) string {
	var kept strings.Builder
	for {
		before, after, found := strings.Cut(link, "#")
		kept.WriteString(before)
		if !found {
			return kept.String()
		}
		if isFragment(kept.String(), after) {
			return kept.String()
		}
		kept.WriteString("%23")
		link = after
	}
}

// isFragment reports whether what follows a "#" is a fragment, which is not sent. It is part of a
// name if it has what the link lacks before it: the rest of a name with its ending, or the query.
func isFragment(before, after string) bool {
	path, query, hasQuery := strings.Cut(before, "?")
	if hasQuery {
		// Within a query a name is the value of a parameter, and others may follow.
		value, _, more := strings.Cut(after, "&")
		return !strings.Contains(query, "=") || !(more && strings.Contains(after, "=")) && !fileName.MatchString(value)
	}
	if fileName.MatchString(path) {
		return true
	}
	name, _, signed := strings.Cut(after, "?")
	return !signed && !strings.Contains(strings.TrimSpace(after), " ") && !fileName.MatchString(strings.TrimSpace(name))
}

// escapePercents encodes each "%" of a path that does not encode something itself.
func escapePercents(link string) string {
	path, query, hasQuery := strings.Cut(link, "?")
	var escaped strings.Builder
	for i := range len(path) {
		if path[i] == '%' && !(i+2 < len(path) && isHex(path[i+1]) && isHex(path[i+2])) {
			escaped.WriteString("%25")
		} else {
			escaped.WriteByte(path[i])
		}
	}
	if hasQuery {
		escaped.WriteString("?" + query)
	}
	return escaped.String()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// escapeQuery encodes what browsers encode in a query. All else is left alone: a signature may
// cover it.
func escapeQuery(query string) string {
	const hex = "0123456789ABCDEF"
	var escaped strings.Builder
	for i := range len(query) {
		switch c := query[i]; {
		case c == ' ' || c == '"' || c == '<' || c == '>' || c >= 0x7f:
			escaped.Write([]byte{'%', hex[c>>4], hex[c&15]})
		default:
			escaped.WriteByte(c)
		}
	}
	return escaped.String()
}
