package view

import (
	"io"
	"slices"
	"unicode/utf8"
)

// Plain writes a text for a person. Whatever names and messages of others it repeats, it cannot
// move the cursor or colour a terminal.
func Plain(w io.Writer) io.Writer { return &plain{w: w} }

type plain struct {
	w io.Writer
	// begun is the beginning of a character, of which the next write has the rest.
	begun []byte
}

// Write implements io.Writer.
func (p *plain) Write(text []byte) (int, error) {
	all := slices.Concat(p.begun, text)
	end := len(all)
	for i := max(0, end-utf8.UTFMax); i < end; i++ {
		if utf8.RuneStart(all[i]) && !utf8.FullRune(all[i:]) {
			end = i
		}
	}
	p.begun = all[end:]
	if _, err := io.WriteString(p.w, Printable(string(all[:end]), '\n')); err != nil {
		return 0, err
	}
	return len(text), nil
}
