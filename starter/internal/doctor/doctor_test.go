package doctor

import (
	"bytes"
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/internal/config"
	"stemflow/internal/redact"
	"stemflow/internal/source"
)

// A check that hangs, or fails, hides no other, and what builds on it says so.
func TestChecksDoNotHideEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		began := time.Now()
		ok := func(_ context.Context, r *Result) { r.ok("well") }
		var reported []string
		results := runChecks(t.Context(), []check{
			{name: "stuck", limit: time.Minute, run: func(context.Context, *Result) { <-ended }},
			{name: "on stuck", needs: []string{"stuck"}, limit: time.Minute, run: ok},
			{name: "beside", limit: time.Second, run: ok},
			{name: "warns", limit: time.Second, run: func(_ context.Context, r *Result) { r.warn("p", "r"); r.ok("well") }},
			{name: "on warns", needs: []string{"warns"}, limit: time.Second, run: ok},
			{name: "skips", limit: time.Second, run: func(_ context.Context, r *Result) { r.skip("nothing") }},
			{name: "on skips", needs: []string{"skips"}, limit: time.Second, run: ok},
			{name: "in the end", after: []string{"stuck", "skips"}, limit: time.Second, run: func(_ context.Context, r *Result) {
				require.GreaterOrEqual(t, time.Since(began), time.Minute)
				r.ok("removed")
			}},
			{name: "in its words", limit: time.Second, run: func(ctx context.Context, r *Result) {
				<-ctx.Done()
				r.ok("not that well")
				r.fail("asked in vain", "r")
			}},
		}, func(r Result) { reported = append(reported, r.Name+" "+r.Status.String()) })
		close(ended)
		require.Equal(t, []string{
			"stuck failed", "on stuck skipped", "beside ok", "warns warning", "on warns ok", "skips skipped", "on skips skipped",
			"in the end ok", "in its words failed",
		}, reported)
		require.Equal(t, "no answer within 1m0s", results[0].Findings[0].Problem)
		require.Equal(t, "stuck has failed", results[1].Summary)
		require.Equal(t, "asked in vain", results[8].Findings[0].Problem)
		require.Empty(t, results[8].Summary, "nothing is well of what has failed")
		require.Less(t, time.Since(began), 2*time.Minute)
		require.Equal(t, Failed, Worst(results))
	})
}

// What checks build on is there, and before them.
func TestChecksAreInOrder(t *testing.T) {
	before := map[string]bool{}
	for _, c := range (&doctor{}).checks() {
		require.NotContains(t, before, c.name)
		for _, name := range append(c.needs, c.after...) {
			require.Contains(t, before, name, "%s builds on it", c.name)
		}
		require.Positive(t, c.limit, c.name)
		before[c.name] = true
	}
}

func TestOnlyTheChecksThatAreAskedFor(t *testing.T) {
	for asked, want := range map[string]string{
		"":              strings.Join(Names(), " "),
		"bridge-secret": "bridge-address bridge bridge-secret",
		"bridge":        "bridge-address bridge bridge-certificate bridge-ready bridge-secret bridge-signature",
		"provider":      "provider-key provider-balance provider-route",
		"store-links":   "store bucket store-write store-links store-delete",
		"bucket":        "store bucket",
		"clock":         "provider-key store bridge-address bridge clock",
		"store-delete":  "store bucket store-write store-conditions store-links store-delete",
		"version nexus": "version temporal namespace nexus",
	} {
		var ran []string
		for _, c := range only(new(doctor).checks(), strings.Fields(asked)) {
			ran = append(ran, c.name)
		}
		require.Equal(t, want, strings.Join(ran, " "), asked)
	}
	// What cleans up does not wait for what does not run.
	var r []Result
	runChecks(t.Context(), only(new(doctor).checks(), []string{"store-write"}), func(one Result) { r = append(r, one) })
	require.Len(t, r, 4)
}

// The guide describes every check, and its commands name no other.
func TestTheGuideNamesTheChecks(t *testing.T) {
	text, err := os.ReadFile("../../../docs/troubleshooting.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(text), "## What the doctor checks")
	require.True(t, found)
	for _, name := range Names() {
		require.Contains(t, table, "`"+name+"`")
	}
	asked := regexp.MustCompile(`--check ([a-z-]+)`).FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, asked)
	for _, match := range asked {
		require.Contains(t, Names(), match[1])
	}
}

// Without any configuration, nothing fails but Temporal, which has a default address.
func TestNothingIsAskedThatIsNotConfigured(t *testing.T) {
	t.Setenv("TEMPORAL_CONFIG_FILE", t.TempDir()+"/none.toml")
	t.Setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
	none := func(string) (string, bool) { return "", false }
	for _, r := range Run(t.Context(), Options{Survey: config.NewSurvey(none, nil)}, func(Result) {}) {
		require.Equal(t, r.Name == "temporal", r.Status == Failed, r.Name)
		require.NotEqual(t, Warning, r.Status, r.Name)
	}
}

func TestSecretsAreHidden(t *testing.T) {
	t.Setenv("TEMPORAL_CONFIG_FILE", t.TempDir()+"/none.toml")
	t.Setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
	const secret = "hunter2hunter2"
	lookup := func(name string) (string, bool) {
		value, set := map[string]string{
			"KIE_API_KEY": "two " + secret, "KIE_BASE_URL": "http://127.0.0.1:1", "STEMFLOW_TASK_QUEUE": secret,
		}[name]
		return value, set
	}
	var reported []Result
	results := Run(t.Context(), Options{
		Survey: config.NewSurvey(lookup, []string{"STEMFLOW_" + secret + "=x"}), Secrets: redact.New(secret),
	}, func(r Result) { reported = append(reported, r) })
	require.Equal(t, results, reported)
	for _, r := range results {
		require.NotContains(t, strings.ToLower(strings.Join(r.Facts, "")+r.Summary), secret)
		for _, f := range r.Findings {
			require.NotContains(t, f.Problem+f.Remedy, secret)
		}
	}
}

// A worker that polls has no bridge to ask. Nothing of it is asked.
func TestAWorkerWithoutABridge(t *testing.T) {
	lookup := func(name string) (string, bool) { return "a-key", name == "KIE_API_KEY" }
	d := &doctor{Options: Options{Survey: config.NewSurvey(lookup, nil)}}
	results := runChecks(t.Context(), d.bridgeChecks(), func(Result) {})
	require.Equal(t, Warning, results[0].Status)
	require.Contains(t, results[0].Findings[0].Problem, "STEMFLOW_CALLBACK_BASE_URL is not set")
	for _, r := range results[1:] {
		require.Equal(t, Skipped, r.Status, r.Name)
	}
}

func TestClocks(t *testing.T) {
	const far, little = 20 * time.Minute, time.Minute
	for name, c := range map[string]struct {
		ahead  map[string]time.Duration
		status Status
		says   []string
	}{
		"nobody":       {nil, Skipped, nil},
		"agree":        {map[string]time.Duration{"a": 2 * time.Second, "b": -time.Second}, OK, nil},
		"one of two":   {map[string]time.Duration{"a": far, "b": 0}, Failed, []string{"the clock of the a is wrong"}},
		"the only one": {map[string]time.Duration{"a": -far}, Failed, []string{"the clock of the a or this machine's clock is wrong", "behind"}},
		"ours":         {map[string]time.Duration{"a": far, "b": far, "c": far}, Failed, []string{"this machine's clock differs from all others"}},
		"a little":     {map[string]time.Duration{"a": little, "b": 0}, Warning, []string{"the clock of the a is wrong", "59"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := &doctor{}
			now := time.Now()
			for whose, ahead := range c.ahead {
				for _, took := range []time.Duration{time.Minute, time.Second} { // the slower one says less
					header := http.Header{"Date": {now.Add(ahead).UTC().Format(http.TimeFormat)}}
					d.clocks.see(whose, now.Add(-took/2), now.Add(took/2), header)
				}
				d.clocks.see(whose, now, now, http.Header{"Date": {"yesterday"}})
				d.clocks.see(whose, now, now, http.Header{"Date": {now.Add(-time.Hour).UTC().Format(http.TimeFormat)}, "Age": {"3600"}})
			}
			var r Result
			d.checkClock(t.Context(), &r)
			require.Equal(t, c.status, r.Status)
			if len(c.says) > 0 {
				require.Len(t, r.Findings, 1)
			}
			for _, text := range c.says {
				require.Contains(t, r.Findings[0].Problem, text)
			}
		})
	}
}

// What answers in the bridge's place is named by what it answers.
func TestWhatIsNotTheBridge(t *testing.T) {
	base, err := url.Parse("http://stems.example.com/x")
	require.NoError(t, err)
	html := http.Header{"Content-Type": {"text/html; charset=utf-8"}}
	for name, c := range map[string]struct {
		reply           reply
		problem, remedy string
	}{
		"https":        {reply{status: 301, location: "https://stems.example.com/x/callbacks/doctor"}, "redirects to https", "https://stems.example.com/x"},
		"login":        {reply{status: 302, location: "https://login.example.com/"}, "redirects", "without redirect or login"},
		"another host": {reply{status: 308, location: "https://www.example.com/x"}, "redirects", "without redirect or login"},
		"page":         {reply{status: 200, header: html, body: "hello"}, "a web page", "tunnel's page"},
		"page without a type": {reply{status: 404, body: "\n <!DOCTYPE HTML>..."}, "a web page",
			"tunnel's page"},
		"tunnel without bridge": {reply{status: 502, header: html}, "does not reach it", "start the bridge"},
		"cloudflare":            {reply{status: 530, header: html}, "does not reach it", "start the bridge"},
		"basic auth":            {reply{status: 401, body: "Authorization Required"}, "refuses the request", "without login"},
		"firewall":              {reply{status: 403}, "refuses the request", "without login or filter"},
		"no such path":          {reply{status: 404, body: "404 page not found"}, "does not know the path", "taken off by the proxy"},
		"limit":                 {reply{status: 429}, "limits requests", "in a minute"},
		"anything else":         {reply{status: 200, body: "{}"}, "is not the bridge (HTTP 200)", "STEMFLOW_CALLBACK_BASE_URL"},
	} {
		problem, remedy := notTheBridge(base, c.reply)
		require.Contains(t, problem, c.problem, name)
		require.Contains(t, remedy, c.remedy, name)
		require.False(t, c.reply.isUnauthorized(), name)
	}
	require.True(t, reply{status: 401, body: "unauthorized\n"}.isUnauthorized())
}

func TestInternalAddresses(t *testing.T) {
	for text, want := range map[string]bool{
		"127.0.0.1": true, "10.1.2.3": true, "192.168.0.1": true, "169.254.1.1": true, "0.0.0.0": true, "100.64.0.1": true, "::1": true,
		"fd00::1": true, "fe80::1": true, "::ffff:10.0.0.1": true, "1.1.1.1": false, "2606:4700::1": false, "100.128.0.1": false,
	} {
		require.Equal(t, want, isInternal(netip.MustParseAddr(text)), text)
	}
}

// A resolver that gives fake addresses, and a host that is not admitted, are named with what to
// set.
func TestFileHostsThatWorkersMayNotAsk(t *testing.T) {
	fetcher := source.New(source.Options{AllowedHosts: []string{"198.18.0.9", "127.0.0.1"}})
	for link, want := range map[string][2]string{
		"https://198.18.0.9/s/x":      {"it resolves to 198.18.0.9", "STEMFLOW_SOURCE_NETWORKS=198.18.0.0/15"},
		"https://127.0.0.1/s/x":       {"it resolves to 127.0.0.1", "STEMFLOW_SOURCE_NETWORKS"},
		"https://files.example.com/x": {"the host is not allowed", "STEMFLOW_SOURCE_HOSTS"},
		"http://127.0.0.1/s/x":        {"a link must be https", "STEMFLOW_ALLOW_INSECURE_SOURCES"},
	} {
		problem, remedy := fetch(t.Context(), fetcher, link)
		require.Contains(t, problem, want[0], link)
		require.Contains(t, remedy, want[1], link)
	}
}

func TestWeakSecrets(t *testing.T) {
	for text, want := range map[string]bool{
		"aaaaaaaaaaaaaaaa": true, "1212121212121212": true, "passwordpassword": true, "0123456789abcdef0123456789abcdef": false,
		"c2b1e8f09d7a46538e": false,
	} {
		require.Equal(t, want, isWeak(config.NewSecret(text)), text)
	}
}

// Every problem of the configuration is a sentence and a remedy, and loses nothing.
func TestProblemsOfTheConfigurationAreTakenApart(t *testing.T) {
	for problem, want := range map[string][2]string{
		"KIE_API_KEY: is required, make one at https://kie.ai/api-key":            {"KIE_API_KEY: is required", "make one at https://kie.ai/api-key"},
		`MINIO_ENDPOINT: is required, give "host:port", like "localhost:9000"`:    {"MINIO_ENDPOINT: is required", `give "host:port", like "localhost:9000"`},
		"STEMFLOW_SUBMIT_RATE: \"x\" is not a rate: give a number above 0":        {"STEMFLOW_SUBMIT_RATE: \"x\" is not a rate", "give a number above 0"},
		"MINIO_SECURE: \"x\" is neither true nor false":                           {"MINIO_SECURE: \"x\" is neither true nor false", "correct the variable (docs/configuration.md)"},
		"MINIO_ENDPOINT: says http and MINIO_SECURE says true: leave the one out": {"MINIO_ENDPOINT: says http and MINIO_SECURE says true", "leave the one out"},
	} {
		what, remedy := apart(problem)
		require.Equal(t, want, [2]string{what, remedy})
	}
}

func TestResultsArePrintedInTheRoomThereIs(t *testing.T) {
	result := Result{
		Name: "store", Status: Warning, Summary: "well", Facts: []string{"a fact"},
		Findings: []Finding{{Warning, "a problem that is " + strings.Repeat("long ", 30) + "\x1b[2J", "do something " + strings.Repeat("about it ", 20)}},
	}
	for _, room := range []int{20, 80, 200} {
		var out bytes.Buffer
		p := Printer{W: &out, Room: room}
		p.Print(result)
		require.NotContains(t, out.String(), "\x1b")
		for line := range strings.Lines(out.String()) {
			require.LessOrEqual(t, len(strings.TrimSuffix(line, "\n")), max(room, indent+narrow+len("-> ")))
			require.Equal(t, strings.TrimRight(line, " \n")+"\n", line)
		}
		require.Equal(t, 1, strings.Count(out.String(), "-> "))
	}
	var out bytes.Buffer
	p := Printer{W: &out, Room: 80, Colored: true, Quiet: true}
	p.Print(Result{Name: "store", Status: OK, Summary: "well"})
	require.Empty(t, out.String())
	p.Print(result)
	require.Contains(t, out.String(), "\x1b[33mwarning")
	require.NotContains(t, out.String(), "a fact")
}
