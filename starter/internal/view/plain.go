package view

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Plain writes a text for a person. Whatever names and messages of others it repeats, it cannot
// move the cursor or colour a terminal. Each write is of whole characters.
func Plain(w io.Writer) io.Writer {
	return filter{w, func(text string) string { return Printable(text, '\n') }}
}

// PlainJSON writes JSON that does no more to a terminal than [Plain] and says the same.
func PlainJSON(w io.Writer) io.Writer { return filter{w, escapeInvisible} }

type filter struct {
	w      io.Writer
	change func(string) string
}

// Write implements io.Writer.
func (f filter) Write(p []byte) (int, error) {
	if _, err := io.WriteString(f.w, f.change(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
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
