// Package redact hides secrets in texts that come from outside: what the provider, the object store
// or a file host says, and what the libraries say that speak to them. Such a text may repeat what
// was sent to its author, and it goes to histories, logs and traces, where more people read it than
// may know a secret.
package redact

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

const (
	// window is the length of the shortest part of a secret that is hidden, in characters.
	window = 12
	// shortest is the length of the shortest secret that is hidden. To hide a shorter one would
	// hide parts of ordinary words, and tell by that what it is.
	shortest = 6
	// Hidden takes the place of a secret, and Link that of a link.
	Hidden = "[hidden]"
	Link   = "[link]"
)

// Redactor hides secrets. A part of a secret counts if it has at least 12 characters; of a secret
// of 6 to 11 characters the whole counts; a shorter one is not hidden. Neither letter case nor the
// spelling matters: bare, percent-encoded, escaped as in JSON, HTML or programs, in base64 or
// hexadecimal, as a list of bytes, with white space between. It takes time in proportion to the
// length of the text.
//
// Nil hides no secret, and links all the same. It is safe for concurrent use.
type Redactor struct {
	// parts has the parts of secrets, by their length.
	parts [window + 1]map[string]struct{}
	// next knows further secrets.
	next *Redactor
}

// New makes a Redactor of secrets. Empty ones do not matter.
func New(secrets ...string) *Redactor { return (*Redactor)(nil).With(secrets...) }

// Credential is the secret in the value of a header like Authorization: what follows the scheme,
// or all of it where there is none. The scheme is a word that occurs in other texts too.
func Credential(header string) string {
	header = strings.TrimSpace(header)
	if _, credential, ok := strings.Cut(header, " "); ok {
		return strings.TrimSpace(credential)
	}
	return header
}

// With makes a Redactor that hides further secrets as well.
func (r *Redactor) With(secrets ...string) *Redactor {
	more := &Redactor{next: r}
	for _, secret := range secrets {
		more.add(secret)
	}
	return more
}

func (r *Redactor) add(secret string) {
	if len(fold(plainView(secret)).text) < shortest {
		return
	}
	query := url.QueryEscape(secret) // it makes a plus of a space, which is not decoded
	for _, folded := range [][]byte{
		fold(plainView(secret)).text, fold(decoded(secret, true)).text, fold(decoded(query, true)).text,
	} {
		// What is left out of the secret is missing from its parts too.
		r.addParts(folded, window-(len(secret)-len(folded)))
	}
	quoted, _ := json.Marshal(secret) // a string always encodes
	spellings := []string{secret, query, url.PathEscape(secret), string(quoted[1 : len(quoted)-1])}
	slices.Sort(spellings)
	for _, list := range []struct{ format, separator string }{
		{"%d", ""}, {"%d", ","}, {"%02x", ":"}, {"%02x", "-"}, {"0x%02x", ""}, {"0x%02x", ","},
	} {
		r.addParts(fold(plainView(bytesAs(secret, list.format, list.separator))).text, window)
	}
	for _, spelling := range slices.Compact(spellings) {
		r.addParts(fold(plainView(hex.EncodeToString([]byte(spelling)))).text, window)
		// What stands before a secret decides how its bytes fall into groups of three. The first
		// and the last characters depend on the neighbours too, so they are left out.
		for before := range 3 {
			encoded := base64.RawStdEncoding.EncodeToString(append(make([]byte, before), spelling...))
			whole := (before + len(spelling)) * 8 / 6
			r.addParts(fold(plainView(encoded[(before*8+5)/6:whole])).text, window)
		}
	}
}

// bytesAs is a text as programs print its bytes one by one. White space between does not matter.
func bytesAs(text, format, separator string) string {
	printed := make([]string, len(text))
	for i := range len(text) {
		printed[i] = fmt.Sprintf(format, text[i])
	}
	return strings.Join(printed, separator)
}

// addParts adds the parts of n characters, or the whole of what is shorter.
func (r *Redactor) addParts(folded []byte, n int) {
	n = min(max(n, shortest), len(folded))
	if n < shortest {
		return
	}
	if r.parts[n] == nil {
		r.parts[n] = map[string]struct{}{}
	}
	for i := range len(folded) - n + 1 {
		r.parts[n][string(folded[i:i+n])] = struct{}{}
	}
}

// Secrets hides the secrets in a text of our own making, which may have links.
func (r *Redactor) Secrets(text string) string {
	hidden := make([]bool, len(text))
	found := r.mark(hidden, fold(plainView(text)))
	if strings.ContainsAny(text, `%\&`) {
		found = r.mark(hidden, fold(decoded(text, true))) || found
	}
	if strings.Contains(text, `\`) {
		found = r.mark(hidden, fold(decoded(text, false))) || found
	}
	if !found {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		from := i
		for i < len(text) && hidden[i] == hidden[from] {
			i++
		}
		if hidden[from] {
			b.WriteString(Hidden)
		} else {
			b.WriteString(text[from:i])
		}
	}
	return b.String()
}

func (r *Redactor) mark(hidden []bool, v view) (found bool) {
	for ; r != nil; r = r.next {
		for n, parts := range r.parts {
			if len(parts) == 0 {
				continue
			}
			// done keeps overlapping parts from being marked byte by byte again.
			for i, done := 0, 0; i+n <= len(v.text); i++ {
				if _, ok := parts[string(v.text[i:i+n])]; !ok {
					continue
				}
				found = true
				for at := max(v.from[i], done); at < v.to[i+n-1]; at++ {
					hidden[at] = true
				}
				done = v.to[i+n-1]
			}
		}
	}
	return found
}

var (
	// links are found in every spelling of their "://".
	links = regexp.MustCompile(`(?i)[a-z][a-z0-9+.-]*(?::|%(?:25)*3a|\\u003a|&#58;|&#x3a;)` +
		`(?:\\?/|%(?:25)*2f|\\u002f|&#47;|&#x2f;){2}\S+`)
	// callbackPath is the path of a callback's address, which ends with a token.
	callbackPath = regexp.MustCompile(`(?i)callbacks(?:\\?/|%(?:25)*2f|\\u002f|&#47;|&#x2f;)\S+`)
	// credential is a value that its name calls one, as in the query of a link that was cut.
	credential = regexp.MustCompile(`(?i)((?:signature|token|secret|password|credential|api[_-]?key)(?:=|%(?:25)*3d)|` +
		`bearer(?: |\+|%(?:25)*20))[^\s&"'<>\[]{12,}`)
	opaque = regexp.MustCompile(`[A-Za-z0-9_-]{40,}`)
)

// Outside hides what a text from outside may have that gives access: links, tokens, signatures, and
// the secrets.
func (r *Redactor) Outside(text string) string {
	text = links.ReplaceAllString(text, Link)
	text = callbackPath.ReplaceAllString(text, Hidden)
	text = credential.ReplaceAllString(text, "${1}"+Hidden)
	text = opaque.ReplaceAllStringFunc(text, func(run string) string {
		if isOpaque(run) {
			return Hidden
		}
		return run
	})
	return r.Secrets(text)
}

// isOpaque tells a token from an id: ids are hexadecimal or of one letter case.
func isOpaque(run string) bool {
	return strings.ContainsAny(run, "0123456789") && strings.ToLower(run) != run && strings.ToUpper(run) != run
}

var (
	longRun = regexp.MustCompile(`[!-~]{12,}`)
	word    = regexp.MustCompile(`^["'(]*[A-Za-z]?[a-z]+[.,;:!?)"']*$`)
)

// Words hides all that may be a part of a secret which nobody here knows: what is as long as a part
// that counts, and no word.
func Words(text string) string {
	return longRun.ReplaceAllStringFunc(text, func(run string) string {
		if word.MatchString(run) {
			return run
		}
		return Hidden
	})
}

// Error hides in an error what Outside hides. What the error is, errors.Is and errors.As tell of
// the result as well. Only its text is different, and nothing unwraps it to the old one: Temporal
// writes every error of a chain to the history.
func (r *Redactor) Error(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if safe := r.Outside(text); safe != text {
		return &redactedError{safe, err}
	}
	return err
}

// redactedError has no Unwrap: see [Redactor.Error].
type redactedError struct {
	text string
	err  error
}

func (e *redactedError) Error() string { return e.text }

// Is tells errors.Is.
func (e *redactedError) Is(target error) bool { return errors.Is(e.err, target) }

// As tells errors.As and errors.AsType.
func (e *redactedError) As(target any) bool { return errors.As(e.err, target) }
