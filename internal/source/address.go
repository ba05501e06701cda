package source

import (
	"fmt"
	"net/netip"
)

// publicIPv6 is all that is ever assigned for the public Internet. It leaves out loopback, unique
// local, link-local and multicast addresses, and NAT64, which leads to any IPv4 address.
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
	netip.MustParsePrefix("198.18.0.0/15"),    // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"),  // documentation
	netip.MustParsePrefix("203.0.113.0/24"),   // documentation
	netip.MustParsePrefix("224.0.0.0/4"),      // multicast
	netip.MustParsePrefix("240.0.0.0/4"),      // reserved, and broadcast
	netip.MustParsePrefix("2001::/23"),        // protocol assignments, Teredo among them
	netip.MustParsePrefix("2001:db8::/32"),    // documentation
	netip.MustParsePrefix("2002::/16"),        // 6to4, which leads to any IPv4 address
	netip.MustParsePrefix("3fff::/20"),        // documentation
}

// isPublic reports whether address is a unicast address on the public Internet.
func isPublic(address netip.Addr) bool {
	// Connecting to an IPv4-mapped address goes to the IPv4 address in it.
	address = address.Unmap()
	// No block contains an address with a zone.
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

// addressError is a refusal to connect to an address.
type addressError struct{ address string }

func (e *addressError) Error() string {
	return fmt.Sprintf("it resolves to %s, which is not on the public Internet", e.address)
}
