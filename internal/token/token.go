// Package token makes and checks the opaque token in a callback URL. It names the workflow that a callback is for, and its
// signature proves that the name is ours.
package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Claims are what a token says.
type Claims struct {
	// Namespace and WorkflowID name the workflow: 1 to 255 and 1 to 1000 bytes, which are Temporal's own limits.
	Namespace, WorkflowID string
	// RunID is the run that asked for the callback, where it matters: a signal goes to the workflow's latest run, but only this
	// one made the submit.
	RunID string
	// Trace is the span that asked for the callback; zero: nobody traces.
	Trace Trace
	// Expires is the second from which on the token is refused.
	Expires time.Time
}

// Trace is what W3C's traceparent says of a span. It travels in the token because nobody but us can write there: the provider sends no header
// of ours back, and a header or a query of a stranger's is not believed.
type Trace struct {
	TraceID [16]byte
	SpanID  [8]byte
	Flags   byte
}

// Layout of a token before base64: version (1 byte), with version 2 the trace (16 bytes of trace id, 8 of span id, 1 of flags), expiry (8
// bytes, seconds since 1970, big-endian), length of the namespace (1 byte), namespace, length of the run id (1 byte), run id, workflow id,
// HMAC-SHA256 of all before it. Version 2 is made only where there is a trace.
const (
	version       = 1
	versionTraced = 2
	traceSize     = 16 + 8 + 1
	headerSize    = 1 + 8 + 1
	maxNamespace  = 255
	maxRunID      = 255
	maxWorkflowID = 1000
	// maxToken is above the longest token there is, in characters: what is longer is not looked at.
	maxToken = 2048

	minSecret = 16
)

// What [Keyring.Verify] finds wrong.
var (
	ErrMalformed = errors.New("the callback token is malformed")
	ErrSignature = errors.New("the callback token is not signed with a secret known here")
	ErrExpired   = errors.New("the callback token has expired")
)

// encoding is strict, so that no two spellings are the same token.
var encoding = base64.RawURLEncoding.Strict()

// Keyring holds the secrets: the first signs, all verify, so that a secret can be replaced while tokens of the old one are out.
// It is safe for concurrent use.
type Keyring struct{ secrets [][]byte }

// NewKeyring takes at least one secret, each of at least 16 bytes.
func NewKeyring(secrets []string) (*Keyring, error) {
	if len(secrets) == 0 {
		return nil, errors.New("no callback secret is given, make one of at least 16 random bytes")
	}
	k := &Keyring{}
	for i, s := range secrets {
		if len(s) < minSecret {
			return nil, fmt.Errorf("callback secret %d is %d bytes long, give at least %d random ones", i+1, len(s), minSecret)
		}
		k.secrets = append(k.secrets, []byte(s))
	}
	return k, nil
}

// Mint makes a token that can stand in a URL's path as it is. It panics if Namespace or WorkflowID is empty, or one of the
// names longer than Temporal's limits: no running workflow has such a name.
func (k *Keyring) Mint(c Claims) string {
	if !c.fit() {
		panic(fmt.Sprintf("token: namespace of %d and workflow id of %d bytes do not fit in a token", len(c.Namespace), len(c.WorkflowID)))
	}
	t := make([]byte, 0, traceSize+headerSize+len(c.Namespace)+1+len(c.RunID)+len(c.WorkflowID)+sha256.Size)
	if c.Trace == (Trace{}) {
		t = append(t, version)
	} else {
		t = append(t, versionTraced)
		t = append(t, c.Trace.TraceID[:]...)
		t = append(t, c.Trace.SpanID[:]...)
		t = append(t, c.Trace.Flags)
	}
	t = binary.BigEndian.AppendUint64(t, uint64(c.Expires.Unix()))
	t = append(t, byte(len(c.Namespace)))
	t = append(t, c.Namespace...)
	t = append(t, byte(len(c.RunID)))
	t = append(t, c.RunID...)
	t = append(t, c.WorkflowID...)
	return encoding.EncodeToString(append(t, sum(k.secrets[0], t)...))
}

// Verify returns what the token says if it is signed with one of the secrets and has not expired at now. The error is
// [ErrMalformed], [ErrSignature] or [ErrExpired]; how long it takes does not tell how nearly a signature fits, or with which
// secret.
func (k *Keyring) Verify(token string, now time.Time) (Claims, error) {
	// Even strict decoding skips line breaks.
	if len(token) > maxToken || strings.ContainsAny(token, "\r\n") {
		return Claims{}, ErrMalformed
	}
	raw, err := encoding.DecodeString(token)
	if err != nil || len(raw) == 0 || len(raw) < leastSize(raw[0]) {
		return Claims{}, ErrMalformed
	}
	signed, signature := raw[:len(raw)-sha256.Size], raw[len(raw)-sha256.Size:]
	if !k.signed(signed, signature) {
		return Claims{}, ErrSignature
	}
	var trace Trace
	rest := signed[1:]
	if raw[0] == versionTraced {
		if trace, rest = cutTrace(rest); trace == (Trace{}) {
			return Claims{}, ErrMalformed // that would be one of version 1
		}
	}
	expires := binary.BigEndian.Uint64(rest)
	namespace, rest, ok := cutPrefixed(rest[8:])
	if !ok {
		return Claims{}, ErrMalformed
	}
	runID, workflowID, ok := cutPrefixed(rest)
	if !ok {
		return Claims{}, ErrMalformed
	}
	c := Claims{
		Namespace:  string(namespace),
		WorkflowID: string(workflowID),
		RunID:      string(runID),
		Trace:      trace,
		Expires:    time.Unix(int64(expires), 0).UTC(),
	}
	if !c.fit() {
		return Claims{}, ErrMalformed
	}
	if !now.Before(c.Expires) {
		return Claims{}, ErrExpired
	}
	return c, nil
}

// leastSize is that of a token of a version without names; of no version there is, more than any token has.
func leastSize(v byte) int {
	switch v {
	case version:
		return headerSize + sha256.Size
	case versionTraced:
		return traceSize + headerSize + sha256.Size
	default:
		return maxToken
	}
}

func cutTrace(b []byte) (t Trace, rest []byte) {
	n := copy(t.TraceID[:], b)
	n += copy(t.SpanID[:], b[n:])
	t.Flags = b[n]
	return t, b[traceSize:]
}

// cutPrefixed cuts off a text with its length, one byte, in front of it.
func cutPrefixed(b []byte) (text, rest []byte, ok bool) {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return nil, nil, false
	}
	return b[1 : 1+int(b[0])], b[1+int(b[0]):], true
}

func (c Claims) fit() bool {
	return len(c.RunID) <= maxRunID && c.Namespace != "" && len(c.Namespace) <= maxNamespace && c.WorkflowID != "" && len(c.WorkflowID) <= maxWorkflowID
}

func (k *Keyring) signed(data, signature []byte) bool {
	found := false
	for _, secret := range k.secrets {
		if hmac.Equal(signature, sum(secret, data)) {
			found = true
		}
	}
	return found
}

func sum(secret, data []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write(data)
	return mac.Sum(nil)
}
