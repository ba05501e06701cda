package serverstest

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/minio/minio-go/v7/pkg/signer"

	"stemflow/internal/archive"
)

// Fault changes what passes between a client and a store. A nil field changes nothing.
type Fault struct {
	// Answer makes up the answer to a request with that body, which then does not reach the store;
	// nil lets it pass.
	Answer func(*http.Request, []byte) *http.Response
	// Request changes a request and returns its body.
	Request func(*http.Request, []byte) []byte
	// Response changes the store's answer to the request as the client sent it, and returns its
	// body.
	Response func(sent *http.Request, answer *http.Response, body []byte) []byte
}

// FaultyStore is a real MinIO behind a proxy that breaks it.
type FaultyStore struct {
	// Options are how to reach the proxy.
	archive.Options
	faults atomic.Pointer[[]Fault]
}

// NewFaultyStore returns a store without faults yet, which lasts as long as the test. Sound is the
// store behind it; the proxy signs all requests for its user, because what it changes is signed.
func NewFaultyStore(tb testing.TB, sound archive.Options) *FaultyStore {
	tb.Helper()
	f := &FaultyStore{Options: sound}
	f.SetFaults()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, body, err := f.serve(sound, r)
		if err != nil {
			if r.Context().Err() == nil { // the client still waits
				tb.Errorf("%s %s: %v", r.Method, r.URL, err)
			}
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		maps.Copy(w.Header(), answer.Header)
		w.WriteHeader(answer.StatusCode)
		_, _ = w.Write(body)
	}))
	tb.Cleanup(server.Close)
	f.Endpoint = server.Listener.Addr().String()
	return f
}

// SetFaults replaces the store's faults from the next request on.
func (f *FaultyStore) SetFaults(faults ...Fault) { f.faults.Store(&faults) }

func (f *FaultyStore) serve(sound archive.Options, r *http.Request) (*http.Response, []byte, error) {
	faults := *f.faults.Load()
	out, body, err := plain(sound, r)
	if err != nil {
		return nil, nil, err
	}
	sent := out.Clone(r.Context())
	for _, fault := range faults {
		if fault.Answer == nil {
			continue
		}
		if answer := fault.Answer(out, body); answer != nil {
			content, err := io.ReadAll(answer.Body)
			return answer, content, err
		}
	}
	for _, fault := range faults {
		if fault.Request != nil {
			body = fault.Request(out, body)
		}
	}
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	out = signer.SignV4(*out, sound.AccessKey, sound.SecretKey, "", "us-east-1")
	answer, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	for _, fault := range faults {
		if fault.Response != nil {
			content = fault.Response(sent, answer, content)
		}
	}
	if r.Method != http.MethodHead && answer.Header.Get("Content-Length") != "" {
		answer.Header.Set("Content-Length", strconv.Itoa(len(content)))
	}
	return answer, content, err
}

// plain is a request without its signature and with the plain body, whose trailing checksum becomes
// a header.
func plain(to archive.Options, r *http.Request) (*http.Request, []byte, error) {
	out, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+to.Endpoint+r.URL.RequestURI(), nil)
	if err != nil {
		return nil, nil, err
	}
	for key, values := range r.Header {
		switch key {
		case "Authorization", "Content-Encoding", "Content-Length", "Connection", "Accept-Encoding", "X-Amz-Trailer",
			"X-Amz-Decoded-Content-Length", "X-Amz-Date":
		default:
			out.Header[key] = values
		}
	}
	out.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	if !strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		body, err := io.ReadAll(r.Body)
		return out, body, err
	}
	body, trailer, err := decodeChunks(r.Body)
	for key, value := range trailer {
		out.Header.Set(key, value)
	}
	return out, body, err
}

// decodeChunks reads aws-chunked content. Like Ceph it takes all of a line for a checksum.
func decodeChunks(r io.Reader) (data []byte, trailer map[string]string, err error) {
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, nil, fmt.Errorf("a chunk's length: %w", err)
		}
		length, _, _ := strings.Cut(strings.TrimSpace(line), ";")
		size, err := strconv.ParseInt(length, 16, 32)
		if err != nil {
			return nil, nil, err
		}
		if size == 0 {
			break
		}
		chunk := make([]byte, size+2)
		if _, err := io.ReadFull(in, chunk); err != nil {
			return nil, nil, err
		}
		data = append(data, chunk[:size]...)
	}
	rest, err := io.ReadAll(in)
	trailer = map[string]string{}
	for line := range strings.SplitSeq(string(rest), "\r\n") {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.HasPrefix(key, "x-amz-checksum-") {
			trailer[key] = value
		}
	}
	return data, trailer, err
}

// IsObjectPut reports whether a request writes an object.
func IsObjectPut(r *http.Request) bool {
	return r.Method == http.MethodPut && !r.URL.Query().Has("uploadId")
}

// IsPart reports whether a request sends a part of an upload.
func IsPart(r *http.Request) bool { return r.Method == http.MethodPut && r.URL.Query().Has("uploadId") }

// IsUpload reports whether a request begins an upload in parts, or sends one.
func IsUpload(r *http.Request) bool { return IsPart(r) || r.URL.Query().Has("uploads") }

func isObjectGet(r *http.Request) bool { return r.Method == http.MethodGet && r.URL.RawQuery == "" }

// checksumKeys are the headers that have checksums, not those that speak of them.
func checksumKeys(h http.Header) (keys []string) {
	for key := range h {
		switch key {
		case "X-Amz-Checksum-Mode", "X-Amz-Checksum-Algorithm", "X-Amz-Checksum-Type":
		default:
			if strings.HasPrefix(key, "X-Amz-Checksum-") {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// S3Answer is what a store answers: an error document where there is a code.
func S3Answer(status int, code string) *http.Response {
	answer := &http.Response{StatusCode: status, Header: http.Header{"X-Amz-Request-Id": {"1"}}, Body: http.NoBody}
	if code != "" {
		answer.Header.Set("Content-Type", "application/xml")
		answer.Body = io.NopCloser(strings.NewReader("<Error><Code>" + code + "</Code><Message>no.</Message></Error>"))
	}
	return answer
}

// Dropping lets no request have a header.
func Dropping(header string) Fault {
	return Fault{Request: func(r *http.Request, body []byte) []byte {
		r.Header.Del(header)
		return body
	}}
}

// Refusing answers requests that have a header, or a query parameter, with an error.
func Refusing(header, parameter string, status int, code string) Fault {
	return Fault{Answer: func(r *http.Request, _ []byte) *http.Response {
		if r.Header.Get(header) == "" && !r.URL.Query().Has(parameter) {
			return nil
		}
		return S3Answer(status, code)
	}}
}

// Confirming changes what the store confirms.
func Confirming(which func(*http.Request) bool, change func(http.Header, string)) Fault {
	return Fault{Response: func(sent *http.Request, answer *http.Response, body []byte) []byte {
		if which(sent) {
			for _, key := range checksumKeys(answer.Header) {
				change(answer.Header, key)
			}
		}
		return body
	}}
}

// NoChecksum is a change for Confirming: it takes a checksum away.
func NoChecksum(h http.Header, key string) { h.Del(key) }

// AnotherChecksum is a change for Confirming: it makes a checksum that of something else.
func AnotherChecksum(h http.Header, key string) {
	sum, _ := base64.StdEncoding.DecodeString(h.Get(key))
	if len(sum) > 0 {
		sum[0] ^= 1
	}
	h.Set(key, base64.StdEncoding.EncodeToString(sum))
}

// Echoing confirms whatever was announced and checks nothing.
func Echoing(which func(*http.Request) bool) Fault {
	return Fault{
		Request: func(r *http.Request, body []byte) []byte {
			if which(r) {
				for _, key := range checksumKeys(r.Header) {
					r.Header.Del(key)
				}
				r.Header.Del("X-Amz-Checksum-Algorithm")
				r.Header.Del("X-Amz-Checksum-Type")
			}
			return body
		},
		Response: func(sent *http.Request, answer *http.Response, body []byte) []byte {
			if which(sent) {
				for _, key := range checksumKeys(sent.Header) {
					answer.Header.Set(key, sent.Header.Get(key))
				}
			}
			return body
		},
	}
}

// Corrupting stores another byte than was sent, and confirms what was sent.
func Corrupting() Fault {
	echo := Echoing(IsObjectPut)
	return Fault{Response: echo.Response, Request: func(r *http.Request, body []byte) []byte {
		body = echo.Request(r, body)
		if IsObjectPut(r) {
			body = damaged(body)
		}
		return body
	}}
}

// Misreading gives back another byte than was stored.
func Misreading(keepChecksums bool) Fault {
	return Fault{Response: func(sent *http.Request, answer *http.Response, body []byte) []byte {
		if !isObjectGet(sent) || len(body) > 1<<20 {
			return body
		}
		if !keepChecksums {
			for _, key := range checksumKeys(answer.Header) {
				answer.Header.Del(key)
			}
		}
		return damaged(body)
	}}
}

// damaged has one bit that no text of ours has, however often it is done.
func damaged(body []byte) []byte {
	body = bytes.Clone(body)
	if len(body) > 0 {
		body[len(body)/2] |= 0x80
	}
	return body
}

// Forgetting says that it has written what it does not keep.
func Forgetting() Fault {
	return Fault{Answer: func(r *http.Request, body []byte) *http.Response {
		if !IsObjectPut(r) {
			return nil
		}
		answer := S3Answer(http.StatusOK, "")
		tag, sum := md5.Sum(body), sha256.Sum256(body)
		answer.Header.Set("ETag", `"`+hex.EncodeToString(tag[:])+`"`)
		answer.Header.Set("X-Amz-Checksum-Sha256", base64.StdEncoding.EncodeToString(sum[:]))
		return answer
	}}
}

// Renaming gives a document another ETag when it is read.
func Renaming() Fault {
	return Fault{Response: func(sent *http.Request, answer *http.Response, body []byte) []byte {
		if isObjectGet(sent) && answer.StatusCode == http.StatusOK {
			answer.Header.Set("ETag", `"`+strings.Repeat("1", 32)+`"`)
		}
		return body
	}}
}
