package source

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGuardLinks(t *testing.T) {
	hosts := []string{"aiquickdraw.com", ".kie.ai", " CDN1.suno.ai ", "1.2.3.4", "[2606:4700:0::1]"}
	for link, want := range map[string]struct{ strict, insecure bool }{
		"https://aiquickdraw.com/a.mp3":                 {true, true},
		"https://file.aiquickdraw.com/s/a.mp3?x=1#y":    {true, true},
		"https://a.b.aiquickdraw.com/":                  {true, true},
		"HTTPS://FILE.AiQuickDraw.COM/a.mp3":            {true, true},
		"  https://file.aiquickdraw.com/a.mp3\n":        {true, true},
		"https://file.aiquickdraw.com:443/a.mp3":        {true, true},
		"https://file.aiquickdraw.com:/a.mp3":           {true, true},
		"https://kie.ai/a.mp3":                          {true, true},
		"https://musicfile.kie.ai/a.mp3":                {true, true},
		"https://cdn1.suno.ai/a.mp3":                    {true, true},
		"https://1.2.3.4/a.mp3":                         {true, true},
		"https://[::ffff:1.2.3.4]/a.mp3":                {false, false},
		"https://[2606:4700::0:1]/a.mp3":                {true, true},
		"https://file.aiquickdraw.com/Lead Vocal.mp3":   {true, true},
		"http://file.aiquickdraw.com/a.mp3":             {false, true},
		"https://file.aiquickdraw.com:8443/a.mp3":       {false, true},
		"https://file.aiquickdraw.com:80/a.mp3":         {false, true},
		"ftp://file.aiquickdraw.com/a.mp3":              {},
		"file:///etc/passwd":                            {},
		"//file.aiquickdraw.com/a.mp3":                  {},
		"/a.mp3":                                        {},
		"":                                              {},
		"https:file.aiquickdraw.com/a.mp3":              {},
		"https:///a.mp3":                                {},
		"https://:443/a.mp3":                            {},
		"https://user@file.aiquickdraw.com/a.mp3":       {},
		"https://user:secret@file.aiquickdraw.com/":     {},
		"https://file.aiquickdraw.com@evil.com/a.mp3":   {},
		"https://evil.com/file.aiquickdraw.com":         {},
		"https://evil.com#.aiquickdraw.com":             {},
		"https://evil.com?.aiquickdraw.com":             {},
		"https://evil.com\\.aiquickdraw.com":            {},
		"https://evil.com%2f.aiquickdraw.com":           {},
		"https://evil.com\uFF0F.aiquickdraw.com":        {},
		"https://evil.com\uFF03.aiquickdraw.com":        {},
		"https://\uFF46ile.aiquickdraw.com":             {},
		"https://evil.com%00.aiquickdraw.com":           {},
		"https://evil.com .aiquickdraw.com":             {},
		"https://evilaiquickdraw.com/a.mp3":             {},
		"https://aiquickdraw.com.evil.com/a.mp3":        {},
		"https://aiquickdraw.com./a.mp3":                {true, true},
		"https://file.aiquickdraw.com.:0443/a.mp3":      {true, true},
		"https://aiquickdraw.com../a.mp3":               {},
		"https://evil.com./aiquickdraw.com":             {},
		"https://1.2.3.4./a.mp3":                        {true, true},
		"https://[2606:4700::1]:443/a.mp3":              {true, true},
		"https://[2606:4700::1].aiquickdraw.com/a.mp3":  {},
		"https://[2606:4700::2]/a.mp3":                  {},
		"https://suno.ai/a.mp3":                         {},
		"https://9.1.2.3.4/a.mp3":                       {},
		"https://127.0.0.1/a.mp3":                       {},
		"https://0x7f.1/a.mp3":                          {},
		"https://2130706433/a.mp3":                      {},
		"https://[::1]/a.mp3":                           {},
		"https://[fe80::1%25eth0]/a.mp3":                {},
		"https://file.aiquickdraw.com:port/a.mp3":       {},
		"https://file.aiquickdraw.com/%zz":              {true, true},
		"https://file.aiquickdraw.com//r//a.mp3":        {true, true},
		"https://file.aiquickdraw.com/a\x00.mp3":        {},
		"https://file.aiquickdraw.com/a\r\nHost: x.mp3": {},
	} {
		for insecure, want := range map[bool]bool{false: want.strict, true: want.insecure} {
			parsed, err := parseLink(&url.URL{}, link)
			ok := err == nil && newGuard(Options{AllowedHosts: hosts, AllowInsecure: insecure}).check(parsed) == nil
			require.Equal(t, want, ok, "%q, insecure %v", link, insecure)
		}
	}
}

func TestGuardWithoutHostsAllowsNothing(t *testing.T) {
	for _, hosts := range [][]string{nil, {""}, {"."}, {" "}} {
		require.NotNil(t, newGuard(Options{AllowedHosts: hosts, AllowInsecure: true}).check(&url.URL{Scheme: "https", Host: "example.com"}), "%q", hosts)
	}
}

// FuzzOpenURL looks at where the transport really goes.
func FuzzOpenURL(f *testing.F) {
	for _, link := range []string{
		"https://file.aiquickdraw.com/s/a.mp3",
		"https://tempfile.aiquickdraw.com:443/r/x_Lead Vocal.mp3?sig=a%20b",
		"https://aiquickdraw.com@evil.com/",
		"https://user:pw@aiquickdraw.com/",
		"https://evil.com\\.aiquickdraw.com/",
		"https://evil.com\uFF0F.aiquickdraw.com/",
		"https://[::ffff:127.0.0.1]:443/",
		"http://aiquickdraw.com:80/",
	} {
		f.Add(link)
	}
	errDialled := errors.New("dialled")
	f.Fuzz(func(t *testing.T, link string) {
		fetcher := New(Options{AllowedHosts: []string{"aiquickdraw.com"}})
		dialled := false
		straight := fetcher.transport.(*transport).straight
		straight.DialContext = func(_ context.Context, _, address string) (net.Conn, error) {
			dialled = true
			host, port, err := net.SplitHostPort(address)
			require.NoError(t, err)
			require.Equal(t, "443", port)
			require.True(t, strings.HasSuffix("."+strings.ToLower(host), ".aiquickdraw.com"), "%q goes to %q", link, host)
			return nil, errDialled
		}
		_, err := fetcher.Open(t.Context(), link)
		var failure *Error
		require.ErrorAs(t, err, &failure)
		if dialled {
			require.Equal(t, Unavailable, failure.Kind)
			require.ErrorIs(t, err, errDialled)
		} else {
			require.NotEqual(t, Unavailable, failure.Kind)
		}
	})
}
