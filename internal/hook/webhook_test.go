package hook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"stemflow/internal/egress"
	"stemflow/internal/redact"
)

const (
	newSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	oldSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// request is one that a receiver got.
type request struct {
	header http.Header
	body   string
	path   string
}

// receiver is a real server that answers each request so.
func receiver(t *testing.T, answer http.HandlerFunc) (address string, got chan request) {
	t.Helper()
	got = make(chan request, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- request{r.Header, string(body), r.RequestURI}
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, got
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

func newWebhook(t *testing.T, o WebhookOptions) *Webhook {
	t.Helper()
	if o.Secrets == nil {
		o.Secrets = []string{newSecret}
	}
	w, err := NewWebhook(o)
	require.NoError(t, err)
	t.Cleanup(w.Close)
	return w
}

// signature is what standard-webhooks.com demands, made without the library that signs.
func signature(t *testing.T, secret, id, timestamp, body string) string {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	require.NoError(t, err)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "." + body))
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func TestEverySecretSigns(t *testing.T) {
	address, got := receiver(t, status(http.StatusNoContent))
	w := newWebhook(t, WebhookOptions{URL: address + "/in?a=b", Secrets: []string{newSecret, oldSecret}})
	const body = `{"id":"evt_1","ö":"<>"}`
	require.NoError(t, w.Send(t.Context(), "evt_1", []byte(body)))
	r := <-got
	require.Equal(t, body, r.body)
	require.Equal(t, "/in?a=b", r.path)
	require.Equal(t, "application/json", r.header.Get("Content-Type"))
	require.Equal(t, "evt_1", r.header.Get("webhook-id"))
	timestamp := r.header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), time.Unix(seconds, 0), time.Minute)
	require.Equal(t,
		signature(t, newSecret, "evt_1", timestamp, body)+" "+signature(t, oldSecret, "evt_1", timestamp, body),
		r.header.Get("webhook-signature"))
	for _, secret := range []string{newSecret, oldSecret} { // receivers with the library
		verifier, err := standardwebhooks.NewWebhook(secret)
		require.NoError(t, err)
		require.NoError(t, verifier.Verify([]byte(r.body), r.header))
	}
}

// The vector is the specification's own.
func TestSignatureOfTheSpecification(t *testing.T) {
	w := newWebhook(t, WebhookOptions{URL: "https://receiver.example", Secrets: []string{oldSecret}})
	header := http.Header{}
	require.NoError(t, w.sign(header, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`)))
	require.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", header.Get("webhook-signature"))
}

func TestAnswers(t *testing.T) {
	for code, want := range map[int]struct {
		taken, final bool
		says         string
	}{
		200: {taken: true}, 202: {taken: true}, 204: {taken: true}, 299: {taken: true},
		301: {final: true, says: "give the address that it leads to"}, 302: {final: true}, 303: {final: true},
		304: {final: true}, 307: {final: true}, 308: {final: true},
		400: {final: true}, 401: {final: true}, 403: {final: true}, 404: {final: true}, 409: {final: true},
		410: {final: true, says: "unset STEMFLOW_WEBHOOK_URL"}, 413: {final: true}, 422: {final: true},
		408: {}, 425: {}, 429: {}, 500: {}, 501: {}, 502: {}, 503: {}, 504: {}, 529: {}, 599: {},
	} {
		address, got := receiver(t, status(code, "Location", "/elsewhere", "Retry-After", "120"))
		err := newWebhook(t, WebhookOptions{URL: address}).Send(t.Context(), "evt_1", []byte("{}"))
		require.Equal(t, "/", (<-got).path)
		require.Empty(t, got, "no answer leads to a second request")
		if want.taken {
			require.NoError(t, err, code)
			continue
		}
		var e *Error
		require.ErrorAs(t, err, &e, code)
		require.Equal(t, want.final, e.Final, code)
		require.Contains(t, e.Message, "the webhook answered "+strconv.Itoa(code))
		require.Contains(t, e.Message, want.says)
		if want.final {
			require.Zero(t, e.RetryAfter, code)
		} else {
			require.Equal(t, 2*time.Minute, e.RetryAfter, code)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "-5": 0, "x": 0, "1.5": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second,
		"99999999999": time.Hour, "9223372036854775807": time.Hour, "-9223372036854775808": 0, "99999999999999999999999": 0,
		"Thu, 01 Jan 2026 12:00:30 GMT": 30 * time.Second, "Thu, 01 Jan 2026 11:00:00 GMT": 0,
		"Thu, 01 Jan 2099 12:00:30 GMT": time.Hour,
	} {
		require.Equal(t, want, retryAfter(value, now), "%q", value)
	}
}

func TestASlowReceiverIsGivenUp(t *testing.T) {
	over := make(chan struct{})
	for name, receives := range map[string]struct {
		answer http.HandlerFunc
		says   string
	}{
		"no answer": {
			func(http.ResponseWriter, *http.Request) { <-over },
			"the webhook could not be called: no answer within 300ms; a receiver should take an event",
		},
		"a refusal that never ends": {
			func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusInternalServerError)
				_ = http.NewResponseController(w).Flush()
				<-over
			},
			"the webhook answered 500",
		},
	} {
		t.Run(name, func(t *testing.T) {
			address, _ := receiver(t, receives.answer)
			t.Cleanup(func() { over <- struct{}{} })
			err := newWebhook(t, WebhookOptions{URL: address, Timeout: 300 * time.Millisecond}).
				Send(t.Context(), "evt_1", []byte("{}"))
			var e *Error
			require.ErrorAs(t, err, &e)
			require.False(t, e.Final)
			require.Contains(t, e.Message, receives.says)
		})
	}
	t.Run("taken, and a body that never ends", func(t *testing.T) {
		address, _ := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			<-over
		})
		t.Cleanup(func() { over <- struct{}{} })
		require.NoError(t, newWebhook(t, WebhookOptions{URL: address}).Send(t.Context(), "evt_1", []byte("{}")))
	})
}

func TestAReceiverThatIsNotThereIsTriedAgain(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := "http://" + listener.Addr().String() + "/services/T0123456789AB"
	require.NoError(t, listener.Close())
	err = newWebhook(t, WebhookOptions{URL: address}).Send(t.Context(), "evt_1", []byte("{}"))
	var e *Error
	require.ErrorAs(t, err, &e)
	require.False(t, e.Final)
	require.Contains(t, e.Message, "the webhook could not be called: dial tcp ")
	require.NotContains(t, e.Message, "T0123456789AB")
}

// What a receiver says may repeat the address, the secrets and anything else.
func TestErrorsOfReceiversAreBoundedAndHideSecrets(t *testing.T) {
	const credential = "B0123456789XYZ"
	address, _ := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "no "+r.URL.Path+" "+newSecret+" host-secret-123456\x00\xff\n"+strings.Repeat("y", 1<<20))
	})
	err := newWebhook(t, WebhookOptions{
		URL: address + "/services/" + credential, Redactor: redact.New(newSecret, "host-secret-123456"),
	}).Send(t.Context(), "evt_1", []byte("{}"))
	require.Error(t, err)
	for _, hidden := range []string{credential, newSecret[6:], "host-secret-123456"} {
		require.NotContains(t, err.Error(), hidden)
	}
	require.Less(t, len(err.Error()), 700)
}

func TestWebhooksTakeTheEgressProxy(t *testing.T) {
	address, got := receiver(t, status(http.StatusOK))
	proxy, err := egress.New(egress.Settings{HTTP: address})
	require.NoError(t, err)
	w := newWebhook(t, WebhookOptions{URL: "http://receiver.invalid/in", Insecure: true, Proxy: proxy})
	require.NoError(t, w.Send(t.Context(), "evt_1", []byte("{}")))
	require.Equal(t, "http://receiver.invalid/in", (<-got).path)
}

func TestAWebhookThatIsCancelledIsTriedAgain(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := newWebhook(t, WebhookOptions{URL: "https://receiver.invalid"}).Send(ctx, "evt_1", nil)
	var e *Error
	require.ErrorAs(t, err, &e)
	require.False(t, e.Final)
}

func TestNewWebhookRefuses(t *testing.T) {
	for says, o := range map[string]WebhookOptions{
		"the webhook has no secret, ": {URL: "https://receiver.example"},
		`a secret of the webhook is not "whsec_"`: {
			URL: "https://receiver.example", Secrets: []string{"hunter2-hunter2"},
		},
		"a secret of the webhook has a key of 23 bytes, ": {
			URL: "https://receiver.example", Secrets: []string{newSecret, "whsec_" + key(23)},
		},
		"the webhook's address is not an absolute": {Secrets: []string{newSecret}},
		"the webhook's address is http, ": {
			URL: "http://hunter2-hunter2.example", Secrets: []string{newSecret},
		},
	} {
		_, err := NewWebhook(o)
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "hunter2", says)
	}
}
