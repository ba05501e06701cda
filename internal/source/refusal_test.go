package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/internal/redact"
	"stemflow/internal/useragent"
)

// refusing answers with a status, a body, and header lines like "Server: cloudflare".
func refusing(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil // none, unless given
		for _, line := range header {
			name, value, _ := strings.Cut(line, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func storageError(code, message string) string {
	return fmt.Sprintf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>%s</Message>"+
		"<StringToSign>GET /secret-path</StringToSign></Error>", code, message)
}

const (
	cloudflare = "Server: cloudflare"
	inHTML     = "Content-Type: text/html; charset=UTF-8"
	plainText  = "Content-Type: text/plain; charset=utf-8"
	inXML      = "Content-Type: application/xml"
	inJSON     = "Content-Type: application/json"

	challengePage = `<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title><script>` +
		`window._cf_chl_opt = {cvId: '3', cToken: 'x'}; a.src = '/cdn-cgi/challenge-platform/h/b/v1';</script></html>`
	blockPage = `<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head><body>` +
		`<div id="cf-error-details"><h1>Sorry, you have been blocked</h1></div></body></html>`
	nginxPage = "<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body>\r\n" +
		"<center><h1>403 Forbidden</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>"
)

func TestOpenTellsBlockedFromExpired(t *testing.T) {
	for want, cases := range map[Kind]map[string]http.HandlerFunc{
		Blocked: {
			"a bot block":                     refusing(403, "error code: 1010", cloudflare),
			"a bot block with a type":         refusing(403, "error code: 1010", cloudflare, plainText),
			"a firewall rule":                 refusing(403, "error code: 1020\n", cloudflare),
			"a country, behind another proxy": refusing(403, "error code: 1009", "Server: envoy"),
			"a bot block as JSON":             refusing(403, `{"cloudflare_error":true,"error_code":1010}`, cloudflare, inJSON),
			"a challenge":                     refusing(403, challengePage, cloudflare, inHTML, "Cf-Mitigated: challenge"),
			"a challenge without its header":  refusing(403, challengePage, "Server: nginx", inHTML),
			"a challenge by 503":              refusing(503, challengePage, cloudflare, inHTML),
			"a challenge by 429":              refusing(429, challengePage, cloudflare, inHTML, "Cf-Mitigated: challenge"),
			"a block page":                    refusing(403, blockPage, cloudflare, inHTML),
			"a page of the edge with links":   refusing(403, `<html><link href="x"><meta name="expires">No</html>`, cloudflare),
			"another page of the edge":        refusing(403, "<html><h1>Forbidden</h1></html>", cloudflare, inHTML),
			"a short text of the edge":        refusing(403, "Forbidden", cloudflare, plainText),
			"another edge's": refusing(
				403, "<HTML>403 ERROR The request could not be satisfied. Request blocked.</HTML>", inHTML,
			),
			"a large page": refusing(403, challengePage+strings.Repeat("<p>x</p>", 1<<17), cloudflare, inHTML),
		},
		Expired: {
			"nothing":                          refusing(403, ""),
			"nothing of the edge":              refusing(403, "", cloudflare),
			"a store":                          refusing(403, storageError("AccessDenied", "Request has expired"), inXML),
			"a store behind the edge":          refusing(403, storageError("ExpiredRequest", "x"), cloudflare, inXML),
			"a store behind the edge, untyped": refusing(403, storageError("SignatureDoesNotMatch", "x"), cloudflare),
			"a store behind the edge, as text": refusing(403, storageError("MissingKey", "x"), cloudflare, plainText),
			"a checker of links at the edge":   refusing(403, "URL expired at 2026-09-01T00:00:00Z", cloudflare, plainText),
			"a checker of signatures":          refusing(403, "Invalid signature", cloudflare, plainText),
			"a page about the link":            refusing(403, "<html>This link has expired</html>", cloudflare, inHTML),
			"a server behind the edge":         refusing(403, nginxPage, cloudflare, inHTML),
			"a server":                         refusing(403, nginxPage, "Server: nginx", inHTML),
			"an API behind the edge":           refusing(403, `{"code":403,"msg":"forbidden"}`, cloudflare, inJSON),
			"a text of a server":               refusing(403, "Forbidden\n", plainText),
			"expired token":                    refusing(400, storageError("ExpiredToken", "x"), inXML),
			"access denied by 400":             refusing(400, storageError("AccessDenied", "x"), inXML),
			"request expired by 401":           refusing(401, storageError("Denied", "Request has expired"), inXML),
			"signature does not match":         refusing(401, storageError("SignatureDoesNotMatch", "x"), inXML),
			"a text that says expired":         refusing(401, "link expired", plainText),
			"a dead link by its own status":    refusing(441, ""),
		},
		Missing: {
			"not found":                 refusing(404, "<html><h1>404 Not Found</h1></html>", inHTML),
			"no key":                    refusing(404, storageError("NoSuchKey", "The specified key does not exist."), inXML),
			"not found behind the edge": refusing(404, "error code: 1010", cloudflare),
		},
		Gone: {"gone": refusing(410, "Gone", plainText)},
		Unavailable: {
			"a bad request of a store":  refusing(400, storageError("InvalidArgument", "x"), inXML),
			"a bad request":             refusing(400, "<html>400 Bad Request</html>", inHTML),
			"a rate limit of the edge":  refusing(429, "error code: 1015", cloudflare),
			"a store that is too busy":  refusing(503, storageError("SlowDown", "x"), inXML),
			"an error page of the edge": refusing(503, `<html><div id="cf-error-details">503</div></html>`, cloudflare, inHTML),
			"a bad gateway":             refusing(502, "error code: 502", cloudflare),
		},
	} {
		says := map[Kind]string{
			Blocked: ": it refuses this worker and not the link;",
			Expired: ": the link is no longer good, ask the provider",
			Missing: ": the file is not there, try again later", Gone: "answered 410: the file is not there any more",
			Unavailable: " in place of the file: try again later",
		}
		for name, handler := range cases {
			t.Run(name, func(t *testing.T) {
				_, err := local(Options{}).Open(t.Context(), plainServer(t, handler).URL+secretPath)
				failure := requireKind(t, want, err)
				require.NotZero(t, failure.Status)
				require.Equal(t, "127.0.0.1", failure.Host)
				require.ErrorContains(t, err, fmt.Sprintf("answered %d", failure.Status))
				require.ErrorContains(t, err, says[want])
			})
		}
	}
}

func TestBlockedSaysWhatToDo(t *testing.T) {
	server := plainServer(t, refusing(403, "error code: 1010", cloudflare))
	_, err := local(Options{}).Open(t.Context(), server.URL+secretPath)
	require.ErrorContains(t, err, "error code 1010")
	require.ErrorContains(t, err, useragent.Value)
	require.ErrorContains(t, err, "not the link")
	require.NotContains(t, err.Error(), "expired")
}

func TestOpenNamesTheProduct(t *testing.T) {
	server := plainServer(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.UserAgent())
	})
	body, err := local(Options{}).Open(t.Context(), server.URL)
	require.NoError(t, err)
	require.Equal(t, useragent.Value, read(t, body))
}

// What a host says about its refusal is waited for no longer than for a byte of the file, and
// judged as far as it came.
func TestOpenDoesNotWaitForAnExplanation(t *testing.T) {
	left := make(chan struct{})
	server := plainServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "error code: 1010")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(left)
	})
	_, err := local(Options{StallTimeout: 50 * time.Millisecond}).Open(t.Context(), server.URL+secretPath)
	requireKind(t, Blocked, err)
	<-left
}

func TestOpenReadsLittleOfAnExplanation(t *testing.T) {
	var served atomic.Int64
	server := plainServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		chunk := []byte(strings.Repeat("x", 64<<10))
		for range 1024 {
			n, err := w.Write(chunk)
			served.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	_, err := local(Options{}).Open(t.Context(), server.URL+secretPath)
	require.Error(t, err)
	server.Close() // the handler has ended
	require.Less(t, served.Load(), int64(32<<20))
}

// roundTripper is an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestOpenHidesSecretsOfTheHost(t *testing.T) {
	const secret = "secret-0123456789"
	for name, transport := range map[string]roundTripper{
		"an error": func(*http.Request) (*http.Response, error) { return nil, errors.New("no way for " + secret) },
		"a coding": func(r *http.Request) (*http.Response, error) {
			return &http.Response{
				StatusCode: http.StatusOK, Header: http.Header{"Content-Encoding": {secret}}, Body: http.NoBody, Request: r,
			}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			fetcher := New(Options{AnyHost: true, Transport: transport, Redactor: redact.New(secret)})
			_, err := fetcher.Open(t.Context(), "https://example.com"+secretPath)
			requireKind(t, Unavailable, err)
			require.ErrorContains(t, err, redact.Hidden)
		})
	}
}

func TestOpenEndsWithItsContextWithinAnExplanation(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := plainServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_ = http.NewResponseController(w).Flush()
		cancel()
		<-r.Context().Done()
	})
	_, err := local(Options{}).Open(ctx, server.URL+secretPath)
	require.ErrorIs(t, err, context.Canceled)
}
