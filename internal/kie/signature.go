package kie

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"time"
)

// Headers with which the provider signs a callback, once a key is set up with it.
const (
	HeaderTimestamp = "X-Webhook-Timestamp"
	HeaderSignature = "X-Webhook-Signature"
)

// What [VerifySignature] finds wrong.
var (
	ErrUnsigned  = errors.New("the callback carries no signature, though one is demanded")
	ErrSignature = errors.New("the callback's signature does not fit, check that the HMAC key is the provider's")
	ErrStale     = errors.New("the callback's signature is of another time, check this host's clock")
)

// Sign signs a task's id as the provider does: the values of HeaderTimestamp, in seconds since
// 1970, and HeaderSignature.
func Sign(key, taskID string, at time.Time) (timestamp, signature string) {
	timestamp = strconv.FormatInt(at.Unix(), 10)
	return timestamp, sign(key, taskID, timestamp)
}

func sign(key, taskID, timestamp string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(taskID + "." + timestamp))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// maxAhead is how far a signature may be ahead of our clock: as far as clocks differ.
const maxAhead = 5 * time.Minute

// VerifySignature checks a callback's headers against every key, in a time that does not tell which
// fits or how nearly. The error is [ErrUnsigned], [ErrSignature] or, if the timestamp is older than
// tolerance or ahead of now by more than that or five minutes, [ErrStale]. The provider's retries
// may carry the timestamp of the first attempt. Empty keys are no keys. The signature covers
// neither the body nor its links: it proves that the provider once called back for this task.
func VerifySignature(keys []string, taskID, timestamp, signature string, now time.Time, tolerance time.Duration) error {
	if timestamp == "" || signature == "" {
		return ErrUnsigned
	}
	fits := false
	for _, key := range keys {
		if key == "" {
			continue
		}
		if hmac.Equal([]byte(signature), []byte(sign(key, taskID, timestamp))) {
			fits = true
		}
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if !fits || err != nil {
		return ErrSignature
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > tolerance || age < -min(tolerance, maxAhead) {
		return ErrStale
	}
	return nil
}
