package source

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"1.1.1.1":                  true,
		"104.21.5.7":               true,
		"172.15.255.255":           true,
		"172.32.0.1":               true,
		"100.63.255.255":           true,
		"100.128.0.1":              true,
		"2606:4700::6810:1234":     true,
		"2001:4860:4860::8888":     true,
		"::ffff:1.1.1.1":           true,
		"0.0.0.0":                  false,
		"0.1.2.3":                  false,
		"10.0.0.1":                 false,
		"100.64.0.1":               false,
		"100.100.100.200":          false,
		"127.0.0.1":                false,
		"127.255.255.254":          false,
		"168.63.129.16":            false,
		"169.254.1.1":              false,
		"169.254.169.254":          false,
		"172.16.0.1":               false,
		"172.31.255.255":           false,
		"192.0.0.192":              false,
		"192.0.2.1":                false,
		"192.88.99.1":              false,
		"192.168.0.1":              false,
		"198.18.0.1":               false,
		"198.51.100.1":             false,
		"203.0.113.1":              false,
		"224.0.0.1":                false,
		"239.255.255.255":          false,
		"240.0.0.1":                false,
		"255.255.255.255":          false,
		"::":                       false,
		"::1":                      false,
		"::7f00:1":                 false, // IPv4-compatible
		"::ffff:127.0.0.1":         false, // IPv4-mapped
		"::ffff:10.0.0.1":          false,
		"::ffff:169.254.169.254":   false,
		"::ffff:0:127.0.0.1":       false, // IPv4-translated
		"64:ff9b::6812:27e4":       true,  // NAT64
		"64:ff9b::1.1.1.1":         true,
		"64:ff9b::10.0.0.1":        false,
		"64:ff9b::169.254.169.254": false,
		"64:ff9b::1:1.1.1.1":       false,
		"64:ff9b:1::1.1.1.1":       true, // NAT64 of the network's own
		"64:ff9b:1:abcd::1.1.1.1":  true,
		"64:ff9b:1:101:1:100::":    true,  // 1.1.1.1 with a prefix of 48 bits
		"64:ff9b:1:a00:0:100::":    false, // 10.0.0.1 with it
		"64:ff9b:1:a00:0:101::808": false, // and a suffix that such a translator ignores
		// Of a public one in the place of the longest prefix, and another in that of a shorter one.
		"64:ff9b:1:a00:0:101:808:808": false, // 10.0.0.1 with a prefix of 48 bits
		"64:ff9b:1:7f:0:1:808:808":    false, // 127.0.0.1 with one of 56
		"64:ff9b:1:0:a:0:101:101":     false, // 10.0.0.1 with one of 64
		"64:ff9b:1::10.0.0.1":         false,
		"64:ff9b:1::1":                false,
		"64:ff9b:2::1.1.1.1":          false,
		"2002:101:101::1":             true, // 6to4
		"2002:a00:1::1":               false,
		"2002:a9fe:a9fe::":            false,
		"100::1":                      false,
		"2001::1":                     false, // Teredo
		"2001:db8::1":                 false,
		"2002:7f00:1::":               false,
		"3fff::1":                     false,
		"5f00::1":                     false,
		"fc00::1":                     false,
		"fd00:ec2::254":               false,
		"fe80::1":                     false,
		"fe80::1%eth0":                false,
		"2606:4700::6810:1234%eth0":   false,
		"fec0::1":                     false,
		"ff02::1":                     false,
	} {
		require.Equal(t, want, addressGuard{}.check(netip.MustParseAddr(address)) == nil, address)
	}
	require.Error(t, addressGuard{}.check(netip.Addr{}))
}

// embeddings are the addresses by which an IPv4 address can be reached.
var embeddings = map[string]func(v [4]byte) netip.Addr{
	"itself": netip.AddrFrom4,
	"mapped": func(v [4]byte) netip.Addr {
		return netip.AddrFrom16([16]byte{10: 0xff, 11: 0xff, 12: v[0], 13: v[1], 14: v[2], 15: v[3]})
	},
	"NAT64": func(v [4]byte) netip.Addr {
		return netip.AddrFrom16([16]byte{0, 0x64, 0xff, 0x9b, 12: v[0], 13: v[1], 14: v[2], 15: v[3]})
	},
	"local NAT64": func(v [4]byte) netip.Addr {
		return netip.AddrFrom16([16]byte{0, 0x64, 0xff, 0x9b, 0, 1, 12: v[0], 13: v[1], 14: v[2], 15: v[3]})
	},
	"local NAT64 with a prefix of 48 bits": func(v [4]byte) netip.Addr {
		return netip.AddrFrom16([16]byte{0, 0x64, 0xff, 0x9b, 0, 1, v[0], v[1], 0, v[2], v[3]})
	},
	"6to4": func(v [4]byte) netip.Addr {
		return netip.AddrFrom16([16]byte{0x20, 0x02, v[0], v[1], v[2], v[3], 15: 1})
	},
}

// However an address is written, it is admitted if and only if the IPv4 address in it is public.
func TestAddressesInEveryEmbedding(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	check := func(v [4]byte, want bool) {
		for name, embed := range embeddings {
			require.Equal(t, want, addressGuard{}.check(embed(v)) == nil, "%v as %s: %s", v, name, embed(v))
		}
	}
	within := func(block netip.Prefix) [4]byte {
		first := block.Addr().As4()
		host := random.Uint32()
		if block.Bits() > 0 {
			host &= 1<<(32-block.Bits()) - 1
		}
		var v [4]byte
		binary.BigEndian.PutUint32(v[:], binary.BigEndian.Uint32(first[:])|host)
		return v
	}
	for _, block := range reserved {
		if block.Addr().Is6() {
			continue
		}
		check(block.Addr().As4(), false)
		for range 500 {
			check(within(block), false)
		}
	}
	everything := netip.MustParsePrefix("0.0.0.0/0")
	for range 20_000 {
		v := within(everything)
		check(v, isPublic(netip.AddrFrom4(v)))
	}
}

// No address of the networks that are not the public Internet's is admitted.
func TestReservedIPv6IsRefused(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		var b [16]byte
		for i := 0; i < 16; i += 8 {
			binary.BigEndian.PutUint64(b[i:], random.Uint64())
		}
		address := netip.AddrFrom16(b)
		if !publicIPv6.Contains(address) {
			require.Error(t, addressGuard{}.check(address), address.String())
		}
		for _, block := range reserved {
			if !block.Addr().Is6() {
				continue
			}
			inside := b
			first := block.Addr().As16()
			for bit := range block.Bits() {
				mask := byte(1) << (7 - bit%8)
				inside[bit/8] = inside[bit/8]&^mask | first[bit/8]&mask
			}
			require.Error(t, addressGuard{}.check(netip.AddrFrom16(inside)), netip.AddrFrom16(inside).String())
		}
	}
}

func networks(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func TestAdmittedNetworks(t *testing.T) {
	for name, c := range map[string]struct {
		admitted        []netip.Prefix
		admits, refuses []string
	}{
		"fake addresses": {
			networks("198.18.0.0/15"),
			[]string{"198.18.0.21", "198.19.255.255", "::ffff:198.18.0.1", "64:ff9b::198.18.0.1", "1.1.1.1"},
			[]string{"10.0.0.1", "127.0.0.1", "169.254.169.254"},
		},
		"a private network": {
			networks("10.1.0.0/16", "fd00:1::/32"),
			[]string{"10.1.2.3", "::ffff:10.1.2.3", "fd00:1::1"},
			[]string{"10.2.0.1", "192.168.0.1", "fd00:2::1", "127.0.0.1"},
		},
		"everything but what must be named": {
			networks("0.0.0.0/0", "::/0"),
			[]string{"10.0.0.1", "fd12::1", "64:ff9b::10.0.0.1", "198.18.0.1"},
			[]string{
				"127.0.0.1", "::1", "::", "0.0.0.0", "169.254.169.254", "169.254.1.1", "fe80::1", "100.100.100.200",
				"168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254",
				"::ffff:127.0.0.1", "64:ff9b::127.0.0.1",
				"64:ff9b::169.254.169.254", "2002:7f00:1::", "64:ff9b:1::127.0.0.1",
			},
		},
		"loopback":           {networks("127.0.0.0/8", "::1/128"), []string{"127.0.0.1", "::1", "64:ff9b::127.0.0.1"}, []string{"10.0.0.1", "::"}},
		"a part of loopback": {networks("127.0.0.1/32"), []string{"127.0.0.1"}, []string{"127.0.0.2"}},
		"link-local": {
			networks("169.254.0.0/16"), []string{"169.254.1.1"},
			[]string{"169.254.169.254", "169.254.170.2", "169.254.170.23"},
		},
		"a metadata service": {networks("169.254.169.254/32"), []string{"169.254.169.254"}, []string{"169.254.169.253"}},
		"carrier-grade NAT":  {networks("100.64.0.0/10"), []string{"100.64.0.1"}, []string{"100.100.100.200"}},
		"NAT64":              {networks("64:ff9b:1::/48"), []string{"64:ff9b:1::10.0.0.1"}, []string{"10.0.0.1", "64:ff9b:1::127.0.0.1"}},
	} {
		guard := addressGuard{c.admitted}
		for _, address := range c.admits {
			require.NoError(t, guard.check(netip.MustParseAddr(address)), name)
		}
		for _, address := range c.refuses {
			require.Error(t, guard.check(netip.MustParseAddr(address)), "%s: %s", name, address)
		}
	}
}

func TestRefusedAddressesNameTheRemedy(t *testing.T) {
	err := addressGuard{}.check(netip.MustParseAddr("198.18.0.21"))
	require.ErrorContains(t, err, "STEMFLOW_SOURCE_NETWORKS=198.18.0.0/15")
	require.ErrorContains(t, err, "HTTPS_PROXY")
	err = addressGuard{}.check(netip.MustParseAddr("64:ff9b::10.0.0.1"))
	require.ErrorContains(t, err, "64:ff9b::a00:1, which leads to 10.0.0.1")
	require.ErrorContains(t, err, "STEMFLOW_SOURCE_NETWORKS")
}

func TestRefuseInternalAddress(t *testing.T) {
	for address, want := range map[string]bool{
		"1.1.1.1:443":                    true,
		"[2606:4700::6810:1234]:443":     true,
		"[64:ff9b::6812:27e4]:443":       true,
		"198.18.0.21:443":                false,
		"127.0.0.1:443":                  false,
		"[::ffff:127.0.0.1]:443":         false,
		"[fe80::1%eth0]:443":             false,
		"[2606:4700::6810:1234%eth0]:80": false,
		"1.1.1.1":                        false,
		"example.com:443":                false,
	} {
		require.Equal(t, want, addressGuard{}.refuseInternalAddress(t.Context(), "tcp", address, nil) == nil, address)
	}
}
