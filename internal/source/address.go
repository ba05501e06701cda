package source

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// publicIPv6 is all that is ever assigned for the public Internet. It leaves out loopback, unique
// local, link-local and multicast addresses.
var publicIPv6 = netip.MustParsePrefix("2000::/3")

// reserved are the blocks that lead elsewhere than to the public Internet: IANA's special-purpose
// registries, and what clouds serve instance metadata from outside of those.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),        // this network
	netip.MustParsePrefix("10.0.0.0/8"),       // private
	netip.MustParsePrefix("100.64.0.0/10"),    // carrier-grade NAT, and a cloud's metadata
	netip.MustParsePrefix("127.0.0.0/8"),      // loopback
	netip.MustParsePrefix("168.63.129.16/32"), // a cloud's metadata
	netip.MustParsePrefix("169.254.0.0/16"),   // link-local, and the clouds' metadata
	netip.MustParsePrefix("172.16.0.0/12"),    // private
	netip.MustParsePrefix("192.0.0.0/24"),     // protocol assignments, and a cloud's metadata
	netip.MustParsePrefix("192.0.2.0/24"),     // documentation
	netip.MustParsePrefix("192.88.99.0/24"),   // 6to4 relays
	netip.MustParsePrefix("192.168.0.0/16"),   // private
	fakeIP,
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("224.0.0.0/4"),     // multicast
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, and broadcast
	netip.MustParsePrefix("2001::/23"),       // protocol assignments, Teredo among them
	netip.MustParsePrefix("2001:db8::/32"),   // documentation
	netip.MustParsePrefix("3fff::/20"),       // documentation
}

// fakeIP is the block for benchmarks, from which proxies that work by a resolver of their own give
// an address to every name.
var fakeIP = netip.MustParsePrefix("198.18.0.0/15")

// sensitive are blocks that are the machine itself, or hand out its credentials. A network that an
// operator admits does not admit them as a part of it: it must name the block, or a part of it.
var sensitive = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("::/127"), // unspecified and loopback
	netip.MustParsePrefix("fe80::/10"),
	// Metadata services, and the agents that hand out credentials to containers.
	netip.MustParsePrefix("100.100.100.200/32"),
	netip.MustParsePrefix("168.63.129.16/32"),
	netip.MustParsePrefix("169.254.169.254/32"),
	netip.MustParsePrefix("169.254.170.2/32"),
	netip.MustParsePrefix("169.254.170.23/32"),
	netip.MustParsePrefix("192.0.0.192/32"),
	netip.MustParsePrefix("fd00:ec2::23/128"),
	netip.MustParsePrefix("fd00:ec2::254/128"),
	netip.MustParsePrefix("fd20:ce::254/128"),
}

var (
	nat64      = netip.MustParsePrefix("64:ff9b::/96")
	localNAT64 = netip.MustParsePrefix("64:ff9b:1::/48")
	sixToFour  = netip.MustParsePrefix("2002::/16")
)

// addressGuard decides which addresses may be connected to: public ones, and those of the networks
// that the operator admits.
type addressGuard struct{ admitted []netip.Prefix }

// check refuses an address. An IPv6 address that leads to an IPv4 address is judged by that.
func (g addressGuard) check(address netip.Addr) error {
	if !address.IsValid() || address.Zone() != "" {
		return &addressError{address: address.String()}
	}
	plain := address.Unmap()
	for _, target := range targets(plain) {
		if !g.admits(plain, target) {
			return &addressError{address: address.String(), target: target}
		}
	}
	return nil
}

// admits reports whether target, which connecting to address leads to, is public or admitted by
// either name.
func (g addressGuard) admits(address, target netip.Addr) bool {
	if isPublic(target) {
		return true
	}
	least := 0
	for _, block := range sensitive {
		if block.Contains(target) {
			least = max(least, block.Bits())
		}
	}
	for _, network := range g.admitted {
		if network.Contains(target) && network.Bits() >= least || network.Contains(address) && least == 0 {
			return true
		}
	}
	return false
}

// targets are the addresses that connecting to address may lead to: the IPv4 address in it where it
// is one of those that a translator or a relay turns into one, and otherwise itself.
func targets(address netip.Addr) []netip.Addr {
	b := address.As16()
	ipv4 := func(i, j, k, l int) netip.Addr { return netip.AddrFrom4([4]byte{b[i], b[j], b[k], b[l]}) }
	switch {
	case nat64.Contains(address):
		return []netip.Addr{ipv4(12, 13, 14, 15)}
	case sixToFour.Contains(address):
		return []netip.Addr{ipv4(2, 3, 4, 5)}
	case localNAT64.Contains(address):
		// A network may put prefixes of different lengths here, and each of them has its IPv4
		// address elsewhere (RFC 6052). After that of the shortest there are zeros.
		if b[11]|b[12]|b[13]|b[14]|b[15] == 0 {
			return []netip.Addr{ipv4(6, 7, 9, 10)}
		}
		possible := []netip.Addr{ipv4(12, 13, 14, 15)}
		for _, other := range []netip.Addr{ipv4(6, 7, 9, 10), ipv4(7, 9, 10, 11), ipv4(9, 10, 11, 12)} {
			// Nothing is sent on to 0.0.0.0/8, which is what the zeros of a longer prefix read as.
			if other.As4()[0] != 0 {
				possible = append(possible, other)
			}
		}
		return possible
	}
	return []netip.Addr{address}
}

// isPublic reports whether address is a unicast address on the public Internet.
func isPublic(address netip.Addr) bool {
	if address.Is6() && !publicIPv6.Contains(address) {
		return false
	}
	for _, block := range reserved {
		if block.Contains(address) {
			return false
		}
	}
	return address.IsValid()
}

// privateDomains end names that only mean something in a network of somebody's own.
var privateDomains = []string{
	"localhost", "localdomain", "local", "internal", "intranet", "private", "corp", "home", "lan", "arpa",
}

// isPublicName reports whether a host that is no address may be one of the public Internet by its
// name. What ends in a number is an address to whom it is handed on: "2130706433" and "0x7f.1" are
// 127.0.0.1.
func isPublicName(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	last := host[strings.LastIndexByte(host, '.')+1:]
	digits := strings.TrimPrefix(last, "0x")
	isNumber := last != "" && (strings.Trim(last, "0123456789") == "" ||
		digits != last && strings.Trim(digits, "0123456789abcdef") == "")
	return len(last) < len(host) && last != "" && !isNumber && !slices.Contains(privateDomains, last)
}

// addressError is a refusal to connect to an address.
type addressError struct {
	address string
	// target is the address that it leads to, where that is known.
	target netip.Addr
}

func (e *addressError) Error() string {
	what := "it resolves to " + e.address
	if e.target.IsValid() && e.target.String() != e.address {
		what += ", which leads to " + e.target.String()
	}
	if fakeIP.Contains(e.target) {
		return fmt.Sprintf("%s: a resolver on this network gives such addresses to names that a proxy "+
			"intercepts. If that is how this network works, set STEMFLOW_SOURCE_NETWORKS=%s, "+
			"or HTTPS_PROXY to the proxy itself", what, fakeIP)
	}
	return what + ", which is not on the public Internet: if this network does reach the file host by that " +
		"address, admit its range with STEMFLOW_SOURCE_NETWORKS"
}
