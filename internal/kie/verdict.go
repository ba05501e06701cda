package kie

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
)

// Verdict is what a failed call means for whoever made it. For the paid call everything hangs on it: there is no idempotency
// key, so only a call that surely was not accepted may be made again.
type Verdict int

const (
	// Unknown: whether the provider accepted the call is not known. It is the zero value, for what nobody thought of.
	Unknown Verdict = iota
	// Busy: surely not accepted, and worth another try: rate limited, in maintenance, or the connection was never made.
	Busy
	// Rejected: surely not accepted, and the same call will not be.
	Rejected
	// Unauthorized: rejected because of the API key.
	Unauthorized
	// InsufficientCredits: rejected because the account cannot pay.
	InsufficientCredits
)

// VerdictOf is the verdict of an error of a [Client]; of anything that is no [*Error], nil included, it is Unknown.
func VerdictOf(err error) Verdict {
	var e *Error
	if !errors.As(err, &e) {
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
	case Unauthorized:
		return "unauthorized"
	case InsufficientCredits:
		return "insufficient_credits"
	default:
		return "unknown"
	}
}

// refusals are the codes, of the envelope or of HTTP, that say surely not accepted. Those that say less are missing: 408 and
// 409, and 500 and 501, under which a task may have been made.
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

// The provider sends these texts under other codes too: a lack of credits came with 500.
var creditsText = regexp.MustCompile(`(?i)\b(credits?|balance) (is |are )?(insufficient|not enough|isn['’]t enough|aren['’]t enough)` +
	`|\b(insufficient|not enough) (account )?(credits?|balance)\b`)

const rateText = "call frequency is too high"

// verdictOf judges an answer that did not give what was asked for.
func verdictOf(a answer) Verdict {
	if a.enveloped && creditsText.MatchString(a.message) {
		return InsufficientCredits
	}
	switch a.status / 100 {
	case 2:
		return envelopeVerdict(a)
	case 4:
		if v := envelopeVerdict(a); v != Unknown {
			return v
		}
		if a.status == http.StatusForbidden && !a.enveloped {
			return Rejected
		}
		return refusals[a.status]
	default:
		return Unknown
	}
}

func envelopeVerdict(a answer) Verdict {
	switch {
	case !a.enveloped:
		return Unknown
	case strings.Contains(strings.ToLower(a.message), rateText):
		return Busy
	default:
		return refusals[a.code]
	}
}
