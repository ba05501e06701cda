package source

import (
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestParseLink(t *testing.T) {
	for link, want := range map[string]string{
		"https://a.com":                         "/",
		"https://a.com/r/x_Lead Vocal.mp3":      "/r/x_Lead%20Vocal.mp3",
		"https://a.com/r/x_Lead%20Vocal.mp3":    "/r/x_Lead%20Vocal.mp3",
		"https://a.com/r/a%2Fb%25 c.mp3":        "/r/a%2Fb%25%20c.mp3",
		"https://a.com/a+b.mp3?name=a b&sig=+%": "/a+b.mp3?name=a%20b&sig=+%",
		"https://a.com/Gitarre_ä.mp3":           "/Gitarre_%C3%A4.mp3",
		"https://a.com/a.mp3?name=ä&sig=a%2Fb":  "/a.mp3?name=%C3%A4&sig=a%2Fb",
		"HTTPS://A.com//r//a.mp3":               "//r//a.mp3",
		"https://a.com/r/../a.mp3":              "/a.mp3",

		// A percent sign that encodes nothing.
		"https://a.com/r/Need U (100%).mp3": "/r/Need%20U%20(100%25).mp3",
		"https://a.com/r/100%.mp3":          "/r/100%25.mp3",
		"https://a.com/r/100%":              "/r/100%25",
		"https://a.com/r/100%2":             "/r/100%252",
		"https://a.com/r/%%41%zz.mp3":       "/r/%25%41%25zz.mp3",
		"https://a.com/r/100%25.mp3":        "/r/100%25.mp3",

		// A number sign within a name.
		"https://a.com/r/F# Minor_Vocals.mp3":            "/r/F%23%20Minor_Vocals.mp3",
		"https://a.com/r/F#_Vocals.mp3":                  "/r/F%23_Vocals.mp3",
		"https://a.com/r/F# to G#.flac":                  "/r/F%23%20to%20G%23.flac",
		"https://a.com/r/#1 Hit.MP3":                     "/r/%231%20Hit.MP3",
		"https://a.com/r/Mr. D#1.mp3":                    "/r/Mr.%20D%231.mp3",
		"https://a.com/r/F#m.mp3?sig=a%2Fb&x=1":          "/r/F%23m.mp3?sig=a%2Fb&x=1",
		"https://a.com/r/F#m.mp3?sig=a#t=10":             "/r/F%23m.mp3?sig=a",
		"https://a.com/r/F#m_Vocals?sig=a":               "/r/F%23m_Vocals?sig=a",
		"https://a.com/r/F# Minor Vocals":                "/r/F%23%20Minor%20Vocals",
		"https://a.com/r/50%#1.mp3":                      "/r/50%25%231.mp3",
		"https://a.com/a.mp3?filename=F# Minor.mp3&sig=": "/a.mp3?filename=F%23%20Minor.mp3&sig=",
		"https://a.com/a.mp3?filename=F#.mp3":            "/a.mp3?filename=F%23.mp3",

		// A fragment, which is not sent.
		"https://a.com/a.mp3#t=10,20":       "/a.mp3",
		"https://a.com/a.mp3# comment":      "/a.mp3",
		"https://a.com/a.mp3#b.mp3":         "/a.mp3",
		"https://a.com/a.mp3#":              "/a.mp3",
		"https://a.com/a.mp3?sig=a#play":    "/a.mp3?sig=a",
		"https://a.com/a.mp3?x=1&sig=d e#y": "/a.mp3?x=1&sig=d%20e",
		"https://a.com/player#vocals":       "/player",
		"https://a.com#top":                 "/",
		"https://a.com/?#":                  "/?",
	} {
		parsed, err := parseLink(&url.URL{}, link)
		require.NoError(t, err, link)
		require.Equal(t, want, parsed.RequestURI(), link)
		require.Equal(t, "a.com", strings.ToLower(parsed.Host), link)
		again, err := parseLink(&url.URL{}, parsed.String())
		require.NoError(t, err, link)
		require.Equal(t, want, again.RequestURI(), "what was read once is read the same again: %s", link)
	}
}

func TestParseLinkHosts(t *testing.T) {
	for link, want := range map[string]string{
		"https://a.com./x":               "a.com",
		"https://a.com:443/x":            "a.com",
		"https://a.com:0443/x":           "a.com",
		"https://a.com.:443/x":           "a.com",
		"https://a.com:8443/x":           "a.com:8443",
		"http://a.com:80/x":              "a.com",
		"http://a.com:443/x":             "a.com:443",
		"https://[2606:4700::1]/x":       "[2606:4700::1]",
		"https://[2606:4700::1]:443/x":   "[2606:4700::1]",
		"https://[2606:4700::1]:8443/#x": "[2606:4700::1]:8443",
	} {
		parsed, err := parseLink(&url.URL{}, link)
		require.NoError(t, err, link)
		require.Equal(t, want, parsed.Host, link)
	}
}

// Whatever a stem is called, a host that decodes the path of the request finds that name, unless
// the name can be read in two ways.
func TestParseLinkFindsEveryName(t *testing.T) {
	letters := []rune("aZ09 %#()[]{}&=+,;:@!$'*~^|`\"<>_-.äß日🎸")
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		name := make([]rune, 1+random.IntN(12))
		for i := range name {
			name[i] = letters[random.IntN(len(letters))]
		}
		stem := string(name)
		decoded, err := url.PathUnescape(strings.ReplaceAll(stem, "%", "%25"))
		require.NoError(t, err)
		require.Equal(t, stem, decoded)
		if encodesSomething(stem) {
			continue
		}
		for _, query := range []string{"", "?sig=a%2Fb"} {
			link := "https://file.example.com/r/x_" + stem + "_Vocals.mp3" + query
			parsed, err := parseLink(&url.URL{}, link)
			require.NoError(t, err, link)
			require.Equal(t, "/r/x_"+stem+"_Vocals.mp3", parsed.Path, link)
			require.Equal(t, strings.TrimPrefix(query, "?"), parsed.RawQuery, link)
		}
	}
}

func encodesSomething(name string) bool {
	for i := range len(name) - 2 {
		if name[i] == '%' && isHex(name[i+1]) && isHex(name[i+2]) {
			return true
		}
	}
	return false
}

// No spelling of a link changes where it leads: its host is that which url.Parse finds, but for the
// dot of the root and the usual port.
func FuzzParseLink(f *testing.F) {
	for _, link := range []string{
		"https://a.com/r/F# Minor_Vocals.mp3?x=%", "https://a.com\\.b.com/", "https://a.com%2f.b.com", "//a.com/x",
		"https://[::1]#.a.com", "https://a.com?.b.com", "https:a.com", "x#y", "https://a.com./%", "https://u:p@a.com:443/#",
	} {
		f.Add(link)
	}
	f.Fuzz(func(t *testing.T, link string) {
		parsed, err := parseLink(&url.URL{}, link)
		if err != nil {
			return
		}
		require.Empty(t, parsed.Fragment)
		trimmed := strings.TrimSpace(link)
		start := len(authority.FindString(trimmed))
		plain, err := url.Parse(trimmed[:start])
		require.NoError(t, err, "scheme and host are left as they are")
		require.Equal(t, strings.ToLower(plain.Scheme), parsed.Scheme)
		require.Equal(t, strings.TrimSuffix(plain.Hostname(), "."), parsed.Hostname())
		require.Equal(t, plain.User, parsed.User)
		if utf8.ValidString(link) {
			_, err = url.ParseRequestURI("https://a.com" + strings.TrimPrefix(parsed.RequestURI(), parsed.Scheme+":"))
			if strings.HasPrefix(parsed.RequestURI(), "/") {
				require.NoError(t, err)
			}
		}
	})
}
