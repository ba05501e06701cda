package hook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"stemflow/internal/bounded"
	"stemflow/internal/egress"
	"stemflow/internal/redact"
	"stemflow/internal/span"
	"stemflow/internal/useragent"
)

const (
	// webhookTimeout bounds one request, from dialling to the head of the answer. A receiver is to
	// take an event, and to work on it later.
	webhookTimeout = 15 * time.Second
	// mostWait bounds how long a receiver may ask to be left alone.
	mostWait = time.Hour
	// mostSaid bounds what is kept of an answer or an output, in bytes.
	mostSaid = 500
)

// WebhookOptions are what a [Webhook] is made from.
type WebhookOptions struct {
	URL string
	// Secrets are "whsec_" and a key in base64. Each signs, so that receivers can change from one
	// to the next.
	Secrets []string
	// Insecure lets http through to other machines.
	Insecure bool
	// Proxy is the way to the receiver; nil is straight.
	Proxy *egress.Proxy
	// Redactor hides secrets in what the receiver says.
	Redactor *redact.Redactor
	// Timeout bounds one request; 0 is 15 seconds.
	Timeout time.Duration
}

// Webhook posts events to one address. It follows no redirect. It is safe for concurrent use.
type Webhook struct {
	address *url.URL
	keys    []*standardwebhooks.Webhook
	client  *http.Client
	redact  *redact.Redactor
	timeout time.Duration
}

// NewWebhook checks the options. It opens no connection, and no error repeats a secret or the
// address.
func NewWebhook(o WebhookOptions) (*Webhook, error) {
	if err := CheckURL(o.URL, o.Insecure); err != nil {
		return nil, fmt.Errorf("the webhook's address %w", err)
	}
	if len(o.Secrets) == 0 {
		return nil, errors.New("the webhook has no secret, without which receivers cannot know who calls: give one, " +
			Remedy)
	}
	address, err := url.Parse(o.URL)
	if err != nil {
		return nil, errURL
	}
	w := &Webhook{address: address, redact: o.Redactor.With(SecretsOf(o.URL)...), timeout: o.Timeout}
	if w.timeout <= 0 {
		w.timeout = webhookTimeout
	}
	for _, secret := range o.Secrets {
		if err := CheckSecret(secret); err != nil {
			return nil, fmt.Errorf("a secret of the webhook %w", err)
		}
		key, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return nil, errors.New("a secret of the webhook cannot be read, " + Remedy)
		}
		w.keys = append(w.keys, key)
	}
	w.client = &http.Client{
		Transport:     o.Proxy.NewTransport(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return w, nil
}

// Close closes the connections that no request uses.
func (w *Webhook) Close() { w.client.CloseIdleConnections() }

// Send posts an event once. The error is an [*Error].
func (w *Webhook) Send(ctx context.Context, id string, body []byte) error {
	ctx, request := span.StartRequest(ctx, http.MethodPost, "webhook", w.address)
	status, err := w.send(ctx, id, body)
	if status != 0 {
		request.Answered(status)
	}
	request.Finish(err)
	return err
}

func (w *Webhook) send(ctx context.Context, id string, body []byte) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.address.String(), bytes.NewReader(body))
	if err != nil {
		return 0, &Error{Message: "the webhook could not be called: " + w.reason(err)}
	}
	if err := w.sign(req.Header, id, time.Now(), body); err != nil {
		return 0, &Error{Message: "the webhook could not be signed: " + w.reason(err)}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", useragent.Value)
	resp, err := w.client.Do(req)
	if err != nil {
		return 0, &Error{Message: "the webhook could not be called: " + w.reason(err)}
	}
	defer resp.Body.Close()
	return resp.StatusCode, w.judge(resp)
}

// sign adds the headers of standard-webhooks.com. The time is that of the attempt.
func (w *Webhook) sign(header http.Header, id string, at time.Time, body []byte) error {
	signatures := make([]string, len(w.keys))
	for i, key := range w.keys {
		signature, err := key.Sign(id, at, body)
		if err != nil {
			return err
		}
		signatures[i] = signature
	}
	header.Set(standardwebhooks.HeaderWebhookID, id)
	header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return nil
}

// reason is an error of the transport, without the address that it may repeat.
func (w *Webhook) reason(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %v; a receiver should take an event and work on it later", w.timeout)
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return bounded.Text(w.redact.Outside(err.Error()), mostSaid)
}

// judge returns nil if the receiver has taken the event.
func (w *Webhook) judge(resp *http.Response) error {
	status := resp.StatusCode
	if status >= 200 && status < 300 {
		return nil
	}
	e := &Error{Message: fmt.Sprintf("the webhook answered %d", status)}
	switch {
	case status >= 300 && status < 400:
		e.Final = true
		e.Message += ": redirects are not followed, give the address that it leads to"
		return e
	case status == http.StatusGone:
		e.Final = true
		e.Message += ": the receiver is gone, unset STEMFLOW_WEBHOOK_URL or give another address"
		return e
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooEarly,
		status == http.StatusTooManyRequests:
		e.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), time.Now())
	default:
		e.Final = true
	}
	// What it says may be slow or endless: the request's time bounds it, and its size does.
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 4*mostSaid))
	if text := strings.Join(strings.Fields(w.redact.Outside(string(said))), " "); text != "" {
		e.Message += ": " + bounded.Text(text, mostSaid)
	}
	return e
}

// retryAfter reads a header that has seconds or a date.
func retryAfter(value string, now time.Time) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64); err == nil {
		wait = time.Duration(min(max(seconds, 0), int64(mostWait/time.Second))) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), mostWait)
}
