package kie

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"stemflow/internal/redact"
)

// Error is a call to the provider that did not succeed.
type Error struct {
	// Op is the call: "generate", "record-info", "midi-generate", "midi-record-info",
	// "wav-generate", "wav-record-info", "download-url" or "credit".
	Op string
	// HTTPStatus is 0 if there was no answer, Code 0 if the answer carried none.
	HTTPStatus int
	Code       int
	// Message is the provider's text: printable, at most 256 bytes, without links.
	Message string
	Verdict Verdict
	// TaskID is the task that there is already, with Exists, where the provider names it. That is
	// not documented.
	TaskID string
	// Err is the cause where the provider's own words are not: a lost connection, an unreadable
	// answer.
	Err error
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "kie %s: %s", e.Op, e.advice())
	if facts := e.facts(); facts != "" {
		fmt.Fprintf(&b, " (%s)", facts)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap returns the cause, so that errors.Is finds a context's end.
func (e *Error) Unwrap() error { return e.Err }

func (e *Error) advice() string {
	switch e.Verdict {
	case Busy:
		return "not taken this time, try again later"
	case Rejected:
		return "refused for good, the same request will not be taken"
	case NotYet:
		if e.Op == opMIDIGenerate {
			return "not taken: the provider does not know the separation, or not yet; it keeps one for 14 days"
		}
		return "not taken: the provider does not know the track, or not yet; check taskId and audioId, " +
			"and try again in some minutes"
	case Unauthorized:
		return "the API key is refused, check the key, its limits and its list of allowed addresses"
	case InsufficientCredits:
		return "the account's credits do not suffice, top them up"
	case Exists:
		return "not taken: the provider has made this one before, and makes no second one"
	}
	if isSubmit(e.Op) {
		return "whether it was accepted and billed is not known, do not repeat it: " +
			"the callback will tell where one can come, and the provider's log page in any case"
	}
	return "no usable answer, try again"
}

func (e *Error) facts() string {
	var facts []string
	if e.HTTPStatus != 0 {
		facts = append(facts, fmt.Sprintf("HTTP %d", e.HTTPStatus))
	}
	if e.Code != 0 {
		facts = append(facts, fmt.Sprintf("code %d", e.Code))
	}
	if e.Message != "" {
		facts = append(facts, fmt.Sprintf("%q", e.Message))
	}
	return strings.Join(facts, ", ")
}

// maxMessage bounds a text of the provider, in bytes.
const maxMessage = 256

// printable makes a text of the provider fit for errors, logs and histories. Links go, for they may
// be our callback URL with its token in it, or signed. The secrets that a Redactor knows are hidden
// by its owner: also of one that is cut here no part of a length that counts is left.
func printable(s string) string { return printableTo(s, maxMessage) }

// printableTo is printable for a text of at most so many bytes.
func printableTo(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		default:
			return r
		}
	}, s)
	s = strings.TrimSpace((*redact.Redactor)(nil).Outside(s))
	if len(s) <= most {
		return s
	}
	end := most
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}
