package archive

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"stemflow/internal/span"
)

// spans makes each request to the store a span of the caller's trace. It lasts until the answer has
// been read.
type spans struct {
	http.RoundTripper
	store *Store
}

func (s spans) RoundTrip(req *http.Request) (*http.Response, error) {
	_, request := span.StartRequest(req.Context(), req.Method, "store", req.URL)
	if !request.Traced() {
		return s.RoundTripper.RoundTrip(req)
	}
	request.Add(semconv.URLPath(req.URL.Path)) // bucket and key
	if size := objectSize(req); size > 0 {
		request.Add(semconv.HTTPRequestBodySizeKey.Int64(size))
	}
	resp, err := s.RoundTripper.RoundTrip(req)
	if err != nil {
		// A connection that ends is an io.EOF, too.
		request.Finish(fmt.Errorf("no answer: %w", s.store.secrets.Error(err)))
		return nil, err
	}
	request.Answered(resp.StatusCode)
	resp.Body = &spannedBody{
		ReadCloser: &openObject{ReadCloser: resp.Body, store: s.store},
		request:    request, failure: failed(resp.StatusCode),
	}
	return resp, nil
}

// objectSize is how much a request sends: what is signed while it is streamed has signatures
// between its bytes.
func objectSize(req *http.Request) int64 {
	if size, err := strconv.ParseInt(req.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64); err == nil {
		return size
	}
	return req.ContentLength
}

// failed is the error that a status stands for. That nothing is there, or that another has written
// first, is an answer like others.
func failed(status int) error {
	if status < http.StatusBadRequest || status == http.StatusNotFound || status == http.StatusPreconditionFailed {
		return nil
	}
	return errors.New(http.StatusText(status))
}

// spannedBody ends the span of its request.
type spannedBody struct {
	io.ReadCloser
	request span.Request
	read    int64
	failure error
}

func (b *spannedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	if err != nil && b.failure == nil {
		b.failure = err
	}
	return n, err
}

func (b *spannedBody) Close() error {
	b.request.Received(b.read)
	b.request.Finish(b.failure)
	return b.ReadCloser.Close()
}
