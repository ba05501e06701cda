package egress

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProxyFor(t *testing.T) {
	p, err := New(Settings{
		HTTPS: "http://user:secret@secure:3128", HTTP: "plain:3128",
		NoProxy: "internal.example.com, .only-below.example.com,10.0.0.0/8,192.168.1.1,port.example.com:8443",
	})
	require.NoError(t, err)
	for link, want := range map[string]string{
		"https://api.kie.ai/api/v1":               "secure:3128",
		"https://file.aiquickdraw.com/s/a.mp3":    "secure:3128",
		"http://file.aiquickdraw.com/s/a.mp3":     "plain:3128",
		"https://internal.example.com/":           "",
		"https://below.internal.example.com:444/": "",
		"https://notinternal.example.com/":        "secure:3128",
		"https://a.only-below.example.com/":       "",
		"https://only-below.example.com/":         "secure:3128",
		"https://10.1.2.3/":                       "",
		"https://11.1.2.3/":                       "secure:3128",
		"https://192.168.1.1/":                    "",
		"https://port.example.com:8443/":          "",
		"https://port.example.com/":               "secure:3128",
		"https://localhost:9000/":                 "",
		"http://127.0.0.1:9000/":                  "",
		"https://[::1]:9000/":                     "",
	} {
		u, err := url.Parse(link)
		require.NoError(t, err)
		got := ""
		if proxy := p.For(u); proxy != nil {
			got = proxy.Host
		}
		require.Equal(t, want, got, link)
	}
}

func TestNoProxyAtAll(t *testing.T) {
	p, err := New(Settings{NoProxy: "*"})
	require.NoError(t, err)
	require.Nil(t, p)
	require.Nil(t, p.For(&url.URL{Scheme: "https", Host: "example.com"}))
	transport := http.DefaultTransport.(*http.Transport).Clone()
	p.Apply(transport)
	require.Nil(t, transport.Proxy, "the environment has no say")
}

func TestWrongSettings(t *testing.T) {
	for _, s := range []Settings{
		{HTTPS: "ftp://user:secret@proxy"}, {HTTP: "http://user:se#cret@proxy"}, {HTTPS: "http://user:sec%ret@proxy"},
	} {
		_, err := New(s)
		require.ErrorContains(t, err, "is not a proxy's address")
		require.NotContains(t, err.Error(), "sec")
	}
}

func FuzzParseURL(f *testing.F) {
	for _, address := range []string{"proxy:3128", "http://u:p@proxy", "socks5://[::1]:1080", "://", "http://%", "a b"} {
		f.Add(address)
	}
	f.Fuzz(func(t *testing.T, address string) {
		read, err := ParseURL(address)
		if err != nil {
			require.Equal(t, errNotAProxy, err)
			return
		}
		again, err := ParseURL(read)
		require.NoError(t, err)
		require.Equal(t, read, again)
		if read == "" {
			return
		}
		p, err := New(Settings{HTTPS: address})
		require.NoError(t, err)
		require.NotNil(t, p.For(&url.URL{Scheme: "https", Host: "example.com"}), "what is read is used")
	})
}

// What a host has wrapped cannot be copied: what is made in its place does the same.
func TestTransportIsLikeTheDefaultOne(t *testing.T) {
	p, err := New(Settings{HTTPS: "http://proxy.example:3128"})
	require.NoError(t, err)
	own := http.DefaultTransport
	defer func() { http.DefaultTransport = own }()
	for _, def := range []http.RoundTripper{own, struct{ http.RoundTripper }{own}} {
		http.DefaultTransport = def
		got, want := p.NewTransport(), own.(*http.Transport)
		require.NotSame(t, want, got)
		require.Equal(t, want.ForceAttemptHTTP2, got.ForceAttemptHTTP2)
		require.Equal(t, want.MaxIdleConns, got.MaxIdleConns)
		require.Equal(t, want.IdleConnTimeout, got.IdleConnTimeout)
		require.Equal(t, want.TLSHandshakeTimeout, got.TLSHandshakeTimeout)
		require.Equal(t, want.ExpectContinueTimeout, got.ExpectContinueTimeout)
		through, err := got.Proxy(httptest.NewRequest(http.MethodGet, "https://files.example", nil))
		require.NoError(t, err)
		require.Equal(t, "proxy.example:3128", through.Host)
	}
}
