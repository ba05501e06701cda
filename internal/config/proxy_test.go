package config

import (
	"fmt"
	"maps"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func completeWith(more map[string]string) Lookup {
	all := maps.Clone(complete())
	maps.Copy(all, more)
	return from(all)
}

func TestProxy(t *testing.T) {
	for name, c := range map[string]struct {
		variables            map[string]string
		https, http, noProxy string
	}{
		"none": {},
		"both": {
			map[string]string{
				"HTTPS_PROXY": "http://u:p%40ss@proxy:3128", "HTTP_PROXY": " https://proxy ", "NO_PROXY": "a.com, 10.0.0.0/8",
			},
			"http://u:p%40ss@proxy:3128", "https://proxy", "a.com, 10.0.0.0/8",
		},
		"in lower case": {
			map[string]string{"https_proxy": "proxy:3128", "http_proxy": "10.0.0.1:80", "no_proxy": "*"},
			"http://proxy:3128", "http://10.0.0.1:80", "*",
		},
		"upper case first": {
			map[string]string{"HTTPS_PROXY": "socks5://upper:1080", "https_proxy": "http://lower", "NO_PROXY": "a", "no_proxy": "b"},
			"socks5://upper:1080", "", "a",
		},
		"set to nothing": {
			map[string]string{"HTTPS_PROXY": "", "https_proxy": "http://lower"}, "http://lower", "", "",
		},
	} {
		w, err := LoadWorker(completeWith(c.variables))
		require.NoError(t, err, name)
		require.Equal(t, c.https, w.Proxy.HTTPS.Reveal(), name)
		require.Equal(t, c.http, w.Proxy.HTTP.Reveal(), name)
		require.Equal(t, c.noProxy, w.Proxy.NoProxy, name)
		require.NotContains(t, fmt.Sprintf("%+v %#v", w, w), "p%40ss", name)
	}
}

func TestWrongProxyEndsTheStart(t *testing.T) {
	for _, value := range []string{
		"ftp://user:secret@proxy", "http://user:sec#ret@proxy:3128", "http://", "http://proxy:port", "http://proxy:0",
		"http://proxy:70000", "http://user:secret@proxy/path", "http://proxy?secret", "secret proxy", "://secret",
	} {
		for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"} {
			_, err := LoadWorker(completeWith(map[string]string{name: value}))
			require.ErrorContains(t, err, name+": is not a proxy's address", value)
			require.NotContains(t, err.Error(), "sec", value)
		}
	}
}

func TestSourceNetworks(t *testing.T) {
	w, err := LoadWorker(completeWith(map[string]string{"STEMFLOW_SOURCE_NETWORKS": "198.18.0.0/15, 10.1.2.3/16,fd00::1,"}))
	require.NoError(t, err)
	require.Equal(t, []netip.Prefix{
		netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::1/128"),
	}, w.SourceNetworks)
	for _, item := range []string{"198.18.0.0/33", "localhost", "10.0.0.0-10.0.0.9", "10.0.0/8", "fe80::1%eth0/64"} {
		_, err := LoadWorker(completeWith(map[string]string{"STEMFLOW_SOURCE_NETWORKS": "198.18.0.0/15," + item}))
		require.ErrorContains(t, err, "STEMFLOW_SOURCE_NETWORKS: \""+item+"\"")
	}
}
