package source

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// secretPath is what no error may repeat.
const secretPath = "/secret-path.mp3?sig=secret-signature"

// requireKind checks what every error promises, besides its kind.
func requireKind(t *testing.T, want Kind, err error) *Error {
	t.Helper()
	var failure *Error
	require.ErrorAs(t, err, &failure)
	require.Equal(t, want, failure.Kind, "%v", err)
	require.NotContains(t, err.Error(), "secret")
	require.NotErrorIs(t, err, io.EOF)
	require.NotErrorIs(t, err, io.ErrUnexpectedEOF)
	return failure
}

// local fetches from test servers at 127.0.0.1.
func local(options Options) *Fetcher {
	options.AllowedHosts = []string{"127.0.0.1"}
	options.AllowInsecure = true
	return New(options)
}

func plainServer(t testing.TB, handler http.HandlerFunc) *httptest.Server {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func tlsServer(t testing.TB, handler http.HandlerFunc) (*httptest.Server, *x509.CertPool) {
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return server, roots
}

// public is a fetcher with all guards up, for which example.com and what is below it is a TLS
// server here. Every other address is really connected to. The hosts are allowed besides.
func public(t testing.TB, handler http.HandlerFunc, hosts ...string) *Fetcher {
	server, roots := tlsServer(t, handler)
	fetcher := New(Options{AllowedHosts: append(hosts, "example.com"), RootCAs: roots})
	transport := fetcher.transport.(*transport).straight
	guarded := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if strings.HasSuffix(address, "example.com:443") {
			return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
		}
		return guarded(ctx, network, address)
	}
	return fetcher
}

func serve(content string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, content) }
}

func read(t *testing.T, body *Body) string {
	t.Helper()
	content, err := io.ReadAll(body)
	require.NoError(t, err)
	require.NoError(t, body.Close())
	return string(content)
}

func TestOpen(t *testing.T) {
	server, roots := tlsServer(t, func(w http.ResponseWriter, r *http.Request) {
		// A connection for each file, and the file as it is.
		if r.Proto != "HTTP/1.1" || r.Header.Get("Accept-Encoding") != "identity" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_, _ = io.WriteString(w, "content of "+r.RequestURI)
	})
	fetcher := local(Options{RootCAs: roots, MaxSize: 100})
	for link, want := range map[string]string{
		"/r/1_Lead Vocal.mp3":          "content of /r/1_Lead%20Vocal.mp3",
		"/r/1_Lead%20Vocal.mp3":        "content of /r/1_Lead%20Vocal.mp3",
		"/a.mp3?sig=a%2Fb+c&n=d e#end": "content of /a.mp3?sig=a%2Fb+c&n=d%20e",
	} {
		body, err := fetcher.Open(t.Context(), server.URL+link)
		require.NoError(t, err)
		require.EqualValues(t, len(want), body.Size)
		require.Equal(t, want, read(t, body))
	}
}

func TestOpenOfUnknownSize(t *testing.T) {
	server := plainServer(t, func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).Flush()
		_, _ = io.WriteString(w, "content")
	})
	body, err := local(Options{MaxSize: 7}).Open(t.Context(), server.URL)
	require.NoError(t, err)
	require.EqualValues(t, -1, body.Size)
	require.Equal(t, "content", read(t, body))
}

func TestOpenReusesConnections(t *testing.T) {
	server := plainServer(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RemoteAddr) })
	fetcher := local(Options{})
	var peers []string
	for range 3 {
		body, err := fetcher.Open(t.Context(), server.URL)
		require.NoError(t, err)
		peers = append(peers, read(t, body))
	}
	require.Equal(t, []string{peers[0], peers[0], peers[0]}, peers)
}

func TestOpenRefusesLinks(t *testing.T) {
	fetcher := public(t, serve("content"))
	for _, link := range []string{
		"http://example.com" + secretPath,
		"https://user:secret@example.com" + secretPath,
		"https://example.com:8443" + secretPath,
		"https://example.org" + secretPath,
		"https://notexample.com" + secretPath,
		"https://127.0.0.1" + secretPath,
		"https://secret host/",
		"secret",
		"",
	} {
		_, err := fetcher.Open(t.Context(), link)
		requireKind(t, Forbidden, err)
	}
	body, err := fetcher.Open(t.Context(), "https://files.example.com"+secretPath)
	require.NoError(t, err)
	require.Equal(t, "content", read(t, body))
}

// Nothing listens at port 443 here: what is not refused for its address would be Unavailable.
func TestOpenRefusesAddresses(t *testing.T) {
	hosts := []string{
		"localhost",
		"127.0.0.1",
		"::1",
		"::ffff:127.0.0.1",
		"169.254.169.254",
		"10.0.0.1",
		"64:ff9b::7f00:1",
	}
	fetcher := New(Options{AllowedHosts: hosts})
	for _, host := range hosts {
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		_, err := fetcher.Open(t.Context(), "https://"+host+secretPath)
		failure := requireKind(t, Forbidden, err)
		require.Equal(t, strings.Trim(host, "[]"), failure.Host)
	}
}

func TestOpenFollowsRedirects(t *testing.T) {
	fetcher := public(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Referer") != "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		left, _ := strconv.Atoi(r.URL.Query().Get("left"))
		if left == 0 {
			_, _ = io.WriteString(w, r.Host+r.RequestURI)
			return
		}
		status := []int{301, 302, 303, 307, 308}[left%5]
		w.Header().Set("Location", fmt.Sprintf("https://files%d.example.com/Lead Vocal.mp3?left=%d", left-1, left-1))
		w.WriteHeader(status)
	})
	body, err := fetcher.Open(t.Context(), "https://example.com/?left=5")
	require.NoError(t, err)
	require.Equal(t, "files0.example.com/Lead%20Vocal.mp3?left=0", read(t, body))

	_, err = fetcher.Open(t.Context(), "https://example.com/?left=6")
	requireKind(t, Unavailable, err)
}

// Where a link is sent on to a login page, no setting helps, and that page is never asked for.
func TestOpenRedirectedToALogin(t *testing.T) {
	for location, want := range map[string]Kind{
		"https://accounts.example.org/login?next=secret": Expired,
		"https://sso.example.org/":                       Expired,
		"https://example.org/songs":                      Forbidden,
		"/login":                                         Expired,
	} {
		fetcher := public(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/login" {
				_, _ = io.WriteString(w, `<html><h1>Sign in</h1></html>`)
				return
			}
			http.Redirect(w, r, location, http.StatusFound)
		})
		body, err := fetcher.Open(t.Context(), "https://example.com"+secretPath)
		if err == nil {
			_, err = io.ReadAll(body)
			require.NoError(t, body.Close())
		}
		requireKind(t, want, err)
	}
}

func TestOpenTakesAFileThatNamesALocation(t *testing.T) {
	fetcher := public(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "https://evil.com/")
		_, _ = io.WriteString(w, "content")
	})
	body, err := fetcher.Open(t.Context(), "https://example.com/")
	require.NoError(t, err)
	require.Equal(t, "content", read(t, body))
}

func TestOpenChecksRedirects(t *testing.T) {
	for location, want := range map[string]Kind{
		"/file":                               "",
		"file":                                "",
		"//files.example.com/file":            "",
		"https://files.example.com:443/file":  "",
		"http://example.com" + secretPath:     Forbidden,
		"https://evil.com" + secretPath:       Forbidden,
		"https://example.com:22" + secretPath: Forbidden,
		"https://secret:secret@example.com/":  Forbidden,
		"https://10.0.0.1" + secretPath:       Forbidden,
		"https://127.0.0.1" + secretPath:      Forbidden,
		"https://localhost" + secretPath:      Forbidden,
		"https://[::1]" + secretPath:          Forbidden,
		"file:///etc/passwd":                  Forbidden,
		"https://secret host/":                Forbidden,
		"/%zz-secret":                         "",
		"":                                    Unavailable,
	} {
		t.Run(location, func(t *testing.T) {
			fetcher := public(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/file" || r.URL.Path == "/%zz-secret" {
					_, _ = io.WriteString(w, "content")
					return
				}
				w.Header().Set("Location", location)
				w.WriteHeader(http.StatusFound)
			}, "localhost", "127.0.0.1", "::1") // allowed by name, and refused for the address
			body, err := fetcher.Open(t.Context(), "https://example.com/start")
			if want != "" {
				requireKind(t, want, err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, "content", read(t, body))
		})
	}
}

func TestOpenSortsAnswers(t *testing.T) {
	for status, want := range map[int]Kind{
		201: Unavailable, 204: Unavailable, 206: Unavailable, 300: Unavailable, 302: Unavailable, 304: Unavailable,
		400: Unavailable, 401: Expired, 402: Unavailable, 403: Expired, 404: Missing, 405: Unavailable,
		407: Blocked, 408: Unavailable, 409: Unavailable, 410: Gone, 416: Unavailable, 441: Expired, 451: Blocked,
		498: Expired,
		425: Unavailable, 429: Unavailable, 500: Unavailable, 502: Unavailable, 503: Unavailable, 504: Unavailable,
	} {
		server := plainServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		_, err := local(Options{}).Open(t.Context(), server.URL+secretPath)
		failure := requireKind(t, want, err)
		require.Equal(t, status, failure.Status)
		require.Equal(t, "127.0.0.1", failure.Host)
	}
}

func TestOpenRefusesContentCodings(t *testing.T) {
	for coding, ok := range map[string]bool{"identity": true, "gzip": false, "br": false} {
		server := plainServer(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", coding)
			_, _ = io.WriteString(w, "content")
		})
		body, err := local(Options{}).Open(t.Context(), server.URL+secretPath)
		if !ok {
			requireKind(t, Unavailable, err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, "content", read(t, body))
	}
}

func TestOpenChecksTheAnnouncedSize(t *testing.T) {
	server := plainServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strings.TrimPrefix(r.URL.Path, "/"))
		w.WriteHeader(http.StatusOK)
	})
	fetcher := local(Options{MaxSize: 1000})
	for size, want := range map[int64]Kind{0: Empty, 1: "", 1000: "", 1001: TooLarge, 1 << 40: TooLarge} {
		body, err := fetcher.Open(t.Context(), fmt.Sprintf("%s/%d", server.URL, size))
		if want != "" {
			requireKind(t, want, err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, size, body.Size)
		require.NoError(t, body.Close())
	}
}

func TestOpenUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	_, err = local(Options{}).Open(t.Context(), "http://"+listener.Addr().String()+secretPath)
	failure := requireKind(t, Unavailable, err)
	require.Zero(t, failure.Status)
}

func TestOpenChecksCertificates(t *testing.T) {
	server, _ := tlsServer(t, serve("content"))
	server.Config.ErrorLog = nil
	_, err := local(Options{}).Open(t.Context(), server.URL+secretPath)
	requireKind(t, Unavailable, err)
}

func TestOpenGivesUpOnASilentHost(t *testing.T) {
	left := make(chan struct{})
	server := plainServer(t, func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		close(left)
	})
	_, err := local(Options{StallTimeout: 20 * time.Millisecond}).Open(t.Context(), server.URL+secretPath)
	requireKind(t, Unavailable, err)
	<-left
}

func TestOpenEndsWithItsContext(t *testing.T) {
	asked := make(chan struct{})
	server := plainServer(t, func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	_, err := local(Options{}).Open(ctx, server.URL+secretPath)
	require.ErrorIs(t, err, context.Canceled)
	require.NotContains(t, err.Error(), "secret")
	var failure *Error
	require.False(t, errors.As(err, &failure))
}
