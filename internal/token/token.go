// Package token makes and checks the opaque token in a callback URL. It names the workflow that a
// callback is for, and its signature proves that the name is ours.
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

	"stemflow"
)

// Claims are what a token says.
type Claims struct {
	// Namespace and WorkflowID name the workflow: 1 to 255 and 1 to 1000 bytes, which are
	// Temporal's own limits.
	Namespace, WorkflowID string
	// RunID is the first run of the chain that asked for the callback: it survives resets and
	// retries of the workflow. A signal goes to the latest run, but only this chain submitted.
	RunID string
	// TaskQueue is the queue of the host that asked for the callback, and Track what it submitted.
	// With both a callback can be recorded after its run has ended. Tokens of versions 1 and 2
	// have neither.
	TaskQueue string
	Track     stemflow.Track
	// Trace is the span that asked for the callback; zero: nobody traces.
	Trace Trace
	// Expires is the second from which on the token is refused.
	Expires time.Time
}

// Trace is what W3C's traceparent says of a span. It travels in the token because nobody but us can
// write there: the provider sends no header of ours back, and a header or a query of a stranger's
// is not believed.
type Trace struct {
	TraceID [16]byte
	SpanID  [8]byte
	Flags   byte
}

// Layout of a token before base64. A text is its length in one byte, then its bytes. Numbers are
// big-endian.
//
//	version 1:  1, expiry (8 bytes, seconds since 1970), namespace, run id
//	version 2:  2, trace, and the rest as in version 1
//	version 3:  3, flags (1 byte), trace if the flags say so, expiry, namespace, run id,
//	            task queue, and the track's task id, audio id, type and stem name
//
// The workflow id follows, without its length, then the HMAC-SHA256 of all before it. A trace is 16
// bytes of trace id, 8 of span id and 1 of flags. Version 3 is made where queue and track are known
// and fit. Otherwise it is version 2 where there is a trace, and version 1 where there is none.
const (
	version       = 1
	versionTraced = 2
	versionTrack  = 3
	flagTraced    = 1
	traceSize     = 16 + 8 + 1
	maxText       = 255
	maxNamespace  = maxText
	maxRunID      = maxText
	maxWorkflowID = 1000
	// maxToken is above the longest token there is, in characters: what is longer is not looked at.
	maxToken = 2048
)

// MinSecret is the length of the shortest secret that is taken, in bytes.
const MinSecret = 16

// What [Keyring.Verify] finds wrong.
var (
	ErrMalformed = errors.New("the callback token is malformed")
	ErrSignature = errors.New("the callback token is not signed with a secret known here")
	ErrExpired   = errors.New("the callback token has expired")
)

// encoding is strict, so that no two spellings are the same token.
var encoding = base64.RawURLEncoding.Strict()

// Keyring holds the secrets: the first signs, all verify, so that a secret can be replaced while
// tokens of the old one are out. It is safe for concurrent use.
type Keyring struct{ secrets [][]byte }

// NewKeyring takes at least one secret, each of at least [MinSecret] bytes.
func NewKeyring(secrets []string) (*Keyring, error) {
	if len(secrets) == 0 {
		return nil, errors.New("no callback secret is given, make one of at least 16 random bytes")
	}
	k := &Keyring{}
	for i, s := range secrets {
		if len(s) < MinSecret {
			return nil, fmt.Errorf(
				"callback secret %d is %d bytes long, give at least %d random ones",
				i+1,
				len(s),
				MinSecret,
			)
		}
		k.secrets = append(k.secrets, []byte(s))
	}
	return k, nil
}

// Mint makes a token that can stand in a URL's path as it is. It leaves queue and track out where
// one of their names is longer than 255 bytes, or where all of them would make the token too long.
// It panics if Namespace or WorkflowID is empty, or if one of the other names is longer than
// Temporal's limits: no running workflow has such a name.
func (k *Keyring) Mint(c Claims) string {
	if !c.fit() {
		panic(
			fmt.Sprintf(
				"token: namespace of %d and workflow id of %d bytes do not fit in a token",
				len(c.Namespace),
				len(c.WorkflowID),
			),
		)
	}
	t := c.encode()
	return encoding.EncodeToString(append(t, sum(k.secrets[0], t)...))
}

// encode is the token before it is signed.
func (c Claims) encode() []byte {
	if c.trackFits() {
		t := c.encodeVersion3()
		if encoding.EncodedLen(len(t)+sha256.Size) <= maxToken {
			return t
		}
	}
	t := []byte{version}
	if c.Trace != (Trace{}) {
		t = c.Trace.appendTo([]byte{versionTraced})
	}
	t = c.appendRun(t)
	return append(t, c.WorkflowID...)
}

func (c Claims) encodeVersion3() []byte {
	t := []byte{versionTrack, 0}
	if c.Trace != (Trace{}) {
		t = c.Trace.appendTo([]byte{versionTrack, flagTraced})
	}
	t = c.appendRun(t)
	for _, text := range []string{c.TaskQueue, c.Track.TaskID, c.Track.AudioID, string(c.Track.Type),
		c.Track.StemName} {
		t = appendText(t, text)
	}
	return append(t, c.WorkflowID...)
}

// appendRun appends what every version says, in the same form.
func (c Claims) appendRun(t []byte) []byte {
	t = binary.BigEndian.AppendUint64(t, uint64(c.Expires.Unix()))
	t = appendText(t, c.Namespace)
	return appendText(t, c.RunID)
}

func (t Trace) appendTo(b []byte) []byte {
	b = append(b, t.TraceID[:]...)
	b = append(b, t.SpanID[:]...)
	return append(b, t.Flags)
}

// appendText appends a text of at most 255 bytes with its length in front of it.
func appendText(b []byte, text string) []byte {
	return append(append(b, byte(len(text))), text...)
}

// Verify returns what the token says if it is signed with one of the secrets and has not expired at
// now. The error is [ErrMalformed], [ErrSignature] or [ErrExpired]; how long it takes does not tell
// how nearly a signature fits, or with which secret.
func (k *Keyring) Verify(token string, now time.Time) (Claims, error) {
	// Even strict decoding skips line breaks.
	if len(token) > maxToken || strings.ContainsAny(token, "\r\n") {
		return Claims{}, ErrMalformed
	}
	raw, err := encoding.DecodeString(token)
	if err != nil || len(raw) <= sha256.Size || raw[0] < version || raw[0] > versionTrack {
		return Claims{}, ErrMalformed
	}
	signed, signature := raw[:len(raw)-sha256.Size], raw[len(raw)-sha256.Size:]
	if !k.signed(signed, signature) {
		return Claims{}, ErrSignature
	}
	c, ok := decode(signed)
	if !ok {
		return Claims{}, ErrMalformed
	}
	if !now.Before(c.Expires) {
		return Claims{}, ErrExpired
	}
	return c, nil
}

// decode reads what [Claims.encode] has written, and nothing else.
func decode(signed []byte) (c Claims, ok bool) {
	r := reader{rest: signed[1:]}
	traced := signed[0] == versionTraced
	if signed[0] == versionTrack {
		flags := r.bytes(1)
		traced = flags[0] == flagTraced
		r.failed = r.failed || flags[0] > flagTraced
	}
	if traced {
		c.Trace = r.trace()
		r.failed = r.failed || c.Trace == (Trace{}) // it would be left out
	}
	c.Expires = time.Unix(int64(binary.BigEndian.Uint64(r.bytes(8))), 0).UTC()
	c.Namespace, c.RunID = r.text(), r.text()
	if signed[0] == versionTrack {
		c.TaskQueue = r.text()
		c.Track.TaskID, c.Track.AudioID = r.text(), r.text()
		c.Track.Type, c.Track.StemName = stemflow.SeparationType(r.text()), r.text()
		r.failed = r.failed || !c.trackFits()
	}
	c.WorkflowID = string(r.rest)
	return c, !r.failed && c.fit()
}

// reader cuts a token into its parts. What is missing reads as zeros.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) bytes(n int) []byte {
	if len(r.rest) < n {
		r.failed, r.rest = true, nil
		return make([]byte, n)
	}
	cut := r.rest[:n]
	r.rest = r.rest[n:]
	return cut
}

func (r *reader) text() string { return string(r.bytes(int(r.bytes(1)[0]))) }

func (r *reader) trace() (t Trace) {
	copy(t.TraceID[:], r.bytes(len(t.TraceID)))
	copy(t.SpanID[:], r.bytes(len(t.SpanID)))
	t.Flags = r.bytes(1)[0]
	return t
}

func (c Claims) fit() bool {
	return len(c.RunID) <= maxRunID && c.Namespace != "" && len(c.Namespace) <= maxNamespace &&
		c.WorkflowID != "" && len(c.WorkflowID) <= maxWorkflowID
}

// trackFits reports whether queue and track are all there and fit into a token of version 3.
func (c Claims) trackFits() bool {
	for _, text := range []string{c.TaskQueue, c.Track.TaskID, c.Track.AudioID, string(c.Track.Type)} {
		if text == "" || len(text) > maxText {
			return false
		}
	}
	return len(c.Track.StemName) <= maxText
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
