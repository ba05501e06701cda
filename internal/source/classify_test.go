package source

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var testNow = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// Links as stores and edges sign them, which ended an hour before and end an hour after testNow.
var (
	endedLinks = signedLinks(testNow.Add(-time.Hour))
	validLinks = signedLinks(testNow.Add(time.Hour))
)

const plainLink = "https://file.example.com/s/3d70_Vocals.mp3"

func signedLinks(until time.Time) map[string]string {
	signedAt := until.Add(-10 * time.Minute).UTC().Format("20060102T150405Z")
	policy := fmt.Sprintf(`{"Statement":[{"Resource":"*","Condition":{"DateLessThan":{"AWS:EpochTime":%d}}}]}`, until.Unix())
	policy = strings.NewReplacer("+", "-", "=", "_", "/", "~").Replace(base64.StdEncoding.EncodeToString([]byte(policy)))
	links := map[string]string{
		"S3":                "X-Amz-Date=" + signedAt + "&X-Amz-Expires=600&X-Amz-Signature=x",
		"S3, version 2":     fmt.Sprintf("AWSAccessKeyId=x&Expires=%d&Signature=x", until.Unix()),
		"GCS":               "X-Goog-Date=" + signedAt + "&X-Goog-Expires=600&X-Goog-Signature=x",
		"OSS":               "x-oss-date=" + signedAt + "&x-oss-expires=600&x-oss-signature=x",
		"TOS":               "X-Tos-Date=" + signedAt + "&X-Tos-Expires=600&X-Tos-Signature=x",
		"Azure":             "sv=2024-01-01&st=2026-01-01T00:00:00Z&se=" + url.QueryEscape(until.Format(time.RFC3339)) + "&sig=x",
		"Azure, to minutes": "se=" + url.QueryEscape(until.Format("2006-01-02T15:04Z")) + "&sig=x",
		"COS": fmt.Sprintf("q-sign-algorithm=sha1&q-sign-time=%d%%3B%d&q-signature=x",
			until.Add(-time.Hour).Unix(), until.Unix()),
		"COS, as its tools write it": fmt.Sprintf("q-sign-algorithm=sha1&q-sign-time=%d;%d&q-signature=x",
			until.Add(-time.Hour).Unix(), until.Unix()),
		"CloudFront":                fmt.Sprintf("Expires=%d&Signature=x&Key-Pair-Id=K", until.Unix()),
		"CloudFront, with a policy": "Policy=" + policy + "&Signature=x&Key-Pair-Id=K",
		"Akamai":                    fmt.Sprintf("hdnts=st=1~exp=%d~acl=/*~hmac=x", until.Unix()),
		"Qiniu":                     fmt.Sprintf("e=%d&token=x", until.Unix()),
		"Bunny":                     fmt.Sprintf("token=x&expires=%d", until.Unix()),
		"in milliseconds":           fmt.Sprintf("expire=%d&sign=x", until.UnixMilli()),
	}
	for name, query := range links {
		links[name] = plainLink + "?" + query
	}
	return links
}

func TestValidUntil(t *testing.T) {
	for name, link := range endedLinks {
		u, err := url.Parse(link)
		require.NoError(t, err)
		until, ok := validUntil(u)
		require.True(t, ok, name)
		require.True(t, until.Equal(testNow.Add(-time.Hour)), "%s: %s", name, until)
		require.True(t, signed(u), name)
	}
	for _, query := range []string{
		"", "v=1", "e=", "expires=never", "expires=-5", "expires=0000000000", "se=tomorrow", "X-Amz-Expires=600",
		"X-Amz-Date=20260101T000000Z", "X-Amz-Date=x&X-Amz-Expires=600", "x-oss-date=20260101T000000Z&x-oss-expires=-1",
		"q-sign-time=5", "Policy=!!", "Policy=e30_", "hdnts=exp=1", "x-expires=", "e=99999999999999999999", "%zz=1;2",
	} {
		_, ok := validUntil(&url.URL{RawQuery: query})
		require.False(t, ok, query)
	}
	_, ok := validUntil(nil)
	require.False(t, ok)
}

func header(lines ...string) http.Header {
	h := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h.Set(name, value)
	}
	return h
}

// What was seen in the field, or is documented, by what must be done about it.
func TestClassify(t *testing.T) {
	const store = "https://file.example.com/a.mp3?v=1"
	type seen struct {
		status int
		text   string
		header http.Header
	}
	for want, cases := range map[Kind]map[string]seen{
		Expired: {
			"S3":                        {403, storageError("AccessDenied", "Request has expired"), nil},
			"S3, a session":             {400, storageError("ExpiredToken", "The provided token has expired."), nil},
			"S3, revoked":               {403, storageError("InvalidAccessKeyId", "x"), nil},
			"S3, another session":       {400, storageError("InvalidToken", "x"), nil},
			"S3, spoiled parameters":    {400, storageError("AuthorizationQueryParametersError", "x"), nil},
			"GCS":                       {400, storageError("ExpiredToken", "Invalid argument.</Message><Details>Request signature expired at: 2026-01-01T00:00:00"), nil},
			"GCS, a signature":          {403, storageError("SignatureDoesNotMatch", "x"), nil},
			"Azure":                     {403, "\ufeff" + storageError("AuthenticationFailed", "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.</Message><AuthenticationErrorDetail>Signature not valid in the specified time frame: Start [x] - Expiry [y] - Current [z]"), nil},
			"Azure, without a body":     {403, "", header("X-Ms-Error-Code: AuthenticationFailed")},
			"CloudFront":                {403, storageError("AccessDenied", "Access denied, the signed URL has expired"), nil},
			"CloudFront, no key":        {403, storageError("MissingKey", "Missing Key-Pair-Id query parameter or cookie value"), nil},
			"CloudFront, in words":      {403, "Access denied: the URL is expired", header("Server: CloudFront")},
			"OSS":                       {403, storageError("AccessDenied", "Request has expired.</Message><Expires>x</Expires><ServerTime>"), header("Server: AliyunOSS")},
			"OSS, a session":            {403, storageError("SecurityTokenExpired", "x"), header("Server: AliyunOSS")},
			"Aliyun's CDN":              {403, "<html><h1>403 Forbidden</h1></html>", header("Server: Tengine", "X-Tengine-Error: denied by Auth Key: expired timestamp")},
			"COS":                       {403, storageError("AccessDenied", "Request has expired"), header("Server: tencent-cos")},
			"COS, a clock":              {403, storageError("RequestTimeTooSkewed", "x"), nil},
			"Qiniu":                     {401, `{"error":"token expired"}`, header("Content-Type: application/json")},
			"Qiniu, the other":          {401, `{"error":"download token auth failed"}`, nil},
			"B2":                        {401, `{"code":"expired_auth_token","message":"Authorization token has expired","status":401}`, nil},
			"B2, a wrong token":         {401, `{"code":"bad_auth_token","status":401}`, nil},
			"410 that says so":          {410, "This link has expired", nil},
			"404 that says so":          {404, `{"msg":"url expired"}`, nil},
			"404 of a store, expired":   {404, storageError("ExpiredLink", "x"), nil},
			"409 that says so":          {409, "link expired", nil},
			"422 that says so":          {422, `{"detail":"signature expired"}`, nil},
			"in Chinese":                {403, "链接已过期", nil},
			"400 in Chinese":            {400, `{"msg":"链接已失效"}`, nil},
			"498":                       {498, "", nil},
			"a login page by 200":       {200, `<html><form><input name="p" type="password"></form></html>`, nil},
			"a page by 200":             {200, "<html><body>Sorry, this download link has expired</body></html>", nil},
			"a store's error by 200":    {200, storageError("AccessDenied", "Request has expired"), nil},
			"JSON by 200":               {200, ` {"code":403,"msg":"the url is expired"}`, nil},
			"JSON with a code by 200":   {200, `{"error":"token_expired"}`, nil},
			"a bare 403":                {403, "", nil},
			"a page that hides a cause": {403, "<html><script>var captionExpired = 1</script><h1>Forbidden</h1></html>", nil},
		},
		Blocked: {
			"Cloudflare, by the client's name": {403, "error code: 1010", header("Server: cloudflare")},
			"Cloudflare, a rule":               {403, "error code: 1020", header("Server: cloudflare")},
			"Cloudflare, by 401":               {401, "error code: 1010", nil},
			"Cloudflare, a challenge":          {403, challengePage, header("Cf-Mitigated: challenge")},
			"Cloudflare, by 429":               {429, challengePage, nil},
			"Cloudflare, by 503":               {503, challengePage, nil},
			"Cloudflare, by 200":               {200, challengePage, nil},
			"Cloudflare, a header alone":       {403, "", header("Cf-Mitigated: challenge")},
			"Cloudflare, a newer page":         {403, "<noscript>Enable JavaScript and cookies to continue</noscript>", nil},
			"Akamai":                           {403, "<H1>Access Denied</H1> You don't have permission. Reference #18.x", header("Server: AkamaiGHost")},
			"Akamai, without its name":         {403, "<TITLE>Access Denied</TITLE>\n<H1>Access Denied</H1>\nYou don't have permission.<P>\nReference&#32;&#35;18&#46;9d2e1702&#46;17", nil},
			"CloudFront, by country":           {403, "<H1>403 ERROR</H1> The Amazon CloudFront distribution is configured to block access from your country.", header("Server: CloudFront")},
			"Imperva":                          {403, "Request unsuccessful. Incapsula incident ID: 1-2", nil},
			"DataDome":                         {403, `{"url":"https://geo.captcha-delivery.com/captcha/?x"}`, nil},
			"PerimeterX":                       {403, "<title>Access to this page has been denied</title>", nil},
			"Sucuri":                           {403, "<title>Sucuri WebSite Firewall - Access Denied</title>", nil},
			"Vercel":                           {429, "<title>Vercel Security Checkpoint</title>", header("X-Vercel-Mitigated: challenge")},
			"AWS":                              {202, "", header("X-Amzn-Waf-Action: challenge")},
			"AWS, by 405":                      {405, "<html>x</html>", header("X-Amzn-Waf-Action: captcha")},
			"Aliyun's firewall":                {405, "<p>Sorry, your request has been blocked as it may cause potential threats to the server's security.</p>", nil},
			"Aliyun's CDN, by address":         {403, "<h1>403 Forbidden</h1>", header("Server: Tengine", "X-Tengine-Error: denied by IP ACL")},
			"OSS, by referer":                  {403, storageError("AccessDenied", "You are denied by bucket referer policy."), nil},
			"ModSecurity":                      {406, "<h1>Not Acceptable!</h1><p>This error was generated by Mod_Security.</p>", nil},
			"F5, by 200":                       {200, "<html><body>The requested URL was rejected. Please consult with your administrator.</body></html>", nil},
			"Azure, by network":                {403, storageError("AuthorizationFailure", "This request is not authorized to perform this operation."), nil},
			"Azure, by address":                {403, storageError("AuthorizationSourceIPMismatch", "x"), nil},
			"GCS, by perimeter":                {403, storageError("AccessDenied", "Request is prohibited. vpcServiceControlsUniqueIdentifier: x"), nil},
			"DDoS-Guard":                       {403, "<html>DDoS-Guard</html>", header("Server: ddos-guard")},
			"a country":                        {403, "This content is not available in your country", nil},
			"for legal reasons":                {451, "Unavailable For Legal Reasons", nil},
			"a proxy":                          {407, "", nil},
		},
		Missing: {
			"a bare 404":            {404, "", nil},
			"S3":                    {404, storageError("NoSuchKey", "The specified key does not exist."), nil},
			"S3, a bucket":          {404, storageError("NoSuchBucket", "x"), nil},
			"Azure":                 {404, storageError("BlobNotFound", "x"), nil},
			"B2":                    {404, `{"code":"not_found"}`, nil},
			"a page":                {404, "<html><head><title>404</title></head></html>", nil},
			"a page that guesses":   {404, "<html>The page may have expired or been moved</html>", nil},
			"a page by 200":         {200, "<html><title>404 Not Found</title></html>", nil},
			"a store's code by 200": {200, storageError("NoSuchKey", "x"), nil},
		},
		Gone: {
			"a bare 410": {410, "", nil},
			"a page":     {410, "<html><h1>Gone</h1></html>", nil},
			"a store":    {410, storageError("NoSuchKey", "x"), nil},
		},
		Unavailable: {
			"too many":          {429, "error code: 1015", header("Server: cloudflare")},
			"no origin":         {530, "error code: 1016", header("Server: cloudflare")},
			"an origin's error": {502, "error code: 502", header("Server: cloudflare")},
			"S3, slow down":     {503, storageError("SlowDown", "x"), nil},
			"S3, by 403":        {403, storageError("SlowDown", "x"), nil},
			"Azure, busy":       {403, storageError("ServerBusy", "x"), nil},
			"B2, a cap":         {403, `{"code":"download_cap_exceeded"}`, nil},
			"S3 by 200":         {200, storageError("InternalError", "x"), nil},
			"bandwidth, by 403": {403, "<html><h1>Bandwidth Limit Exceeded</h1></html>", nil},
			"requests, by 403":  {403, "Too many requests", nil},
			"a quota, by 403":   {403, "Download quota exceeded for this file", nil},
			"unsigned":          {401, "Unauthorized", nil},
			"a bad request":     {400, "Bad Request", nil},
			"a time-out":        {408, "", nil},
			"too early":         {425, "", nil},
			"unpaid":            {402, "", nil},
			"an error":          {500, "the token expired inside of the server", nil},
			"no content":        {204, "", nil},
			"a part":            {206, "x", nil},
		},
		"": {
			"audio":              {200, "ID3\x03\x00", nil},
			"nothing":            {200, "", nil},
			"a page in the way":  {200, "<html><title>Not here</title><p>This file is being prepared.</p></html>", nil},
			"a page with a date": {200, `<html><head><meta http-equiv="expires" content="0"></head><body>Hello</body></html>`, nil},
			"JSON":               {200, `{"status":"processing"}`, nil},
			"audio with words":   {200, "\xff\xfb link expired", nil},
		},
	} {
		for name, c := range cases {
			link, err := url.Parse(store)
			require.NoError(t, err)
			h := c.header
			if h == nil {
				h = http.Header{}
			}
			a := answer{status: c.status, header: h, text: c.text, link: link, asked: link, now: testNow}
			require.Equal(t, want, classify(a), "%s: %d %s", name, c.status, c.text)
		}
	}
}

// A link that says itself that its time is over is expired, in whatever way it is refused, except
// by a wall that would not let the next one through either.
func TestClassifyByTheLinksOwnTime(t *testing.T) {
	ask := func(link string, status int, text string, lines ...string) Kind {
		u, err := url.Parse(link)
		require.NoError(t, err)
		return classify(answer{status: status, header: header(lines...), text: text, link: u, asked: u, now: testNow})
	}
	for name, link := range endedLinks {
		for _, status := range []int{400, 401, 403, 404, 410, 412, 416} {
			require.Equal(t, Expired, ask(link, status, ""), "%s, %d", name, status)
			require.Equal(t, Expired, ask(link, status, "<h1>No</h1>", "Server: cloudflare", inHTML), "%s, %d", name, status)
			require.Equal(t, Expired, ask(link, status, storageError("NoSuchKey", "x")), "%s, %d", name, status)
		}
		require.Equal(t, Expired, ask(link, 403, "Access Denied", "Server: AkamaiGHost"), name)
		require.Equal(t, Blocked, ask(link, 403, "error code: 1010", "Server: cloudflare"), name)
		require.Equal(t, Blocked, ask(link, 403, challengePage), name)
		require.Equal(t, Unavailable, ask(link, 503, ""), name)
		require.Equal(t, Unavailable, ask(link, 429, ""), name)
	}
	for name, link := range validLinks {
		require.Equal(t, Missing, ask(link, 404, ""), name)
		require.Equal(t, Gone, ask(link, 410, ""), name)
		require.Equal(t, Unavailable, ask(link, 400, ""), name)
		require.Equal(t, Blocked, ask(link, 403, "<h1>No</h1>", "Server: cloudflare", inHTML), name)
	}
}

func TestClassifyRedirectedPages(t *testing.T) {
	for text, want := range map[string]struct{ straight, redirected Kind }{
		"<html><title>Sign in</title>Please log in</html>": {"", Expired},
		"<html>Your session has expired</html>":            {"", Expired},
		"<html>Hello</html>":                               {"", ""},
	} {
		link := &url.URL{Host: "example.com", Path: "/a.mp3"}
		a := answer{status: 200, header: http.Header{}, text: text, link: link, asked: link, now: testNow}
		require.Equal(t, want.straight, classify(a), text)
		a.asked = &url.URL{Host: "example.com", Path: "/page"}
		require.Equal(t, want.redirected, classify(a), text)
	}
}

// The answers that the provider's hosts have given, as they came.
func TestClassifyRecordedAnswers(t *testing.T) {
	for file, want := range map[string]Kind{"expired_400.http": Expired, "botblock_403.http": Blocked} {
		recorded, err := os.ReadFile("testdata/" + file)
		require.NoError(t, err)
		head, text, _ := strings.Cut(strings.ReplaceAll(string(recorded), "\r\n", "\n"), "\n\n")
		lines := strings.Split(head, "\n")
		var status int
		_, err = fmt.Sscanf(lines[0], "HTTP/1.1 %d", &status)
		require.NoError(t, err)
		link, err := url.Parse(plainLink)
		require.NoError(t, err)
		require.Equal(t, want, classify(answer{
			status: status, header: header(lines[1:]...), text: text, link: link, asked: link, now: testNow,
		}), file)
	}
}

// Whatever a host answers, it is of one kind, always the same, and a server's trouble is never
// taken for an expired link.
func FuzzClassify(f *testing.F) {
	denied := storageError("AccessDenied", "x")
	for _, text := range []string{"error code: 1010", challengePage, blockPage, nginxPage, denied, "", `{"code":"x"}`} {
		for _, status := range []int{200, 302, 400, 401, 403, 404, 410, 429, 441, 451, 500, 503} {
			f.Add(status, "cloudflare", "text/html", text, "X-Amz-Date=20260101T000000Z&X-Amz-Expires=1", true)
		}
	}
	for _, link := range endedLinks {
		u, err := url.Parse(link)
		require.NoError(f, err)
		f.Add(403, "nginx", "", "", u.RawQuery, false)
	}
	f.Fuzz(func(t *testing.T, status int, server, contentType, text, query string, redirected bool) {
		a := answer{
			status: status, header: http.Header{"Server": {server}, "Content-Type": {contentType}}, text: text,
			link: &url.URL{RawQuery: query}, asked: &url.URL{}, now: testNow,
		}
		if !redirected {
			a.asked = a.link
		}
		kind := classify(a)
		require.Equal(t, kind, classify(a))
		known := []Kind{Expired, Blocked, Missing, Gone, Unavailable}
		if status == http.StatusOK {
			known = append(known, "")
		}
		require.Contains(t, known, kind)
		switch {
		case status >= 500 || status == 429 || status < 400 && status != 200:
			require.Contains(t, []Kind{Blocked, Unavailable}, kind)
		case status == http.StatusNotFound:
			require.NotEqual(t, Gone, kind)
		}
	})
}
