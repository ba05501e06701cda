package view

import "io"

// Plain writes a text for a person. Whatever names and messages of others it repeats, it cannot
// move the cursor or colour a terminal. Each write is of whole characters.
func Plain(w io.Writer) io.Writer { return plain{w} }

type plain struct{ w io.Writer }

// Write implements io.Writer.
func (p plain) Write(text []byte) (int, error) {
	if _, err := io.WriteString(p.w, Printable(string(text), '\n')); err != nil {
		return 0, err
	}
	return len(text), nil
}
