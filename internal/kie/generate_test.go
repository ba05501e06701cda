package kie

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const apiKey = "key-0123456789abcdef"

var request = GenerateRequest{
	TaskID:      "5c79be8e",
	AudioID:     "e231-8cadc7dc",
	Type:        "separate_vocal",
	CallbackURL: "https://hooks.example.com/callbacks/AQAAtoken-of-the-run",
}

// provider is a server that counts what reaches it.
type provider struct {
	*httptest.Server
	requests atomic.Int32
}

func serve(t *testing.T, handler http.HandlerFunc) *provider {
	t.Helper()
	p := &provider{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.requests.Add(1)
		handler(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func newClient(t *testing.T, o Options) *Client {
	t.Helper()
	o.APIKey = apiKey
	c, err := New(o)
	require.NoError(t, err)
	return c
}

// reply answers as the provider does.
func reply(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// file reads a recorded or documented body.
func file(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return body
}

func refusedBy(t *testing.T, err error) *Error {
	t.Helper()
	var refused *Error
	require.ErrorAs(t, err, &refused)
	require.NotContains(t, err.Error(), apiKey)
	require.NotContains(t, err.Error(), "hooks.example.com")
	require.NotContains(t, err.Error(), "token-of-the-run")
	return refused
}

func TestGenerateSendsTheDocumentedRequest(t *testing.T) {
	tests := map[string]struct {
		change func(*GenerateRequest)
		want   string
	}{
		"two stems": {
			change: func(*GenerateRequest) {},
			want: `{"taskId":"5c79be8e","audioId":"e231-8cadc7dc","type":"separate_vocal",
				"callBackUrl":"https://hooks.example.com/callbacks/AQAAtoken-of-the-run"}`,
		},
		"one instrument": {
			change: func(r *GenerateRequest) { r.Type, r.StemName = "split_stem_advanced", "Lead Vocal" },
			want: `{"taskId":"5c79be8e","audioId":"e231-8cadc7dc","type":"split_stem_advanced","stemName":"Lead Vocal",
				"callBackUrl":"https://hooks.example.com/callbacks/AQAAtoken-of-the-run"}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got *http.Request
			var body []byte
			p := serve(t, func(w http.ResponseWriter, r *http.Request) {
				got = r
				body, _ = io.ReadAll(r.Body)
				_, _ = w.Write(file(t, "generate_accepted.json"))
			})
			r := request
			tt.change(&r)
			id, err := newClient(t, Options{BaseURL: p.URL}).Generate(t.Context(), r)
			require.NoError(t, err)
			require.Equal(t, "5c79****be8e", id)
			require.Equal(t, http.MethodPost, got.Method)
			require.Equal(t, "/api/v1/vocal-removal/generate", got.URL.String())
			require.Equal(t, "Bearer "+apiKey, got.Header.Get("Authorization"))
			require.Equal(t, "application/json", got.Header.Get("Content-Type"))
			require.Equal(t, "stemflow/1 (+durable stem separation)", got.Header.Get("User-Agent"))
			require.JSONEq(t, tt.want, string(body))
		})
	}
}

func TestGenerateAccepted(t *testing.T) {
	for name, body := range map[string]string{
		"documented":     `{"code":200,"msg":"success","data":{"taskId":"aeab85c2d6795b05a339be206b22605f"}}`,
		"code as string": `{"code":"200","msg":"success","data":{"taskId":"aeab85c2d6795b05a339be206b22605f"}}`,
		"snake case":     `{"code":200,"data":{"task_id":" aeab85c2d6795b05a339be206b22605f "}}`,
		"any message":    `{"code":200,"msg":"insufficient credits","data":{"taskId":"aeab85c2d6795b05a339be206b22605f"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			p := serve(t, reply(200, body))
			id, err := newClient(t, Options{BaseURL: p.URL}).Generate(t.Context(), request)
			require.NoError(t, err)
			require.Equal(t, "aeab85c2d6795b05a339be206b22605f", id)
		})
	}
}

func TestGenerateReadsCompressedAnswers(t *testing.T) {
	p := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			w.WriteHeader(http.StatusNotAcceptable)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(compressed(t, file(t, "generate_accepted.json")))
	})
	_, err := newClient(t, Options{BaseURL: p.URL}).Generate(t.Context(), request)
	require.NoError(t, err)
}

func TestGenerateVerdictOfAnswers(t *testing.T) {
	const credits = `Credits insufficient : Your current balance isn't enough to run this request. Please top up to continue.`
	const rate = `Your call frequency is too high. Please try again later.`
	envelope := func(code any, msg string) string {
		body, err := json.Marshal(map[string]any{"code": code, "msg": msg, "data": nil})
		require.NoError(t, err)
		return string(body)
	}
	tests := []struct {
		name   string
		status int
		body   string
		want   Verdict
		code   int
	}{
		{"unknown track, as recorded", 200, `{"code":422,"msg":"Record does not exist","data":null}`, NotYet, 422},
		{
			"no callback URL, as recorded",
			200,
			`{"code":422,"msg":"Please enter callBackUrl.","data":null}`,
			Rejected,
			422,
		},
		{"bad key, as documented", 200, `{"code":401,"msg":"You do not have access permissions"}`, Unauthorized, 401},
		{"chinese text", 200, `{"code":422,"msg":"不能为空","data":null}`, Rejected, 422},
		{"credits", 200, envelope(402, credits), InsufficientCredits, 402},
		{"credits under 500", 200, envelope(500, credits), InsufficientCredits, 500},
		{"credits under HTTP 500", 500, envelope(500, credits), InsufficientCredits, 500},
		{"credits under HTTP 402", 402, envelope(402, "pay"), InsufficientCredits, 402},
		{"balance", 200, envelope(500, "Insufficient account balance"), InsufficientCredits, 500},
		{"balance not enough", 200, envelope(422, "your balance is not enough"), InsufficientCredits, 422},
		{
			"words far apart are no refusal",
			200,
			envelope(500, "insufficient memory, your credits were not touched"),
			Unknown,
			500,
		},
		{"rate text", 200, envelope(500, rate), Busy, 500},
		{"rate text under 200", 200, envelope(200, rate), Busy, 200},
		{"rate text under HTTP 400", 400, envelope(400, rate), Busy, 400},
		{"rate text under HTTP 500", 500, envelope(500, rate), Unknown, 500},
		{"code as string", 200, envelope("429", "slow down"), Busy, 429},
		{"code as float", 200, `{"code":455.0,"msg":"maintenance"}`, Busy, 455},

		{"code under HTTP 4xx", 400, envelope(401, "no"), Unauthorized, 401},
		{"busy under HTTP 4xx", 400, envelope(455, "maintenance"), Busy, 455},
		{"no refusal under HTTP 4xx", 404, envelope(500, "gone"), Rejected, 500},
		{"no refusal at all", 409, envelope(500, "conflict"), Unknown, 500},
		{"HTTP 429", 429, envelope(429, "slow down"), Busy, 429},
		{"HTTP 429 of the edge", 429, "error code: 1015", Busy, 0},
		{"HTTP 401 of anybody", 401, "", Unauthorized, 0},
		{"HTTP 403 of the API", 403, envelope(403, "forbidden"), Unauthorized, 403},
		{"HTTP 403 of the edge", 403, "error code: 1010", Rejected, 0},
		{"HTTP 403 page", 403, "<html><h1>Attention required</h1></html>", Rejected, 0},
		{"HTTP 404 page", 404, "<html>nginx</html>", Rejected, 0},
		{"HTTP 408", 408, "", Unknown, 0},
		{"HTTP 409", 409, "", Unknown, 0},
		{"HTTP 418", 418, "", Unknown, 0},

		{"HTTP 500", 500, envelope(500, "server error"), Unknown, 500},
		{"HTTP 502 page", 502, "<html><body>bad gateway</body></html>", Unknown, 0},
		{"HTTP 503 with a refusal", 503, envelope(455, "maintenance"), Unknown, 455},
		{"HTTP 505", 505, "", Unknown, 0},
		{"HTTP 524 of the edge", 524, "error code: 524", Unknown, 0},

		{"no task id", 200, `{"code":200,"msg":"success","data":{}}`, Unknown, 200},
		{"task id null", 200, `{"code":200,"msg":"success","data":{"taskId":null}}`, Unknown, 200},
		{"task id blank", 200, `{"code":200,"msg":"success","data":{"taskId":"  "}}`, Unknown, 200},
		{"task id a number", 200, `{"code":200,"msg":"success","data":{"taskId":7}}`, Unknown, 200},
		{"task id a path", 200, `{"code":200,"msg":"success","data":{"taskId":"../7"}}`, Unknown, 200},
		{"no data", 200, `{"code":200,"msg":"success","data":null}`, Unknown, 200},
		{"no code", 200, `{"msg":"success","data":{"taskId":"aeab85c2"}}`, Unknown, 0},
		{"code a word", 200, `{"code":"ok","data":{"taskId":"aeab85c2"}}`, Unknown, 0},
		{"code beyond all codes", 200, `{"code":1e300,"data":{"taskId":"aeab85c2"}}`, Unknown, 0},
		{"page", 200, "<html>hello</html>", Unknown, 0},
		{"empty", 200, "", Unknown, 0},
		{"JSON cut", 200, `{"code":200,"msg":"success","data":{"taskId":"aeab`, Unknown, 0},
		{"JSON and more", 200, `{"code":200,"data":{"taskId":"aeab85c2"}}<br>`, Unknown, 0},
		{"list", 200, `[{"code":401}]`, Unknown, 0},
		{"HTTP 204", 204, "", Unknown, 0},
		{"not modified", 304, "", Unknown, 0},
		{"oversize", 200, `{"code":401,"msg":"` + strings.Repeat("x", maxAnswer) + `"}`, Unknown, 0},
		{"oversize refusal", 401, strings.Repeat("x", maxAnswer+1), Unknown, 0},
	}
	for code, want := range map[int]Verdict{
		400: Rejected, 401: Unauthorized, 402: InsufficientCredits, 403: Unauthorized, 404: Rejected, 405: Rejected,
		413: Rejected,
		422: Rejected, 433: Rejected, 451: Rejected, 505: Rejected, 429: Busy, 430: Busy, 455: Busy,
		0: Unknown, 201: Unknown, 408: Unknown, 409: Unknown, 500: Unknown, 501: Unknown, 502: Unknown,
		531: Unknown, 999: Unknown,
	} {
		tests = append(tests, struct {
			name   string
			status int
			body   string
			want   Verdict
			code   int
		}{fmt.Sprintf("code %d", code), 200, envelope(code, "text"), want, code})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := serve(t, reply(tt.status, tt.body))
			_, err := newClient(t, Options{BaseURL: p.URL}).Generate(t.Context(), request)
			refused := refusedBy(t, err)
			require.Equal(t, tt.want, refused.Verdict, err)
			require.Equal(t, tt.status, refused.HTTPStatus)
			require.Equal(t, tt.code, refused.Code)
			require.EqualValues(t, 1, p.requests.Load(), "sent once")
		})
	}
}

func TestGenerateTellsTheEdgeFromTheKey(t *testing.T) {
	p := serve(t, reply(403, "error code: 1010"))
	_, err := newClient(t, Options{BaseURL: p.URL}).Generate(t.Context(), request)
	refused := refusedBy(t, err)
	require.Equal(t, "error code: 1010", refused.Message)
	require.ErrorContains(t, err, "edge")
	require.ErrorContains(t, err, "not the API key")
}

func TestGenerateFollowsNoRedirect(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		target := serve(t, reply(200, `{"code":200,"data":{"taskId":"aeab85c2"}}`))
		p := serve(
			t,
			func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target.URL+"/?"+r.URL.Path, status) },
		)
		_, err := newClient(t, Options{BaseURL: p.URL}).Generate(t.Context(), request)
		require.Equal(t, Unknown, refusedBy(t, err).Verdict)
		require.ErrorContains(t, err, "redirect")
		require.Zero(t, target.requests.Load())
	}
}

// What is lost after the connection was handed over may have been accepted.
func TestGenerateOutcomeUnknownAfterSending(t *testing.T) {
	hijack := func(t *testing.T, answer string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			conn, buffered, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = buffered.WriteString(answer)
			_ = buffered.Flush()
			conn.Close()
		}
	}
	const accepted = `{"code":200,"msg":"success","data":{"taskId":"aeab85c2"}}`
	zipped := string(compressed(t, []byte(strings.Repeat(" ", 4096)+accepted)))
	zipHeader := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
	tests := map[string]string{
		"nothing":            "",
		"half a status line": "HTTP/1.1 20",
		"half the headers":   "HTTP/1.1 200 OK\r\nContent-Type: appl",
		"not HTTP":           "SSH-2.0-OpenSSH_9.6\r\n",
		"body cut":           "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + accepted,
		"refusal cut":        "HTTP/1.1 401 Unauthorized\r\nContent-Length: 500\r\n\r\n{",
		"chunks cut":         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{\"code\":200,",
		"gzip cut": fmt.Sprintf(
			"%sContent-Length: %d\r\n\r\n%s",
			zipHeader,
			len(zipped)-12,
			zipped[:len(zipped)-12],
		),
		"gzip that is none":    fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", zipHeader, len(accepted), accepted),
		"location of nonsense": "HTTP/1.1 302 Found\r\nLocation: ://\r\nContent-Length: 0\r\n\r\n",
	}
	for name, answer := range tests {
		t.Run(name, func(t *testing.T) {
			p := serve(t, hijack(t, answer))
			_, err := newClient(t, Options{BaseURL: p.URL}).Generate(t.Context(), request)
			require.Equal(t, Unknown, refusedBy(t, err).Verdict, err)
			require.ErrorContains(t, err, "do not repeat it")
			require.EqualValues(t, 1, p.requests.Load(), "sent once")
		})
	}
}

func TestGenerateOutcomeUnknownWhenNobodyAnswersInTime(t *testing.T) {
	release := make(chan struct{})
	p := serve(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	_, err := newClient(t, Options{BaseURL: p.URL, Timeout: time.Second}).Generate(t.Context(), request)
	require.Equal(t, Unknown, refusedBy(t, err).Verdict)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.EqualValues(t, 1, p.requests.Load())
}

func TestGenerateOutcomeUnknownWhenCanceledAfterSending(t *testing.T) {
	tests := map[string]func(http.ResponseWriter){
		"before the answer": func(http.ResponseWriter) {},
		"within the answer": func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, `{"code":200,`)
			w.(http.Flusher).Flush()
		},
	}
	for name, begin := range tests {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			release := make(chan struct{})
			p := serve(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				begin(w)
				cancel()
				<-release
			})
			defer close(release)
			_, err := newClient(t, Options{BaseURL: p.URL}).Generate(ctx, request)
			require.Equal(t, Unknown, refusedBy(t, err).Verdict)
			require.ErrorIs(t, err, context.Canceled)
		})
	}
}

func TestGenerateSurelyNotSent(t *testing.T) {
	listen := func(t *testing.T) net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { l.Close() })
		return l
	}
	check := func(t *testing.T, ctx context.Context, o Options) error {
		_, err := newClient(t, o).Generate(ctx, request)
		refused := refusedBy(t, err)
		require.Equal(t, Busy, refused.Verdict, err)
		require.Zero(t, refused.HTTPStatus)
		return err
	}
	t.Run("closed port", func(t *testing.T) {
		l := listen(t)
		l.Close()
		check(t, t.Context(), Options{BaseURL: "http://" + l.Addr().String()})
	})
	t.Run("no such host", func(t *testing.T) {
		dial := func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.DNSError{Err: "no such host", Name: "api.kie.ai", IsNotFound: true}
		}
		check(t, t.Context(), Options{BaseURL: "https://api.kie.ai", Transport: &http.Transport{DialContext: dial}})
	})
	t.Run("certificate of nobody", func(t *testing.T) {
		s := httptest.NewUnstartedServer(reply(200, `{"code":200,"data":{"taskId":"aeab85c2"}}`))
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		defer s.Close()
		check(t, t.Context(), Options{BaseURL: s.URL})
	})
	t.Run("TLS with a server that speaks none", func(t *testing.T) {
		s := httptest.NewServer(reply(200, ""))
		defer s.Close()
		check(t, t.Context(), Options{BaseURL: strings.Replace(s.URL, "http:", "https:", 1)})
	})
	t.Run("canceled within the handshake", func(t *testing.T) {
		l := listen(t)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = bufio.NewReader(conn).ReadByte()
			cancel()
		}()
		require.ErrorIs(t, check(t, ctx, Options{BaseURL: "https://" + l.Addr().String()}), context.Canceled)
	})
	t.Run("time-out within the handshake", func(t *testing.T) {
		l := listen(t)
		err := check(t, t.Context(), Options{BaseURL: "https://" + l.Addr().String(), Timeout: 100 * time.Millisecond})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
	t.Run("canceled before", func(t *testing.T) {
		p := serve(t, reply(200, `{"code":200,"data":{"taskId":"aeab85c2"}}`))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, check(t, ctx, Options{BaseURL: p.URL}), context.Canceled)
		require.Zero(t, p.requests.Load())
	})
}

// A transport that reports no connections may have sent the request.
func TestGenerateOutcomeUnknownWithATransportThatReportsNothing(t *testing.T) {
	silent := roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("lost") })
	_, err := newClient(t, Options{BaseURL: "https://api.kie.ai", Transport: silent}).Generate(t.Context(), request)
	require.Equal(t, Unknown, refusedBy(t, err).Verdict)
}

func TestGenerateUsesNoConnectionTwice(t *testing.T) {
	seen := map[string]bool{}
	p := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen[r.RemoteAddr] = true
		reply(200, `{"code":200,"data":{"taskId":"aeab85c2"}}`)(w, r)
	})
	c := newClient(t, Options{BaseURL: p.URL})
	for range 3 {
		_, err := c.Generate(t.Context(), request)
		require.NoError(t, err)
	}
	require.Len(t, seen, 3)
}

func TestGenerateAvoidsHTTP2(t *testing.T) {
	var protocol string
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protocol = r.Proto
		reply(200, `{"code":200,"data":{"taskId":"aeab85c2"}}`)(w, r)
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	c := newClient(t, Options{BaseURL: s.URL})
	c.paid.Transport.(*http.Transport).TLSClientConfig = s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	_, err := c.Generate(t.Context(), request)
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1", protocol)
}

func TestErrorsHideWhatTheProviderEchoes(t *testing.T) {
	for name, echo := range map[string]string{
		"callback URL":  "not reachable: " + request.CallbackURL + " (timeout)",
		"callback path": "not reachable: /callbacks/AQAAtoken-of-the-run",
		"key":           "bad key " + apiKey,
	} {
		t.Run(name, func(t *testing.T) {
			body, err := json.Marshal(map[string]any{"code": 422, "msg": echo})
			require.NoError(t, err)
			p := serve(t, reply(200, string(body)))
			_, err = newClient(t, Options{BaseURL: p.URL}).Generate(t.Context(), request)
			refused := refusedBy(t, err)
			require.NotContains(t, refused.Message, "token")
			require.NotContains(t, refused.Message, apiKey)
			require.NotEmpty(t, refused.Message)
		})
	}
}

func TestPrintable(t *testing.T) {
	tests := map[string][2]string{
		"plain":         {"Record does not exist", "Record does not exist"},
		"chinese":       {"人声分离失败", "人声分离失败"},
		"lines":         {" a\r\n\tb\x00\x1b[31mc ", "a   b[31mc"},
		"link":          {"see https://x.example/y?z=1 now", "see [link] now"},
		"link in parts": {"http\x00s:\x01//x.example/y", "[link]"},
		"long":          {strings.Repeat("x", 300), strings.Repeat("x", 256)},
		"cut in a rune": {strings.Repeat("声", 100), strings.Repeat("声", 85)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, tt[1], printable(tt[0])) })
	}
}

func TestASlashIsNoSecret(t *testing.T) {
	p := serve(t, reply(200, `{"code":422,"msg":"no/such/track"}`))
	for _, placeholder := range []string{"https://callback.invalid", "https://callback.invalid/", "http://[broken"} {
		r := request
		r.CallbackURL = placeholder
		_, err := newClient(t, Options{BaseURL: p.URL}).Generate(t.Context(), r)
		require.Equal(t, "no/such/track", refusedBy(t, err).Message)
	}
}

func TestVerdictOf(t *testing.T) {
	require.Equal(t, Busy, VerdictOf(fmt.Errorf("submit: %w", &Error{Op: opGenerate, Verdict: Busy})))
	require.Equal(t, Unknown, VerdictOf(errors.New("of another kind")))
	require.Equal(t, Unknown, VerdictOf(nil))
}

func TestVerdictNames(t *testing.T) {
	var nobodyThoughtOf Verdict
	require.Equal(t, "unknown", nobodyThoughtOf.String())
	for v, want := range map[Verdict]string{
		Unknown: "unknown", Busy: "busy", Rejected: "rejected", NotYet: "not_yet", Unauthorized: "unauthorized",
		InsufficientCredits: "insufficient_credits",
	} {
		require.Equal(t, want, v.String())
	}
}

func compressed(t *testing.T, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(body)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
