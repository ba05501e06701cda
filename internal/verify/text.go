package verify

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"stemflow/internal/bounded"
	"stemflow/internal/naming"
)

// printableKey returns a key with what does not print escaped, bounded. Keys may be anything, and
// are shown to people and terminals.
func printableKey(key string) string {
	if !utf8.ValidString(key) || strings.ContainsFunc(key, func(r rune) bool { return !unicode.IsPrint(r) }) {
		key = strconv.Quote(key)
		key = key[1 : len(key)-1]
	}
	return bounded.Text(key, naming.MaxKey)
}
