package source

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"stemflow/internal/useragent"
)

// maxExplanation bounds what is read of an answer that is not the file, in bytes. What tells one
// refusal from another is at the beginning.
const maxExplanation = 16 << 10

// refusal is why a host serves something else than the file. It repeats nothing of the answer,
// which may hold the link or its signature.
func (f *Fetcher) refusal(
	ctx context.Context, cancel context.CancelCauseFunc, a answer, body io.Reader, host string,
) error {
	a.text = f.explanation(cancel, body)
	if ctx.Err() != nil && context.Cause(ctx) != errStalled {
		return fmt.Errorf("asking source host %q: %w", host, ctx.Err())
	}
	return a.failure(classify(a), host)
}

// failure is the error for an answer of a kind.
func (a answer) failure(kind Kind, host string) *Error {
	e := &Error{Kind: kind, Status: a.status, Host: host}
	what := fmt.Sprintf("answered %d", a.status)
	if a.status == http.StatusOK {
		what = "serves a page in place of the file"
	}
	switch kind {
	case Expired:
		e.Err = fmt.Errorf("%s: the link is no longer good, ask the provider for a new one", what)
	case Gone:
		e.Err = fmt.Errorf("%s: the file is not there any more", what)
	case Missing:
		e.Err = fmt.Errorf("%s: the file is not there, try again later", what)
	case Blocked:
		e.Err = fmt.Errorf("%s%s: %s", what, edgeCode(a.text), a.blockedRemedy())
	default:
		e.Err = fmt.Errorf("%s in place of the file: try again later", what)
	}
	return e
}

func (a answer) blockedRemedy() string {
	switch a.status {
	case http.StatusProxyAuthRequired:
		return "the egress proxy wants other credentials; correct them in HTTP_PROXY, and start again"
	case http.StatusUnavailableForLegalReasons:
		return "it withholds the file for legal reasons, perhaps only where this worker goes out; let a worker " +
			"elsewhere fetch it, or ask the provider's support, and start again"
	default:
		return fmt.Sprintf("it refuses this worker and not the link; find out what it blocks (the address that the "+
			"worker goes out by, or its User-Agent %q), have that changed, and start again", useragent.Value)
	}
}

// explanation is what the host says about its refusal, as far as it comes in time.
func (f *Fetcher) explanation(cancel context.CancelCauseFunc, body io.Reader) string {
	watchdog := time.AfterFunc(f.stallTimeout, func() { cancel(errStalled) })
	defer watchdog.Stop()
	text, _ := io.ReadAll(io.LimitReader(body, maxExplanation)) // what has come is judged
	return string(text)
}
