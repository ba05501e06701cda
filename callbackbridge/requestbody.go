package callbackbridge

import (
	"errors"
	"io"
	"net/http"
	"time"
)

const (
	// maxBody is far above the provider's callbacks, which have a few kilobytes, and below
	// Temporal's limit for a signal.
	maxBody = 256 << 10
	// A body of up to smallBody is always read: callbacks are no larger. Of larger ones only
	// maxLarge are in memory at once, so that nobody can fill it with a captured token.
	smallBody = 16 << 10
	maxLarge  = 32
	// smallBodyTimeout is for the first smallBody bytes. The provider sends a callback at once: a
	// body that comes in drops holds a connection, and a token, for no longer than this.
	smallBodyTimeout = 3 * time.Second
	// largeBodyTimeout is for the rest.
	largeBodyTimeout = 5 * time.Second
	// maxDrained is more than any transcription has.
	maxDrained = 32 << 20
)

// drain reads what is left of a body that is not needed, up to maxDrained and within a time, so
// that its sender reads the answer: one that is still writing may not.
func drain(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(largeBodyTimeout))
	_, _ = io.CopyN(io.Discard, r.Body, maxDrained)
}

var errBusy = errors.New("too many large callbacks at once, try again")

// readBody reads a body of up to maxBody; done must be called when it is not needed any more.
func (b *bridge) readBody(w http.ResponseWriter, r *http.Request) (body []byte, done func(), err error) {
	done = func() {}
	limited := http.MaxBytesReader(w, r.Body, maxBody)
	within := http.NewResponseController(w)
	_ = within.SetReadDeadline(time.Now().Add(b.smallBody)) // a server that cannot do this has limits of its own
	body, err = io.ReadAll(io.LimitReader(limited, smallBody))
	if err != nil || len(body) < smallBody {
		return body, done, err
	}
	if !b.large.TryAcquire(1) {
		return nil, done, errBusy
	}
	done = func() { b.large.Release(1) }
	_ = within.SetReadDeadline(time.Now().Add(largeBodyTimeout))
	rest, err := io.ReadAll(limited)
	return append(body, rest...), done, err
}
