package source

import "fmt"

// Kind is why a source could not be fetched, as far as a caller acts on it.
type Kind string

const (
	// Forbidden: the link, a redirect of it, or the address that its host resolves to is not
	// allowed. Trying again is pointless.
	Forbidden Kind = "forbidden"
	// Expired: the link is not good any more: its signature is over, or its host wants another
	// (mostly 403; 400, 401, 404 and 410 where they say so). A renewed link may work.
	Expired Kind = "expired"
	// Missing: the file is not there (404). One that was just made may not be there yet, so trying
	// again may help, and another link as well.
	Missing Kind = "missing"
	// Gone: the file is not there any more (410). Only another link may help.
	Gone Kind = "gone"
	// Blocked: the host refuses this client, and not the link: a bot block, a challenge for
	// browsers; or the operator's proxy refuses the host. Trying again may help; the stem is not
	// lost.
	Blocked Kind = "blocked"
	// TooLarge: the file is larger than Options.MaxSize.
	TooLarge Kind = "too large"
	// Truncated: the file ended before its end. Trying again may help.
	Truncated Kind = "truncated"
	// Stalled: no byte came for Options.StallTimeout. Trying again may help.
	Stalled Kind = "stalled"
	// Empty: the host serves no byte, as it does while a file is being made. Trying again may help.
	Empty Kind = "empty"
	// Unavailable: the host could not be reached, or answered with something else than the file.
	// Trying again may help.
	Unavailable Kind = "unavailable"
)

// Error is why a source could not be fetched. It names the host, and neither path nor query of the
// link, which may give access.
type Error struct {
	Kind Kind
	// Status is the HTTP status, where the answer's status is the reason, and 0 otherwise.
	Status int
	// Host is the one that was being spoken to, without port; empty where the link is none.
	Host string
	// Err says what happened and what can be done.
	Err error
}

func (e *Error) Error() string { return fmt.Sprintf("source host %q: %s: %v", e.Host, e.Kind, e.Err) }

func (e *Error) Unwrap() error { return e.Err }

func fail(kind Kind, host, format string, args ...any) *Error {
	return &Error{Kind: kind, Host: host, Err: fmt.Errorf(format, args...)}
}
