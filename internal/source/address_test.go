package source

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIsPublic(t *testing.T) {
	for address, want := range map[string]bool{
		"1.1.1.1":                   true,
		"104.21.5.7":                true,
		"172.15.255.255":            true,
		"172.32.0.1":                true,
		"100.63.255.255":            true,
		"100.128.0.1":               true,
		"2606:4700::6810:1234":      true,
		"2001:4860:4860::8888":      true,
		"::ffff:1.1.1.1":            true,
		"0.0.0.0":                   false,
		"0.1.2.3":                   false,
		"10.0.0.1":                  false,
		"100.64.0.1":                false,
		"100.100.100.200":           false,
		"127.0.0.1":                 false,
		"127.255.255.254":           false,
		"168.63.129.16":             false,
		"169.254.1.1":               false,
		"169.254.169.254":           false,
		"172.16.0.1":                false,
		"172.31.255.255":            false,
		"192.0.0.192":               false,
		"192.0.2.1":                 false,
		"192.88.99.1":               false,
		"192.168.0.1":               false,
		"198.18.0.1":                false,
		"198.51.100.1":              false,
		"203.0.113.1":               false,
		"224.0.0.1":                 false,
		"239.255.255.255":           false,
		"240.0.0.1":                 false,
		"255.255.255.255":           false,
		"::":                        false,
		"::1":                       false,
		"::7f00:1":                  false, // IPv4-compatible
		"::ffff:127.0.0.1":          false, // IPv4-mapped
		"::ffff:10.0.0.1":           false,
		"::ffff:169.254.169.254":    false,
		"::ffff:0:127.0.0.1":        false, // IPv4-translated
		"64:ff9b::10.0.0.1":         false, // NAT64
		"64:ff9b::1.1.1.1":          false,
		"64:ff9b:1::1":              false,
		"100::1":                    false,
		"2001::1":                   false, // Teredo
		"2001:db8::1":               false,
		"2002:7f00:1::":             false, // 6to4
		"3fff::1":                   false,
		"5f00::1":                   false,
		"fc00::1":                   false,
		"fd00:ec2::254":             false,
		"fe80::1":                   false,
		"fe80::1%eth0":              false,
		"2606:4700::6810:1234%eth0": false,
		"fec0::1":                   false,
		"ff02::1":                   false,
	} {
		require.Equal(t, want, isPublic(netip.MustParseAddr(address)), address)
	}
	require.False(t, isPublic(netip.Addr{}))
}

func TestRefuseInternalAddress(t *testing.T) {
	for address, want := range map[string]bool{
		"1.1.1.1:443":                    true,
		"[2606:4700::6810:1234]:443":     true,
		"127.0.0.1:443":                  false,
		"[::ffff:127.0.0.1]:443":         false,
		"[fe80::1%eth0]:443":             false,
		"[2606:4700::6810:1234%eth0]:80": false,
		"1.1.1.1":                        false,
		"example.com:443":                false,
	} {
		require.Equal(t, want, refuseInternalAddress(t.Context(), "tcp", address, nil) == nil, address)
	}
}
