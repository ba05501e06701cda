package kie

import (
	"errors"
	"net/http"
	"strings"

	"stemflow"
)

// Verdict is what a failed call means for its caller. For the paid call everything hangs on
// it: there is no idempotency key, so only a call that surely was not accepted may be made again.
type Verdict int

const (
	// Unknown: whether the provider accepted the call is not known. It is the zero value, for what
	// nobody thought of.
	Unknown Verdict = iota
	// Busy: surely not accepted, and worth another try: rate limited, in maintenance, or the
	// connection was never made.
	Busy
	// Rejected: surely not accepted, and the same call will not be.
	Rejected
	// NotYet: surely not accepted; the provider does not know the track, or only does not know it
	// yet. The same call has been accepted minutes later. Of the paid call alone.
	NotYet
	// Unauthorized: rejected because of the API key.
	Unauthorized
	// InsufficientCredits: rejected because the account cannot pay.
	InsufficientCredits
	// Exists: surely not accepted; the provider makes one task of this kind for each track, and has
	// made it before. Of the paid call alone.
	Exists
)

// Verdicts are all verdicts.
func Verdicts() []Verdict {
	return []Verdict{Unknown, Busy, Rejected, NotYet, Unauthorized, InsufficientCredits, Exists}
}

// VerdictOf is the verdict of an error of a [Client]; of anything that is no [*Error], nil
// included, it is Unknown.
func VerdictOf(err error) Verdict {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return Unknown
	}
	return e.Verdict
}

// String is the verdict as logs and metrics name it.
func (v Verdict) String() string {
	switch v {
	case Busy:
		return "busy"
	case Rejected:
		return "rejected"
	case NotYet:
		return "not_yet"
	case Unauthorized:
		return "unauthorized"
	case InsufficientCredits:
		return "insufficient_credits"
	case Exists:
		return "exists"
	default:
		return "unknown"
	}
}

// refusals are the codes, of the envelope or of HTTP, that say surely not accepted. Those that say
// less are missing: 408, 409 where it is not documented, and 500 and 501, under which a task may
// have been made.
var refusals = map[int]Verdict{
	400: Rejected,
	401: Unauthorized,
	402: InsufficientCredits,
	403: Unauthorized,
	404: Rejected,
	405: Rejected,
	413: Rejected,
	422: Rejected,
	429: Busy,
	430: Busy,
	433: Rejected,
	451: Rejected,
	455: Busy,
	505: Rejected,
}

// verdictOf judges an answer that did not give what was asked for. Words decide only where they
// cannot make an acceptance a refusal: in the provider's own envelope, under a code other than
// success, and with no task in it; or beside a code that is a refusal anyway. No answer to the paid
// call is a refusal that names a task other than the one that was asked for.
func verdictOf(a answer, l call) Verdict {
	message := plain(a.message)
	if a.refusesInWords() && lacksCredits(message) {
		return InsufficientCredits
	}
	if l.once && a.saysExists() {
		return Exists
	}
	if l.paid && a.namesTask() {
		return Unknown // whatever the code says, a task may have been made
	}
	v := codeVerdict(a, message)
	if v != Rejected && v != Unauthorized {
		return v
	}
	switch {
	case limitsRate.MatchString(message) || callsTooOften.MatchString(message):
		return Busy
	case l.paid && v == Rejected && noSuchTrack.MatchString(message):
		return NotYet
	default:
		return v
	}
}

// codeVerdict judges by the codes, of HTTP and of the envelope.
func codeVerdict(a answer, message string) Verdict {
	switch a.status / 100 {
	case 2:
		return envelopeVerdict(a, message)
	case 4:
		if v := envelopeVerdict(a, message); v != Unknown {
			return v
		}
		if a.enveloped && (a.code == stemflow.CodeOK || a.namesTask()) {
			return Unknown // it says itself that it was accepted, or may have been
		}
		if a.status == http.StatusForbidden && !a.enveloped {
			return Rejected
		}
		return refusals[a.status]
	default:
		return Unknown
	}
}

// rateText is the provider's own. It was seen in an answer of HTTP 200 whose code is not known, so
// it counts under every code.
const rateText = "call frequency is too high"

// envelopeVerdict takes a message that speaks of the caller's own frequency for a refusal under a
// server error, too. One that speaks of a rate limit at large does not count there: it may be that
// of a service behind the provider, which refused a task that the provider had accepted and billed.
func envelopeVerdict(a answer, message string) Verdict {
	switch {
	case !a.enveloped:
		return Unknown
	case !a.namesTask() && strings.Contains(message, rateText),
		a.refusesInWords() && callsTooOften.MatchString(message):
		return Busy
	default:
		return refusals[a.code]
	}
}

// refusesInWords reports whether the message may be taken for the reason of a refusal.
func (a answer) refusesInWords() bool {
	return a.enveloped && a.code != stemflow.CodeOK && !a.namesTask()
}

// saysExists reports whether the provider says that there is such a task already. Only its own
// envelope can say so: a proxy has conflicts of its own.
func (a answer) saysExists() bool {
	return a.enveloped && a.code == http.StatusConflict && (a.status/100 == 2 || a.status == http.StatusConflict)
}

// namesTask reports whether the answer has the id of a task, as acceptances have.
func (a answer) namesTask() bool { return len(a.tasks) > 0 }
