package source

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"stemflow/internal/useragent"
)

// maxExplanation bounds what is read of an answer that is not the file, in bytes. What tells one
// refusal from another stands at the beginning.
const maxExplanation = 16 << 10

// statusLinkDead is what one of the provider's file hosts answers for a link that has expired.
const statusLinkDead = 441

// refusal is why a host serves something else than the file. It repeats nothing of the answer,
// which may hold the link or its signature.
func (f *Fetcher) refusal(
	ctx context.Context, cancel context.CancelCauseFunc, response *http.Response, host string,
) error {
	status := response.StatusCode
	text := f.explanation(cancel, response)
	if ctx.Err() != nil && context.Cause(ctx) != errStalled {
		return fmt.Errorf("asking source host %q: %w", host, ctx.Err())
	}
	e := &Error{Kind: kindOfRefusal(status, response.Header, text), Status: status, Host: host}
	switch e.Kind {
	case Expired:
		e.Err = fmt.Errorf("answered %d: ask the provider for a new link", status)
	case Blocked:
		e.Err = fmt.Errorf("answered %d%s: it refuses this worker and not the link; find out what it blocks "+
			"(the address that the worker goes out by, or its User-Agent %q), have that changed, and start again",
			status, edgeCode(text), useragent.Value)
	default:
		e.Err = fmt.Errorf("answered %d in place of the file: try again later", status)
	}
	return e
}

// explanation is what the host says about its refusal, as far as it comes in time.
func (f *Fetcher) explanation(cancel context.CancelCauseFunc, response *http.Response) string {
	watchdog := time.AfterFunc(f.stallTimeout, func() { cancel(errStalled) })
	defer watchdog.Stop()
	text, _ := io.ReadAll(io.LimitReader(response.Body, maxExplanation)) // what has come is judged
	return string(text)
}

var (
	// storageCode is in the error of an object store: S3 and those that speak like it, and Azure.
	storageCode = regexp.MustCompile(`(?is)<Error\b.*?<Code>\s*\w+\s*</Code>`)
	// expiredWords say that the link is no longer good, of a store or of whoever checks links.
	expiredWords = regexp.MustCompile(`(?i)\bexpir(?:ed|es|y)\b|ExpiredToken|AccessDenied|` +
		`SignatureDoesNotMatch|AuthenticationFailed`)
	linkWords = regexp.MustCompile(`(?i)\b(?:signature|token|link|url)\b`)

	markup = regexp.MustCompile(`<[^>]*>`)

	// challenge is a page that wants a browser, blocked one for whom it does not want at all.
	challenge = regexp.MustCompile(`(?i)<title>\s*just a moment|challenge-platform|cf-chl-|` +
		`checking your browser|captcha`)
	blocked = regexp.MustCompile(`(?i)\berror code:? 1\d\d\d\b|attention required! \| cloudflare|cf-error-details|` +
		`"cloudflare_error"|you have been blocked|request blocked|incapsula incident`)
	blockedCode = regexp.MustCompile(`(?i)\berror code:? (1\d\d\d)\b`)
	// originPage is the page of a server behind an edge.
	originPage = regexp.MustCompile(`(?i)<center>(?:nginx|openresty|tengine)|<address>apache`)
)

// kindOfRefusal tells a link that is no longer good from a host that does not want this client.
// The first is renewed, which costs nothing and ends with "expired" where it fails; so it must not
// be taken for granted of an answer that is about the client.
func kindOfRefusal(status int, header http.Header, text string) Kind {
	switch status {
	case http.StatusNotFound, http.StatusGone, statusLinkDead:
		return Expired
	case http.StatusForbidden:
		return kindOfForbidden(header, text)
	case http.StatusBadRequest, http.StatusUnauthorized:
		if expiredWords.MatchString(visible(text)) {
			return Expired
		}
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		if challenged(header) || status == http.StatusServiceUnavailable && challenge.MatchString(text) {
			return Blocked
		}
	}
	return Unavailable
}

func kindOfForbidden(header http.Header, text string) Kind {
	switch {
	case storageCode.MatchString(text):
		return Expired
	case challenged(header) || challenge.MatchString(text) || blocked.MatchString(text):
		return Blocked
	case speaksOfTheLink(text):
		return Expired
	case fromEdge(header, text):
		return Blocked
	default:
		return Expired
	}
}

func speaksOfTheLink(text string) bool {
	plain := visible(text)
	return expiredWords.MatchString(plain) || plain == text && linkWords.MatchString(text)
}

// visible is what a person would read: the markup of every page speaks of links, too.
func visible(text string) string { return markup.ReplaceAllString(text, " ") }

func challenged(header http.Header) bool {
	return strings.EqualFold(header.Get("Cf-Mitigated"), "challenge")
}

// fromEdge reports whether an edge has answered by itself: with a page, or a short text, that is
// not that of a server behind it.
func fromEdge(header http.Header, text string) bool {
	text = strings.TrimSpace(text)
	kind := cmp.Or(header.Get("Content-Type"), http.DetectContentType([]byte(text)))
	return strings.EqualFold(header.Get("Server"), "cloudflare") && text != "" && !originPage.MatchString(text) &&
		(strings.HasPrefix(kind, "text/html") || strings.HasPrefix(kind, "text/plain"))
}

func edgeCode(text string) string {
	if code := blockedCode.FindStringSubmatch(text); code != nil {
		return " (error code " + code[1] + ")"
	}
	return ""
}
