// Package kie speaks to the provider, KIE.AI's Suno API: it makes the paid call, reads records,
// decodes and verifies callbacks. It is the only package of the product that knows the provider's
// wire format.
//
// The provider documents its format loosely and in several dialects, so what it sends is read
// tolerantly: spelling of names, numbers as strings, null, "" or absent. What follows from an
// answer is decided strictly: see [Verdict].
package kie

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"stemflow/internal/egress"
	"stemflow/internal/redact"
	"stemflow/internal/span"
	"stemflow/internal/useragent"
)

// The provider's endpoints, below the base URL.
const (
	pathCreateTask  = "/api/v1/jobs/createTask"
	pathJobsRecord  = "/api/v1/jobs/recordInfo"
	pathDownloadURL = "/api/v1/common/download-url"
	pathCredits     = "/api/v1/chat/credit"
)

// The calls as errors name them.
const (
	opGenerate    = "generate"
	opRecord      = "record-info"
	opDownloadURL = "download-url"
	opCredits     = "credit"
)

const defaultTimeout = 30 * time.Second

// Options are what a [Client] is made from.
type Options struct {
	// BaseURL is the provider's address, "https://api.kie.ai". A path in it goes before the
	// endpoints' own.
	BaseURL string
	// UploadURL is the address of the provider's file uploads; empty is BaseURL.
	UploadURL string
	// APIKey is sent as bearer token; a simulator may do without.
	APIKey string
	// Route is by which endpoints separations are submitted; empty is RouteDedicated.
	Route Route
	// Timeout bounds one request from dialling to the last byte of the answer; 0 is 30 seconds.
	Timeout time.Duration
	// Transport, where set, carries every request. It must support net/http/httptrace: without
	// that, a connection that was never made cannot be told from a lost answer. By default the paid
	// call has connections of its own, none used twice.
	Transport http.RoundTripper
	// Proxy is the way to the provider where Transport is not set; nil is straight.
	Proxy *egress.Proxy
	// Redactor hides secrets in what the provider says. The API key is hidden without it too.
	Redactor *redact.Redactor
}

// Client calls the provider. It follows no redirect and never repeats a call on its own. It is safe
// for concurrent use.
type Client struct {
	base    *url.URL
	upload  *url.URL
	apiKey  string
	route   Route
	timeout time.Duration
	redact  *redact.Redactor
	// paid carries the calls that cost money, free all others.
	paid, free *http.Client
}

// New checks the options and makes a client. It opens no connection.
func New(o Options) (*Client, error) {
	base, err := baseURL(o.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("the provider's base URL %w, like https://api.kie.ai", err)
	}
	upload, err := baseURL(cmp.Or(o.UploadURL, o.BaseURL))
	if err != nil {
		return nil, fmt.Errorf("the provider's upload URL %w, like https://kieai.redpandaai.co", err)
	}
	if strings.ContainsFunc(o.APIKey, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New(
			"the provider's API key contains blanks or characters that no key has, copy it again without line breaks",
		)
	}
	route, err := ParseRoute(string(o.Route))
	if err != nil {
		return nil, err
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	paid, free := o.Transport, o.Transport
	if o.Transport == nil {
		paid, free = singleUse(o.Proxy.NewTransport()), o.Proxy.NewTransport()
	}
	return &Client{
		base: base, upload: upload, apiKey: o.APIKey, route: route, timeout: o.Timeout,
		redact: o.Redactor.With(o.APIKey),
		paid:   clientFor(paid), free: clientFor(free),
	}, nil
}

func baseURL(text string) (*url.URL, error) {
	base, err := url.Parse(text)
	if err != nil || (base.Scheme != "https" && base.Scheme != "http") || base.Host == "" || base.User != nil ||
		base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("is not usable, give scheme and host and at most a path")
	}
	return base, nil
}

// Close closes the connections that no call uses. The client may be used again.
func (c *Client) Close() { c.free.CloseIdleConnections() }

// singleUse has a transport make a new HTTP/1.1 connection for each request. A kept connection that
// the other side has just closed would leave the outcome of a paid call unknown, and HTTP/2 repeats
// requests on its own in some cases.
func singleUse(t *http.Transport) *http.Transport {
	t.DisableKeepAlives = true
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	return t
}

func clientFor(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// call is one request to the provider.
type call struct {
	op, method, path string
	query            url.Values
	// body is sent as JSON; nil sends none.
	body any
	paid bool
	// about is the task that the call is about. An answer that repeats its id names no other.
	about string
	// read reads the answer where it may be too large to be held; nil holds it.
	read func(*http.Response) (answer, error)
	// once says that 409 is the answer to a second call for the same track.
	once bool
	// secrets must not appear in errors even if the provider echoes them.
	secrets []string
}

// do makes the call once, as a span of the caller's trace. It returns an answer only if the
// provider says success; every error is an [*Error].
func (c *Client) do(ctx context.Context, l call) (answer, error) {
	ctx, request := span.StartRequest(ctx, l.method, l.path, c.base)
	a, err := c.exchange(ctx, l)
	status, code := a.status, a.code
	if refused, ok := errors.AsType[*Error](err); ok {
		status, code = refused.HTTPStatus, refused.Code
	}
	if status != 0 {
		request.Answered(status)
	}
	if code != 0 {
		request.AddInt(span.ProviderCode, int64(code))
	}
	request.Finish(err)
	return a, err
}

func (c *Client) exchange(ctx context.Context, l call) (answer, error) {
	if err := ctx.Err(); err != nil {
		return answer{}, &Error{Op: l.op, Verdict: Busy, Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var conn connection
	req, err := c.newRequest(conn.watch(ctx), l)
	if err != nil {
		return answer{}, &Error{Op: l.op, Verdict: Rejected, Err: err}
	}

	client := c.free
	if l.paid {
		client = c.paid
	}
	resp, err := client.Do(req)
	if err != nil {
		e := &Error{Op: l.op, Err: c.hiding(l).Error(withoutURL(err))}
		if conn.neverMade() {
			e.Verdict = Busy
		}
		return answer{}, e
	}
	defer resp.Body.Close()

	read := readAnswer
	if l.read != nil {
		read = l.read
	}
	a, err := read(resp)
	if err != nil {
		return answer{}, &Error{Op: l.op, HTTPStatus: resp.StatusCode, Err: c.hiding(l).Error(err)}
	}
	a.tasks = slices.DeleteFunc(a.tasks, func(id string) bool { return id == l.about })
	if !a.success() {
		return answer{}, c.refusal(l, a, a.oddity())
	}
	return a, nil
}

func (c *Client) newRequest(ctx context.Context, l call) (*http.Request, error) {
	var body []byte
	if l.body != nil {
		var err error
		if body, err = json.Marshal(l.body); err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
	}
	u := c.base.JoinPath(l.path)
	u.RawQuery = l.query.Encode()
	req, err := http.NewRequestWithContext(ctx, l.method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	// With no way to get the body a second time, no transport can send it a second time.
	req.GetBody = nil
	req.Header.Set("User-Agent", useragent.Value)
	if l.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.apiKey != "" {
		req.Header.Set("Authorization", "Bearer "+c.apiKey)
	}
	return req, nil
}

// refusal is the error for an answer that does not give what was asked for.
func (c *Client) refusal(l call, a answer, cause error) *Error {
	e := &Error{
		Op: l.op, HTTPStatus: a.status, Code: a.code, Message: c.hiding(l).Outside(printable(a.message)),
		Verdict: verdictOf(a, l), Err: cause,
	}
	if e.Verdict == Exists {
		data, _ := parseObject(a.data)
		if id := text(data.get("taskId")); usableID(id) {
			e.TaskID = id
		}
	}
	return e
}

// hiding hides the secrets that the call has sent.
func (c *Client) hiding(l call) *redact.Redactor {
	return c.redact.With(l.secrets...)
}

// withoutURL drops the URL that net/http puts in front of its errors.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}
