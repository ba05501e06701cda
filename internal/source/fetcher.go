// Package source fetches files from the provider's file hosts. The links come from an answer that
// anyone might have forged, so it goes to allowed hosts on the public Internet only, and takes
// nothing for a file that is not all of it.
package source

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"stemflow/internal/egress"
	"stemflow/internal/redact"
	"stemflow/internal/span"
	"stemflow/internal/useragent"
)

// Options configure a [Fetcher].
type Options struct {
	// AllowedHosts are the domains that may be fetched from, each with all that is below it:
	// "example.com" allows "files.example.com" and not "evilexample.com". A leading dot is the
	// same. An IP address must be listed as it is. No ports. Without any, nothing is allowed.
	AllowedHosts []string
	// AnyHost allows every host, in place of AllowedHosts: for what users name themselves. The
	// addresses are guarded all the same.
	AnyHost bool
	// AllowInsecure lets plain http, any port, and private addresses pass, for local stacks. The
	// hosts must be allowed still.
	AllowInsecure bool
	// AllowedNetworks are fetched from although their addresses are not public. Loopback and
	// link-local addresses and those of metadata services must be named as such: a larger network
	// does not allow them.
	AllowedNetworks []netip.Prefix
	// Proxy is the way to the hosts; nil is straight. Where a proxy connects, names are resolved by
	// it, and it alone can check their addresses.
	Proxy *egress.Proxy
	// MaxSize is the most bytes that a file may have; 0 is any number.
	MaxSize int64
	// StallTimeout is how long to wait for the answer to a request, and for each next byte of the
	// file; 0 is defaultStallTimeout.
	StallTimeout time.Duration
	// RootCAs replaces the system's certificate authorities where it is set.
	RootCAs *x509.CertPool
	// Transport, where set, carries every request in place of the fetcher's own, whose guard
	// against private addresses it goes without.
	Transport http.RoundTripper
	// Redactor hides secrets in what the hosts say. Links are hidden without it too.
	Redactor *redact.Redactor
}

// defaultStallTimeout is what Options.StallTimeout is when it is not set.
const defaultStallTimeout = 30 * time.Second

const maxRedirects = 5

// Fetcher fetches files. It keeps connections for reuse and is safe for concurrent use.
type Fetcher struct {
	guard        guard
	addresses    addressGuard
	maxSize      int64
	stallTimeout time.Duration
	transport    http.RoundTripper
	redact       *redact.Redactor
}

// New makes a Fetcher.
func New(options Options) *Fetcher {
	if options.StallTimeout <= 0 {
		options.StallTimeout = defaultStallTimeout
	}
	if options.Transport == nil {
		options.Transport = newTransport(options)
	}
	return &Fetcher{
		guard:        newGuard(options),
		addresses:    addressGuard{options.AllowedNetworks},
		maxSize:      options.MaxSize,
		stallTimeout: options.StallTimeout,
		transport:    options.Transport,
		redact:       options.Redactor,
	}
}

// Close closes the connections that no transfer uses. The fetcher may be used again.
func (f *Fetcher) Close() { (&http.Client{Transport: f.transport}).CloseIdleConnections() }

// Open asks for the file that rawURL names and returns it as soon as the host starts to answer. It
// follows redirects, each of which is checked as the link itself is. The caller must close the
// body. Ending ctx ends the transfer.
//
// All errors are an [*Error] except that of an ended ctx, which errors.Is tells.
func (f *Fetcher) Open(ctx context.Context, rawURL string) (*Body, error) {
	link, err := parseLink(&url.URL{}, rawURL)
	if err != nil {
		return nil, fail(Forbidden, "", "%w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	ctx, request := span.StartRequest(ctx, http.MethodGet, "source", link)
	response, err := f.follow(ctx, link)
	if err != nil {
		cancel(nil)
		request.Finish(err)
		return nil, err
	}
	request.Answered(response.StatusCode)
	asked := response.Request.URL
	host := asked.Hostname()
	a := answer{status: response.StatusCode, header: response.Header, link: link, asked: asked, now: time.Now()}
	if err := f.checkAnswer(ctx, cancel, a, response, host); err != nil {
		cancel(nil)
		_ = response.Body.Close()
		request.Finish(err)
		return nil, err
	}
	body := newBody(ctx, cancel, response, host, f.maxSize, f.stallTimeout)
	body.request, body.answer, body.redact = request, a, f.redact
	return body, nil
}

// follow asks for link and for what it redirects to, and returns the first answer that is no
// redirect.
func (f *Fetcher) follow(ctx context.Context, link *url.URL) (*http.Response, error) {
	for i := range 1 + maxRedirects {
		if err := f.check(link); err != nil {
			if i > 0 && leadsToLogin(link) {
				// No setting would make a login page the file.
				return nil, fail(
					Expired, link.Hostname(), "it was redirected to a login page: ask the provider for a new link",
				)
			}
			return nil, err
		}
		response, err := f.ask(ctx, link)
		if err != nil {
			return nil, err
		}
		location := response.Header.Get("Location")
		if !redirects(response.StatusCode) || location == "" {
			return response, nil
		}
		_ = response.Body.Close()
		host := link.Hostname()
		if link, err = parseLink(link, location); err != nil {
			return nil, fail(Forbidden, host, "it redirects to what is no URL: %w", err)
		}
	}
	return nil, fail(Unavailable, link.Hostname(), "the link redirects more than %d times", maxRedirects)
}

// check refuses every URL that may not be asked for. What is connected to straight is checked again
// when its address is known.
func (f *Fetcher) check(link *url.URL) error {
	if err := f.guard.check(link); err != nil {
		return err
	}
	t, ok := f.transport.(*transport)
	if !ok || f.guard.insecure || !t.goesThroughProxy(link) {
		return nil
	}
	if address, err := netip.ParseAddr(link.Hostname()); err == nil {
		if err := f.addresses.check(address); err != nil {
			return fail(Forbidden, link.Hostname(), "%w", err)
		}
	} else if f.guard.any && !isPublicName(link.Hostname()) {
		return fail(Forbidden, link.Hostname(), "the host has no name of the public Internet, and the egress proxy "+
			"may know it as one of its own network")
	}
	return nil
}

func redirects(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// ask makes one request. It goes by the transport alone: http.Client follows redirects by itself,
// and its errors repeat the URL.
func (f *Fetcher) ask(ctx context.Context, link *url.URL) (*http.Response, error) {
	host := link.Hostname()
	request := (&http.Request{
		Method: http.MethodGet,
		URL:    link,
		Header: http.Header{
			"Accept": {"*/*"},
			// What is archived is what was served: a content coding would make the length that of
			// something else.
			"Accept-Encoding": {"identity"},
			"User-Agent":      {useragent.Value},
		},
	}).WithContext(ctx)
	response, err := f.transport.RoundTrip(request)
	if err == nil {
		return response, nil
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("asking source host %q: %w", host, ctx.Err())
	}
	if refused, ok := errors.AsType[*addressError](err); ok {
		return nil, fail(Forbidden, host, "%w", refused)
	}
	if refused, ok := errors.AsType[*egress.Refusal](err); ok && refused.Denied() {
		return nil, fail(Blocked, host, "%w; then start again, unpaid", f.redact.Error(refused))
	}
	return nil, fail(Unavailable, host, "%w", f.redact.Error(err))
}

// checkAnswer refuses every answer that is not the file.
func (f *Fetcher) checkAnswer(
	ctx context.Context, cancel context.CancelCauseFunc, a answer, response *http.Response, host string,
) error {
	if response.StatusCode != http.StatusOK || challenged(response.Header) {
		return f.refusal(ctx, cancel, a, response.Body, host)
	}
	if coding := response.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return fail(Unavailable, host, "sent content coding %q unasked", f.redact.Outside(coding))
	}
	switch size := response.ContentLength; {
	case size == 0:
		return fail(Empty, host, "serves no byte: try again later")
	case f.maxSize > 0 && size > f.maxSize:
		return tooLarge(host, f.maxSize)
	}
	return nil
}

func tooLarge(host string, maxSize int64) *Error {
	return fail(
		TooLarge,
		host,
		"the file has more than %d bytes: raise STEMFLOW_MAX_STEM_SIZE if that is right",
		maxSize,
	)
}
