package storegate_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/storegate"
)

const (
	weak   = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	signed = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
)

// newGate is a gate before a store that echoes what reaches it.
func newGate(t *testing.T) (gate *httptest.Server, reached *[]*http.Request) {
	reached = &[]*http.Request{}
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*reached = append(*reached, r)
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	}))
	t.Cleanup(store.Close)
	address, err := url.Parse(store.URL)
	require.NoError(t, err)
	gate = httptest.NewServer(storegate.New(address))
	t.Cleanup(gate.Close)
	return gate, reached
}

func send(t *testing.T, r *http.Request) (status int, body string) {
	t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

func TestTheWeakFormIsRefused(t *testing.T) {
	gate, reached := newGate(t)
	for name, change := range map[string]func(*http.Request){
		"header":             func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", weak) },
		"lower case":         func(r *http.Request) { r.Header["x-amz-content-sha256"] = []string{strings.ToLower(weak)} },
		"second value":       func(r *http.Request) { r.Header["X-Amz-Content-Sha256"] = []string{signed, weak} },
		"in a list":          func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", signed+", "+weak) },
		"with space":         func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "\t "+weak+" ") },
		"variant":            func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER-V2") },
		"parameter":          func(r *http.Request) { r.URL.RawQuery = "X-Amz-Content-Sha256=" + weak },
		"parameter, escaped": func(r *http.Request) { r.URL.RawQuery = "x%2Damz-content-sha256=STREAMING-%55NSIGNED-PAYLOAD-TRAILER" },
		"unreadable query":   func(r *http.Request) { r.URL.RawQuery = "a=%zz" },
		"trailer":            func(r *http.Request) { r.Trailer = http.Header{"X-Amz-Content-Sha256": {weak}}; r.ContentLength = -1 },
		"of another method":  func(r *http.Request) { r.Method = http.MethodPost; r.Header.Set("X-Amz-Content-Sha256", weak) },
		"with query signature": func(r *http.Request) {
			r.URL.RawQuery = "X-Amz-Credential=a&X-Amz-Signature=b"
			r.Header.Set("X-Amz-Content-Sha256", weak)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, gate.URL+"/stems/key", strings.NewReader("body"))
			require.NoError(t, err)
			change(r)
			status, body := send(t, r)
			require.Equal(t, http.StatusForbidden, status)
			require.Contains(t, body, "<Code>AccessDenied</Code>")
			require.Empty(t, *reached)
		})
	}
}

func TestAllElsePassesAsItCame(t *testing.T) {
	gate, reached := newGate(t)
	for _, form := range []string{signed, "UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "e3b0c44298fc1c14", ""} {
		*reached = nil
		const target = "/stems/a%20b/%C3%BC%2B%26.mp3?X-Amz-Signature=b&list-type=2&prefix=a%2Fb+c&marker=" + weak
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, gate.URL+target, strings.NewReader("body"))
		require.NoError(t, err)
		r.Host = "store.example.com:9000"
		r.Header.Set("X-Amz-Content-Sha256", form)
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=a")
		r.Header.Set("X-Amz-Meta-Note", weak)
		status, body := send(t, r)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, "body", body)
		require.Len(t, *reached, 1)
		got := (*reached)[0]
		require.Equal(t, target, got.RequestURI)
		require.Equal(t, "store.example.com:9000", got.Host)
		require.Equal(t, form, got.Header.Get("X-Amz-Content-Sha256"))
		require.Equal(t, "AWS4-HMAC-SHA256 Credential=a", got.Header.Get("Authorization"))
		require.EqualValues(t, 4, got.ContentLength)
	}
}

func TestOtherTrailersAreNotRefused(t *testing.T) {
	gate, _ := newGate(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, gate.URL, strings.NewReader("body"))
	require.NoError(t, err)
	r.Trailer, r.ContentLength = http.Header{"X-Amz-Checksum-Crc32c": {"AAAAAA=="}}, -1
	status, _ := send(t, r)
	require.Equal(t, http.StatusOK, status)
}

// An object that is kept compressed passes as it is kept, and no form of it is asked for that the
// client does not ask for.
func TestContentIsNotDecompressed(t *testing.T) {
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, r.Header.Get("Accept-Encoding"))
	}))
	defer store.Close()
	address, err := url.Parse(store.URL)
	require.NoError(t, err)
	gate := httptest.NewServer(storegate.New(address))
	defer gate.Close()
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	resp, err := client.Get(gate.URL)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Empty(t, string(body))
	require.Equal(t, "gzip", resp.Header.Get("Content-Encoding"))
}

func TestStoreThatIsAway(t *testing.T) {
	gate := httptest.NewServer(storegate.New(&url.URL{Scheme: "http", Host: "127.0.0.1:1"}))
	defer gate.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, gate.URL, nil)
	require.NoError(t, err)
	status, _ := send(t, r)
	require.Equal(t, http.StatusBadGateway, status)
}
