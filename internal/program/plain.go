package program

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
)

// PlainJSON writes JSON, which people read on terminals, too, so that nothing in it moves a
// terminal's cursor or colours it: what could has its escape in its place. Each write is of whole
// characters.
func PlainJSON(w io.Writer) io.Writer { return plainJSON{w} }

type plainJSON struct{ w io.Writer }

// Write implements io.Writer.
func (p plainJSON) Write(text []byte) (int, error) {
	if _, err := io.WriteString(p.w, escapeInvisible(string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// escapeInvisible writes the control and format characters that JSON may have in its strings as
// escapes. Those of ASCII that are left stand between them.
func escapeInvisible(text string) string {
	escaped := func(r rune) bool { return r > '~' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }
	if !strings.ContainsFunc(text, escaped) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if !escaped(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}
