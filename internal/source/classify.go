package source

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// answer is what a host says in place of a file.
type answer struct {
	status int
	header http.Header
	// text is the beginning of the body.
	text string
	// link is what was asked for, and asked where its redirects led.
	link, asked *url.URL
	now         time.Time
}

// statusLinkDead is what one of the provider's file hosts answers for a link that has expired, and
// statusInvalidToken what some checkers of links answer.
const (
	statusLinkDead     = 441
	statusInvalidToken = 498
)

// classify says what an answer means: that the link is no longer good ([Expired]), that the host
// does not want this client ([Blocked]), that the file is not there ([Missing], [Gone]), or that it
// may pass ([Unavailable]). It is empty for a 200 that may be the file.
//
// A link is renewed for nothing, so what may be about the link is taken for that. But where renewal
// fails, a run ends with "expired": so an answer that is about the client must not be taken for it.
func classify(a answer) Kind {
	switch {
	case challenged(a.header):
		return Blocked
	case a.status == http.StatusOK:
		return classifyPage(a)
	case a.status >= 500 || a.status == http.StatusTooManyRequests || a.status < 400:
		if a.status != http.StatusBadGateway && a.status != http.StatusGatewayTimeout && challenge.MatchString(a.text) {
			return Blocked
		}
		return Unavailable
	}
	switch kind := kindOfStorageCode(a); {
	case kind != "":
		return kind
	case a.status == http.StatusNotFound || a.status == http.StatusGone:
		return classifyAbsent(a)
	case challenge.MatchString(a.text) || blocked.MatchString(a.text) || deniesTheClient(a):
		return Blocked
	case busy.MatchString(visible(a.text)) && !a.overdue():
		return Unavailable
	case a.overdue():
		return Expired
	}
	switch a.status {
	case statusLinkDead, statusInvalidToken:
		return Expired
	case http.StatusForbidden:
		return classifyForbidden(a)
	case http.StatusUnauthorized:
		if speaksOfExpiry(a.text) || signed(a.link) || signed(a.asked) {
			return Expired
		}
	case http.StatusProxyAuthRequired:
		return Blocked
	case http.StatusUnavailableForLegalReasons:
		// Often only for some countries. New stems of the same song would be withheld as well, so
		// this must never read as an advice to pay.
		return Blocked
	case http.StatusRequestTimeout, http.StatusTooEarly:
	default:
		if speaksOfExpiry(a.text) {
			return Expired
		}
	}
	return Unavailable
}

func classifyAbsent(a answer) Kind {
	switch {
	case a.overdue() || saysExpired(visible(a.text)):
		return Expired
	case a.status == http.StatusGone:
		return Gone
	default:
		return Missing
	}
}

func classifyForbidden(a answer) Kind {
	switch {
	case speaksOfTheLink(a.text):
		return Expired
	case fromEdge(a.header, a.text):
		return Blocked
	default:
		return Expired
	}
}

// classifyPage looks at a 200 that begins like markup or JSON, which no audio does.
func classifyPage(a answer) Kind {
	if !looksLikeText(a.text) {
		return ""
	}
	plain := visible(a.text)
	switch kind := kindOfStorageCode(a); {
	case kind != "":
		return kind
	case challenge.MatchString(a.text) || blocked.MatchString(a.text):
		return Blocked
	case expired.MatchString(plain) && (linkWords.MatchString(plain) || a.redirected()):
		return Expired
	case passwordField.MatchString(a.text) || a.redirected() && loginWords.MatchString(plain):
		return Expired
	case notFoundTitle.MatchString(a.text):
		return Missing
	}
	return ""
}

// looksLikeText reports whether a body begins as a page or a JSON document does.
func looksLikeText(text string) bool {
	text = strings.TrimLeft(strings.TrimPrefix(text, "\ufeff"), " \t\r\n")
	return text != "" && (text[0] == '<' || text[0] == '{')
}

var (
	// storeError is an error of an object store: S3 and those that speak like it, and Azure.
	storeError = regexp.MustCompile(`(?is)<Error\b.*?<Code>\s*(\w+)\s*</Code>`)
	jsonCode   = regexp.MustCompile(`(?i)"(?:code|error_?code|error|reason)"\s*:\s*"([\w.]+)"`)

	passingCode = regexp.MustCompile(`(?i)^(?:SlowDown|InternalError|Internal_?Server_?Error|ServerBusy|` +
		`Service_?Unavailable|RequestTimeout|OperationTimedOut|Bad_?Gateway|TooManyRequests|.*cap_?exceeded|` +
		`.*(?:traffic|rate|bandwidth|quota)\w*exceeded)$`)
	missingCode = regexp.MustCompile(`(?i)^(?:NoSuch(?:Key|Bucket|Version|Object)|BlobNotFound|ContainerNotFound|` +
		`ResourceNotFound|FileNotFound|file_not_found|no_such_file|NotFound)$`)
	blockedCode = regexp.MustCompile(`(?i)^(?:AuthorizationFailure|AuthorizationSourceIPMismatch|` +
		`IpAuthorizationFailure|SecurityPolicyViolated)$`)
	expiredCode = regexp.MustCompile(`(?i)expired|^(?:AccessDenied|SignatureDoesNotMatch|AuthenticationFailed|` +
		`Invalid_?Token|InvalidAccessKeyId|InvalidSecurity|TokenRefreshRequired|bad_auth_token|BadToken|` +
		`AuthorizationQueryParametersError|MissingKey|InvalidKey)$`)

	// expired says that the time of a link is over.
	expired = regexp.MustCompile(`(?i)expir(?:ed|es|y|ation|ing)|not valid in the specified time frame|` +
		`no longer valid|过期|已失效`)
	// refusedLink says that a link is not good, of a store or of a checker of links.
	refusedLink = regexp.MustCompile(`(?i)AccessDenied|SignatureDoesNotMatch|AuthenticationFailed|` +
		`(?:invalid|bad|wrong) (?:signature|token)|(?:signature|token)[\w ]{0,20}(?:invalid|mismatch|not match|failed)`)
	// hedged is what a page says that does not know why there is no file.
	hedged    = regexp.MustCompile(`(?i)\b(?:may|might|could) (?:have|be)\b`)
	linkWords = regexp.MustCompile(`(?i)\b(?:signature|token|link|url|request)\b|链接`)

	passwordField = regexp.MustCompile(`(?i)<input[^>]*\btype\s*=\s*["']?password`)
	loginWords    = regexp.MustCompile(`(?i)\b(?:sign|log) ?in\b|登录`)
	loginPlace    = regexp.MustCompile(`(?i)\b(?:log_?in|sign_?in|sso|oauth2?)\b`)
	notFoundTitle = regexp.MustCompile(`(?i)<title>[^<]*(?:\b404\b|not found)`)

	script = regexp.MustCompile(`(?is)<(?:script|style)\b.*?(?:</(?:script|style)\s*>|$)`)
	markup = regexp.MustCompile(`<[^>]*>`)

	// challenge is a page that wants a browser, blocked one for whom it does not want at all.
	challenge = regexp.MustCompile(`(?i)<title>\s*just a moment|challenge-platform|cf-chl-|checking your browser|` +
		`captcha|vercel security checkpoint|ddos-guard|awswaf|enable javascript and cookies to continue`)
	blocked = regexp.MustCompile(`(?i)\berror code:? 1\d\d\d\b|attention required! \| cloudflare|cf-error-details|` +
		`"cloudflare_error"|you have been blocked|request (?:has been |was )?blocked|incapsula incident|` +
		`_incapsula_resource|access to this page has been denied|sucuri website firewall|` +
		`the requested url was rejected\. please consult|mod_security|please enable cookies|pardon our interruption`)
	// busy is a host that has served enough for now.
	busy = regexp.MustCompile(`(?i)\b(?:bandwidth|traffic|download|transfer|rate|request|quota)s? ?(?:limit|quota)? ` +
		`(?:has been |was |is )?(?:exceeded|reached)\b|\btoo many (?:\w+ )?(?:requests|connections|downloads)\b`)
	// akamaiPage is that of an edge which does not always say its name.
	akamaiPage = regexp.MustCompile(`(?is)access denied.*reference(?: |&#32;)(?:#|&#35;)[0-9a-f]+(?:\.|&#46;)`)

	edgeErrorCode = regexp.MustCompile(`(?i)\berror code:? (1\d\d\d)\b`)
	// clientPolicy refuses by who asks and from where.
	clientPolicy = regexp.MustCompile(`(?i)referer policy|denied by (?:http_?)?(?:referer|ip|user.?agent|ua)\b|` +
		`\bsource ip\b|ip (?:address )?(?:is )?not (?:allowed|whitelisted)|hot.?link|user.?agent (?:is )?` +
		`(?:not allowed|denied|blocked|forbidden)|vpcServiceControls|not available in your (?:country|region)|` +
		`block(?:s|ed|ing)? (?:all )?access from (?:your|this|the) (?:country|region|location)|geo.?block`)
	// originPage is the page of a server behind an edge.
	originPage = regexp.MustCompile(`(?i)<center>(?:nginx|openresty|tengine)|<address>apache`)
)

// kindOfStorageCode is what the error code of an object store means, empty if there is none that
// decides.
func kindOfStorageCode(a answer) Kind {
	code := a.header.Get("X-Ms-Error-Code")
	ofStore := code != ""
	if found := storeError.FindStringSubmatch(a.text); found != nil {
		code, ofStore = found[1], true
	} else if found := jsonCode.FindStringSubmatch(a.text); found != nil && code == "" {
		code = found[1]
	}
	switch {
	case code == "":
		return ""
	case passingCode.MatchString(code):
		return Unavailable
	case blockedCode.MatchString(code):
		return Blocked
	case ofStore && clientPolicy.MatchString(a.text) && !a.overdue():
		return Blocked
	case missingCode.MatchString(code) && a.status != http.StatusForbidden:
		return classifyAbsent(a)
	case expiredCode.MatchString(code):
		return Expired
	case ofStore && a.status == http.StatusForbidden:
		return Expired
	case ofStore && expired.MatchString(visible(a.text)):
		return Expired
	}
	return ""
}

// saysExpired reports whether a text knows that a link has expired.
func saysExpired(text string) bool { return expired.MatchString(text) && !hedged.MatchString(text) }

func speaksOfExpiry(text string) bool {
	plain := visible(text)
	return expired.MatchString(plain) || refusedLink.MatchString(plain)
}

func speaksOfTheLink(text string) bool {
	return speaksOfExpiry(text) || visible(text) == text && linkWords.MatchString(text)
}

// visible is what a person would read: the markup of every page speaks of links, too.
func visible(text string) string {
	return markup.ReplaceAllString(script.ReplaceAllString(text, " "), " ")
}

// challenged reports whether an edge says in a header that it wants a browser, or a person.
func challenged(header http.Header) bool {
	for _, name := range []string{"Cf-Mitigated", "X-Vercel-Mitigated", "X-Amzn-Waf-Action"} {
		switch strings.ToLower(header.Get(name)) {
		case "challenge", "captcha", "deny", "block":
			return true
		}
	}
	return false
}

func deniesTheClient(a answer) bool {
	if clientPolicy.MatchString(a.text) || clientPolicy.MatchString(a.header.Get("X-Tengine-Error")) {
		return !a.overdue()
	}
	return a.status == http.StatusForbidden && !a.overdue() &&
		(strings.HasPrefix(a.header.Get("Server"), "AkamaiGHost") || akamaiPage.MatchString(a.text))
}

// fromEdge reports whether an edge has answered by itself: with a page, or a short text, that is
// not that of a server behind it.
func fromEdge(header http.Header, text string) bool {
	text = strings.TrimSpace(text)
	kind := cmp.Or(header.Get("Content-Type"), http.DetectContentType([]byte(text)))
	server := strings.ToLower(header.Get("Server"))
	return (server == "cloudflare" || server == "ddos-guard" || strings.HasPrefix(server, "sucuri")) &&
		text != "" && !originPage.MatchString(text) &&
		(strings.HasPrefix(kind, "text/html") || strings.HasPrefix(kind, "text/plain"))
}

func edgeCode(text string) string {
	if code := edgeErrorCode.FindStringSubmatch(text); code != nil {
		return " (error code " + code[1] + ")"
	}
	return ""
}

// leadsToLogin reports whether a redirect leads to a page that asks who one is.
func leadsToLogin(u *url.URL) bool {
	return loginPlace.MatchString(u.Path) || loginPlace.MatchString(u.Hostname())
}

func (a answer) redirected() bool { return a.asked != a.link && *a.asked != *a.link }

// overdue reports whether the link itself, or the one that it led to, says that its time is over.
func (a answer) overdue() bool {
	for _, link := range []*url.URL{a.link, a.asked} {
		if until, ok := validUntil(link); ok && a.now.After(until) {
			return true
		}
	}
	return false
}

// signed reports whether a link carries a signature or a token.
func signed(link *url.URL) bool {
	for name := range query(link) {
		switch name {
		case "signature", "sig", "sign", "token", "auth_key", "policy", "hdnts", "hdnea", "__token__", "verify",
			"q-signature", "jwt", "access_token":
			return true
		}
		if strings.HasPrefix(name, "x-") && strings.HasSuffix(name, "-signature") {
			return true
		}
	}
	return false
}

// query is the parameters of a link, their names in lower case: stores spell them in many ways.
func query(link *url.URL) map[string]string {
	values := map[string]string{}
	if link == nil {
		return values
	}
	// What can be read of it is enough. A semicolon is part of a value, which Go would leave out.
	parsed, _ := url.ParseQuery(strings.ReplaceAll(link.RawQuery, ";", "%3B"))
	for name, value := range parsed {
		values[strings.ToLower(name)] = value[0]
	}
	return values
}

var (
	akamaiUntil     = regexp.MustCompile(`(?:^|~)exp=(\d{10})(?:~|$)`)
	cloudFrontUntil = regexp.MustCompile(`"DateLessThan"\s*:\s*\{\s*"AWS:EpochTime"\s*:\s*(\d{10})`)
)

// validUntil is when a link expires by its own parameters, as the stores and edges that are known
// write them. The earliest counts.
func validUntil(link *url.URL) (until time.Time, ok bool) {
	at := func(t time.Time, valid bool) {
		if valid && (!ok || t.Before(until)) {
			until, ok = t, true
		}
	}
	values := query(link)
	for name, value := range values {
		switch name {
		case "expires", "expire", "expiry", "exp", "e", "se", "expires_at", "x-expires":
			at(parseTime(value))
		case "q-sign-time", "q-key-time":
			_, end, _ := strings.Cut(value, ";")
			at(parseTime(end))
		case "hdnts", "hdnea", "hdntl", "__token__", "token":
			if found := akamaiUntil.FindStringSubmatch(value); found != nil {
				at(parseTime(found[1]))
			}
		case "policy":
			text := strings.NewReplacer("-", "+", "_", "=", "~", "/").Replace(value)
			if policy, err := base64.StdEncoding.DecodeString(text); err == nil {
				if found := cloudFrontUntil.FindSubmatch(policy); found != nil {
					at(parseTime(string(found[1])))
				}
			}
		}
		// X-Amz-, X-Goog-, x-oss-, X-Tos- and others count from the time of the signature.
		if vendor, isLifetime := strings.CutSuffix(name, "-expires"); isLifetime && strings.HasPrefix(name, "x-") {
			seconds, err := strconv.ParseInt(value, 10, 32)
			from, dateErr := time.Parse("20060102T150405Z", values[vendor+"-date"])
			at(from.Add(time.Duration(seconds)*time.Second), err == nil && dateErr == nil && seconds >= 0)
		}
	}
	return until, ok
}

// parseTime reads a time in seconds or milliseconds since 1970, or in ISO 8601.
func parseTime(text string) (time.Time, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		switch len(text) {
		case len("1700000000"):
			return time.Unix(n, 0), n > 0
		case len("1700000000000"):
			return time.UnixMilli(n), n > 0
		}
		return time.Time{}, false
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
