// Package bounded keeps texts from outside small enough, and well-formed enough, to be reported:
// Temporal takes neither a failure of some megabytes nor one that is not UTF-8. It depends on the
// standard library only, since the contract imports it.
package bounded

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// Value is how much is shown, in bytes, of a value that is wrong.
	Value = 100
	// Message bounds the message of a failure, in bytes. It has room for all problems of an input.
	Message = 16 << 10
)

const ellipsis = "…"

// Text returns s as UTF-8, cut after a whole character where it is longer than so many bytes.
func Text(s string, most int) string {
	if len(s) <= most && utf8.ValidString(s) {
		return s
	}
	cut := len(s) > most
	if cut {
		end := most
		for end > 0 && !utf8.RuneStart(s[end]) && most-end < utf8.UTFMax {
			end--
		}
		s = s[:end]
	}
	s = strings.ToValidUTF8(s, "?") // no longer than what it stands for
	if cut {
		s += ellipsis
	}
	return s
}

// Quote returns a value that is wrong in quotation marks, cut.
func Quote(value string) string { return strconv.Quote(Text(value, Value)) }
