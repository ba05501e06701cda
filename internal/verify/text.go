package verify

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a document or a store says may be anything, and is shown to people and terminals.
const (
	mostQuoted = 120
	mostKey    = 1024 // S3's own limit
)

// quote is a text of a document, bounded, with what does not print escaped.
func quote(text string) string { return strconv.QuoteToGraphic(cut(text, mostQuoted)) }

// printableKey is a key, bounded, with what does not print escaped.
func printableKey(key string) string {
	key = cut(key, mostKey)
	if utf8.ValidString(key) && strings.IndexFunc(key, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return key
	}
	quoted := strconv.QuoteToGraphic(key)
	return quoted[1 : len(quoted)-1]
}

func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…"
}
