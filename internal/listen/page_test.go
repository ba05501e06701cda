package listen_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html"
	"path"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/audio"
	"stemflow/internal/listen"
	"stemflow/internal/naming"
)

const link = "https://store.example.com:9000/stems/a%20b/drums.mp3?X-Amz-Credential=key%2F20261125%2Fus-east-1&X-Amz-Signature=0f+%3D"

// somePage is of two stems on two hosts.
func somePage() listen.Page {
	return listen.Page{
		Manifest: stemflow.Manifest{
			SeparateStemsResult: stemflow.SeparateStemsResult{
				SeparationTaskID: "3e63", Type: stemflow.SplitStemAdvanced,
				Stems: []stemflow.Stem{
					{Name: "drums", Key: "a/drums.mp3", Size: 96_192, DurationSeconds: 12.024, ContentType: "audio/mpeg"},
					{Name: "drums_removed", Key: "a/drums_removed.wav", Size: 1_000_000_000, ContentType: "audio/wav"},
				},
				Empty: []string{"brass", "fx"},
				Failed: []stemflow.FailedStem{
					{Name: "bass", Type: stemflow.ErrorSourceNotAudio, Message: "an HTML page"},
				},
				ArchivedAt: time.Date(2026, 11, 25, 9, 1, 19, 0, time.FixedZone("", 3600)),
			},
			Source: stemflow.ManifestSource{TaskID: "5c79", AudioID: "e231", StemName: "Drums"},
		},
		Links: []string{link, "http://10.0.0.1/stems/drums_removed.wav?X-Amz-Signature=a1"},
		Until: time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC),
		Renew: "starter listen --task-id 5c79",
	}
}

func write(t *testing.T, p listen.Page) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, listen.Write(&out, p))
	return out.String()
}

// all are what a pattern's group matches in a page, as a browser reads it.
func all(pattern, page string) []string {
	var found []string
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(page, -1) {
		found = append(found, html.UnescapeString(match[1]))
	}
	return found
}

var markup = regexp.MustCompile(`(?s)<(script|style)>.*?</(script|style)>`)

func TestPageSaysWhatIsKnownOfTheTrack(t *testing.T) {
	p := somePage()
	page := markup.ReplaceAllString(write(t, p), "")
	for _, text := range []string{
		"<title>split_stem_advanced (Drums) of e231</title>", "<h1>split_stem_advanced (Drums) of e231</h1>",
		"<dt>Task id</dt><dd>5c79</dd>", "<dt>Audio id</dt><dd>e231</dd>", "<dt>Type</dt><dd>split_stem_advanced</dd>",
		"<dt>Instrument</dt><dd>Drums</dd>", "<dt>Separation</dt><dd>3e63</dd>", `<time datetime="2026-11-25T08:01:19Z">`,
		"<dt>Not archived</dt><dd>bass: SourceNotAudio: an HTML page</dd>", "<dt>Not served</dt><dd>brass, fx</dd>",
		`<time id="until" datetime="2026-11-25T10:00:00Z">`,
		"<code>starter listen --task-id 5c79</code>", "https://store.example.com:9000, http://10.0.0.1",
		`data-size="96192" data-seconds="12.024" data-type="audio/mpeg"`, `data-size="1000000000" data-seconds="0" data-type="audio/wav"`,
	} {
		require.Contains(t, page, text)
	}
	require.Equal(t, p.Links, all(`href="([^"]*)"`, page), "as they were signed")
	require.Equal(t, []string{"drums", "drums_removed"}, all(`<h2>(.*?)</h2>`, page))
	require.Equal(
		t,
		[]string{"Mute drums", "Solo drums", "Level of drums", "Download drums"},
		all(`aria-label="([^"]*drums)"`, page),
	)

	p.Manifest.Empty, p.Manifest.Failed, p.Manifest.Source.StemName = nil, nil, ""
	page = write(t, p)
	for _, text := range []string{"Not archived", "Not served", "Instrument", "()"} {
		require.NotContains(t, markup.ReplaceAllString(page, ""), text)
	}
}

func TestPageHasATitle(t *testing.T) {
	p := somePage()
	p.Title = "Så länge – <live>"
	page := markup.ReplaceAllString(write(t, p), "")
	require.Equal(t, []string{p.Title}, all(`<title>(.*?)</title>`, page))
	require.Equal(t, []string{p.Title}, all(`<h1>(.*?)</h1>`, page))
	require.Equal(t, []string{"Så länge – _live_"}, all(`data-name="([^"]*)"`, page))
	require.Equal(t, []string{"drums.mp3", "drums_removed.wav"}, all(`data-file="([^"]*)"`, page))
}

func TestPeaksAreInThePageWhereTheyAreSound(t *testing.T) {
	p := somePage()
	good := archive.Peaks{Version: 1, PerSecond: 10, Values: []byte{0, 100, 255}}
	p.Peaks = []*archive.Peaks{nil, &good}
	page := write(t, p)
	require.Equal(t, []string{"AGT/"}, all(`data-peaks="([^"]*)"`, page))
	require.Equal(t, []string{"10"}, all(`data-peaks-per-second="([^"]*)"`, page))
	for name, spoil := range map[string]func(*archive.Peaks){
		"another version": func(p *archive.Peaks) { p.Version = 2 },
		"none":            func(p *archive.Peaks) { p.Values = nil },
		"too many":        func(p *archive.Peaks) { p.Values = make([]byte, audio.MaxOutline+1) },
		"no time":         func(p *archive.Peaks) { p.PerSecond = 0 },
		"negative time":   func(p *archive.Peaks) { p.PerSecond = -10 },
		"too fine":        func(p *archive.Peaks) { p.PerSecond = 1e9 },
	} {
		bad := good
		spoil(&bad)
		p.Peaks[1] = &bad
		require.Empty(t, all(`data-peaks="([^"]*)"`, write(t, p)), name)
	}
}

func TestFileNamesSuitAnySystem(t *testing.T) {
	m := somePage().Manifest
	require.Equal(t, []string{
		"e231-split_stem_advanced-drums.mp3", "e231-split_stem_advanced-drums_removed.wav",
	}, listen.FileNames("", m))
	for title, base := range map[string]string{
		"../../etc":               "_.._etc",
		`a\b:c*d?"<>|`:            "a_b_c_d_____",
		"..":                      "track",
		" \n\x00\u202e":           "track",
		"\xff":                    "track",
		"a\r\nSet-Cookie: b":      "aSet-Cookie_ b",
		"con.":                    "con",
		"-rf":                     "_-rf",
		"Å. Ö":                    "Å. Ö",
		strings.Repeat("長い", 100): strings.Repeat("長い", 30),
	} {
		require.Equal(t, base+"-drums.mp3", listen.FileNames(title, m)[0], title)
	}
	m.Stems[0].Key = "a/../"
	require.Equal(t, "e231-split_stem_advanced-track", listen.FileNames("", m)[0])
}

// The longest names that stems have, which begin alike.
func TestFileNamesAreWhole(t *testing.T) {
	m := somePage().Manifest
	long := strings.Repeat("a", naming.MaxStemName)
	for i, name := range []string{long + ".mp3", long + "_removed.mp3"} {
		m.Stems[i].Key = path.Join(path.Dir(m.Stems[i].Key), name)
	}
	require.Equal(t, []string{
		"e231-split_stem_advanced-" + long + ".mp3", "e231-split_stem_advanced-" + long + "_removed.mp3",
	}, listen.FileNames("", m))
}

func TestNamesAreText(t *testing.T) {
	plain := write(t, somePage())
	for name, hostile := range map[string]string{
		"an element":   `<img src=x onerror=alert(1)>`,
		"a script":     `</script></style></title><script>alert(1)</script>`,
		"an attribute": `" autofocus onfocus="alert(1)`,
		"a comment":    `<!--`,
		"a template":   `{{.Renew}}${alert(1)}`,
		"a link":       `javascript:alert(1)`,
	} {
		t.Run(name, func(t *testing.T) {
			p := somePage()
			m := &p.Manifest
			m.Stems[0].Name, m.Stems[1].ContentType, m.Stems[1].Key = hostile, hostile, hostile
			m.Failed[0] = stemflow.FailedStem{Name: hostile, Type: hostile, Message: hostile}
			m.Empty[1], m.SeparationTaskID, p.Renew = hostile, hostile, hostile
			m.Type = stemflow.SeparationType(hostile)
			m.Source = stemflow.ManifestSource{TaskID: hostile, AudioID: hostile, StemName: hostile}
			titled := p
			titled.Title = hostile
			require.Equal(t, hostile, all(`<h1>(.*?)</h1>`, write(t, titled))[0])
			require.Equal(t, len(all(`(<)[a-z!]`, plain)), len(all(`(<)[a-z!]`, write(t, titled))), "there is an element more")
			page := write(t, p)
			require.Equal(t, len(all(`(<)[a-z!]`, plain)), len(all(`(<)[a-z!]`, page)), "there is an element more")
			require.Equal(t, all(`\s([a-z-]+)="`, plain), all(`\s([a-z-]+)="`, page), "there is an attribute more")
			require.Equal(t, all(`href="([^"]*)"`, plain), all(`href="([^"]*)"`, page))
			require.Equal(t, hostile, all(`<h2>(.*?)</h2>`, page)[0])
			require.Equal(t, "Mute "+hostile, all(`aria-label="(Mute [^"]*)"`, page)[0])
			require.Equal(t, hostile+" ("+hostile+") of "+hostile, all(`<h1>(.*?)</h1>`, page)[0])
			require.Equal(t, []string{hostile, hostile}, all(`<code>(.*?)</code></pre>`, page))
		})
	}
}

// What the policy does not name the browser does not run, load or send.
func TestPageIsSelfContained(t *testing.T) {
	p := somePage()
	page := write(t, p)
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	inner := func(element string) []string {
		var found []string
		for _, match := range regexp.MustCompile(`(?s)<`+element+`>(.*?)</`+element+`>`).FindAllStringSubmatch(page, -1) {
			found = append(found, hash(match[1]))
		}
		return found
	}
	styles, scripts := inner("style"), inner("script")
	require.Len(t, styles, 1)
	require.Len(t, scripts, 10)
	require.Equal(t, []string{"default-src 'none'; base-uri 'none'; form-action 'none'; media-src blob:; " +
		"connect-src https://store.example.com:9000 http://10.0.0.1; style-src " + styles[0] + "; script-src " + strings.Join(scripts, " ")},
		all(`http-equiv="Content-Security-Policy" content="([^"]*)"`, page))
	require.Equal(t, []string{"no-referrer"}, all(`name="referrer" content="([^"]*)"`, page))

	for _, foreign := range []string{" src=", "<link", "<iframe", "<img", "<object", "<base", "@import", "url(", "import(", "eval(", "innerHTML"} {
		require.NotContains(t, page, foreign)
	}
	require.NotRegexp(t, `\s(style|on[a-z]+)="`, page, "the policy forbids these")
	rest := strings.NewReplacer(p.Links[0], "", p.Links[1], "").Replace(html.UnescapeString(page))
	for _, address := range regexp.MustCompile(`https?://[^\s,;"<]*`).FindAllString(rest, -1) {
		require.Contains(t, []string{"https://store.example.com:9000", "http://10.0.0.1"}, address)
	}
}

func TestLinksThatAreNone(t *testing.T) {
	p := somePage()
	p.Links = p.Links[:1]
	require.EqualError(t, listen.Write(&bytes.Buffer{}, p), "there are 1 links to 2 stems")
	for _, none := range []string{"", "/stems/drums.mp3", "javascript:alert(1)", "://"} {
		p := somePage()
		p.Links[1] = none
		var out bytes.Buffer
		require.EqualError(t, listen.Write(&out, p), "the link to stem drums_removed is no URL with a host")
		require.Empty(t, out)
	}
}

func TestPageWithTheStemsInIt(t *testing.T) {
	p := somePage()
	contents := []string{"drums", "\x00\xff+/all else"}
	p.Links, p.Until, p.Renew = []string{listen.Embed([]byte(contents[0])), listen.Embed([]byte(contents[1]))}, time.Time{}, ""
	page := write(t, p)
	require.NotContains(t, markup.ReplaceAllString(page, ""), "Links work until")
	policy := all(`http-equiv="Content-Security-Policy" content="([^"]*)"`, page)[0]
	require.Contains(t, policy, "connect-src data:;", "nothing else is fetched")
	for i, link := range all(`href="([^"]*)"`, page) {
		_, encoded, _ := strings.Cut(link, ";base64,")
		content, err := base64.StdEncoding.DecodeString(encoded)
		require.NoError(t, err)
		require.Equal(t, contents[i], string(content))
	}
}

func TestLinksThatBrowsersRunAreRefused(t *testing.T) {
	for _, link := range []string{
		"javascript://host/%0aalert(1)", "file:///etc/passwd", "DATA:text/html,x", "ftp://host/x", "/stems/a.mp3", "",
	} {
		p := somePage()
		p.Links[1] = link
		require.ErrorContains(t, listen.Write(&bytes.Buffer{}, p), "the link to stem drums_removed is n", link)
	}
}
