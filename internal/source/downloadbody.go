package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"stemflow/internal/redact"
	"stemflow/internal/span"
)

// Body is a file on its way. Reading ends with io.EOF only if all of the file was read; it fails
// with an [*Error] of kind Truncated, TooLarge, Stalled or Empty, with that of a page that says why
// there is no file, or with the error of the ended context. It never fails with
// io.ErrUnexpectedEOF, which some readers take for the end of the file. Where the host tells no
// size and ends the file by closing the connection, a cut file cannot be told from a whole one.
type Body struct {
	// Size is in bytes, -1 where the host does not tell it.
	Size int64

	ctx      context.Context
	cancel   context.CancelCauseFunc
	host     string
	response io.ReadCloser
	maxSize  int64
	// answer is what the host said so far; begun is set once its first bytes have been looked at,
	// head is what is left of them, and headErr what came after them.
	answer  answer
	begun   bool
	head    []byte
	headErr error
	// request is the transfer's span.
	request span.Request
	redact  *redact.Redactor

	stallTimeout time.Duration
	// watchdog runs while a Read waits, and only then: a reader may take its time between two of
	// them.
	watchdog *time.Timer

	read int64
	err  error
}

var errStalled = errors.New("stalled")

// newBody takes over response and the context that it was asked for with.
func newBody(ctx context.Context, cancel context.CancelCauseFunc, response *http.Response, host string,
	maxSize int64, stallTimeout time.Duration,
) *Body {
	// Cancelling the request wakes the Read that waits.
	watchdog := time.AfterFunc(stallTimeout, func() { cancel(errStalled) })
	watchdog.Stop()
	return &Body{
		Size:         response.ContentLength,
		ctx:          ctx,
		cancel:       cancel,
		host:         host,
		response:     response.Body,
		maxSize:      maxSize,
		stallTimeout: stallTimeout,
		watchdog:     watchdog,
	}
}

// Read implements io.Reader. After an error it returns the same one again.
func (b *Body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	b.watchdog.Reset(b.stallTimeout)
	n, err := b.readChecked(p)
	b.watchdog.Stop()
	b.read += int64(n)
	if over := b.read - b.maxSize; b.maxSize > 0 && over > 0 {
		n -= int(over)
		b.err = tooLarge(b.host, b.maxSize)
	} else if err != nil {
		b.err = b.explain(err)
	}
	if b.err != nil {
		b.request.Received(b.read)
		b.request.Finish(b.err)
	}
	return n, b.err
}

// maxPage bounds what is read of a page before it is judged, in bytes.
const maxPage = 4 << 10

// readChecked reads on, except where the body begins as a page that says why there is no file.
func (b *Body) readChecked(p []byte) (int, error) {
	if len(b.head) > 0 {
		n := copy(p, b.head)
		if b.head = b.head[n:]; len(b.head) == 0 {
			return n, b.headErr
		}
		return n, nil
	}
	n, err := b.response.Read(p)
	if b.begun || n == 0 {
		return n, err
	}
	b.begun = true
	if !looksLikeText(string(p[:min(n, maxPage)])) {
		return n, err
	}
	page := append([]byte(nil), p[:n]...)
	for err == nil && len(page) < maxPage {
		next := make([]byte, maxPage-len(page))
		var more int
		more, err = b.response.Read(next)
		page = append(page, next[:more]...)
	}
	b.answer.text = string(page[:min(len(page), maxPage)])
	if kind := classify(b.answer); kind != "" {
		return 0, b.answer.failure(kind, b.host)
	}
	if b.head = page[n:]; len(b.head) > 0 {
		b.headErr, err = err, nil
	}
	return n, err
}

// explain turns the transport's error into ours.
func (b *Body) explain(err error) error {
	if refused, ok := err.(*Error); ok {
		return refused
	}
	switch whole := b.Size < 0 || b.read == b.Size; {
	case err == io.EOF && b.read == 0:
		return fail(Empty, b.host, "served no byte: try again later")
	case err == io.EOF && whole:
		return io.EOF
	case errors.Is(context.Cause(b.ctx), errStalled):
		return fail(Stalled, b.host, "no byte came for %v: try again later", b.stallTimeout)
	case b.ctx.Err() != nil:
		return fmt.Errorf("reading from source host %q: %w", b.host, b.ctx.Err())
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return fail(Truncated, b.host, "the file ended after %d of %s bytes: try again later", b.read, b.expected())
	default:
		return fail(Truncated, b.host, "the file was cut off after %d of %s bytes: %w", b.read, b.expected(),
			b.redact.Error(err))
	}
}

func (b *Body) expected() string {
	if b.Size < 0 {
		return "an unknown number of"
	}
	return fmt.Sprint(b.Size)
}

// Close gives up what has not been read. A Read that waits is woken.
func (b *Body) Close() error {
	b.watchdog.Stop()
	b.cancel(nil)
	b.request.Finish(nil)
	return b.response.Close()
}
