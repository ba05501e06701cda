package kiesim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"time"
)

// The headers of a signed callback.
const (
	headerTimestamp = "X-Webhook-Timestamp"
	headerSignature = "X-Webhook-Signature"
)

// Sign returns the signature of a callback for a task, sent at a time in unix seconds: the base64
// of the HMAC-SHA256 of "<task id>.<timestamp>". It does not cover the body.
func Sign(key, taskID string, timestamp int64) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(taskID + "." + strconv.FormatInt(timestamp, 10)))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// sign adds the headers to a callback that is sent now. Without a key there are none, unless they
// are to be false.
func (spoilt Signature) sign(h http.Header, key, taskID string, now time.Time) {
	switch spoilt {
	case SignatureMissing:
		return
	case SignatureWrong:
		key += "-of-another-owner"
	case SignatureStale:
		now = now.Add(-time.Hour)
	case SignatureEarly:
		now = now.Add(time.Hour)
	default:
		if key == "" {
			return
		}
	}
	h.Set(headerTimestamp, strconv.FormatInt(now.Unix(), 10))
	h.Set(headerSignature, Sign(key, taskID, now.Unix()))
}
