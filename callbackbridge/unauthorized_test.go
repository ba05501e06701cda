package callbackbridge_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/callbackbridge"
	"stemflow/internal/kie"
	"stemflow/internal/token"
)

// A caller that is refused does not learn why. The log says it, without any secret.
func TestUnauthorizedIsBare(t *testing.T) {
	b := start(t, func(cfg *callbackbridge.Config) { cfg.HMACKeys = []string{"the-key-that-comes-next", hmacKey} })
	signed := func(key, task string, at time.Time) map[string]string {
		timestamp, signature := kie.Sign(key, task, at)
		return map[string]string{
			"Content-Type":      "application/json",
			kie.HeaderTimestamp: timestamp,
			kie.HeaderSignature: signature,
		}
	}
	now := time.Now()
	// Lengths and names stay what they are: one digit of the time of expiry does not.
	tampered := []byte(b.good)
	tampered[10] = map[bool]byte{true: 'B', false: 'A'}[tampered[10] == 'A']
	for name, c := range map[string]struct {
		token  string
		header map[string]string
		reason string
	}{
		"tampered token":          {string(tampered), signed(hmacKey, taskID, now), token.ErrSignature.Error()},
		"truncated token":         {b.good[:len(b.good)/2], signed(hmacKey, taskID, now), "callback token"},
		"expired token":           {mint(t, secret, now.Add(-time.Second)), signed(hmacKey, taskID, now), token.ErrExpired.Error()},
		"stale timestamp":         {b.good, signed(hmacKey, taskID, now.Add(-400*time.Hour)), kie.ErrStale.Error()},
		"future timestamp":        {b.good, signed(hmacKey, taskID, now.Add(6*time.Minute)), kie.ErrStale.Error()},
		"signature of other task": {b.good, signed(hmacKey, "e649edb7abfd759285bd41a47a634b10", now), kie.ErrSignature.Error()},
		"unsigned":                {b.good, isJSON, kie.ErrUnsigned.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			b.log.Reset()
			response, answer := b.do(t, http.MethodPost, "/callbacks/"+c.token, body, c.header)
			require.Equal(t, http.StatusUnauthorized, response.StatusCode)
			require.Equal(t, "unauthorized\n", answer)
			require.True(t, response.Close)
			response.Header.Del("Date")
			require.Equal(t, http.Header{
				"Content-Length": {"13"}, "Content-Type": {"text/plain; charset=utf-8"},
				"X-Content-Type-Options": {"nosniff"},
			}, response.Header)
			require.Contains(t, b.log.String(), c.reason)
			for _, hidden := range []string{c.token, secret, hmacKey, c.header[kie.HeaderSignature], "aiquickdraw"} {
				if hidden != "" {
					require.NotContains(t, b.log.String(), hidden)
				}
			}
		})
	}
	require.Empty(t, b.signaler.sent)
}
