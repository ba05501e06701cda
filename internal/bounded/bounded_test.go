package bounded

import (
	"strings"
	"testing"
	"testing/quick"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestText(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		most int
		want string
	}{
		"short":                       {"abc", 3, "abc"},
		"empty":                       {"", 0, ""},
		"long":                        {"abcd", 3, "abc…"},
		"cut before a character":      {"abé", 3, "ab…"},
		"cut after a character":       {"aéb", 3, "aé…"},
		"cut within a long character": {"a\U0001F3B5", 4, "a…"},
		"not UTF-8":                   {"a\xffb", 3, "a?b"},
		"nothing but continuations":   {strings.Repeat("\x80", 10), 6, "?…"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, Text(c.text, c.most)) })
	}
}

func TestTextIsAlwaysShortAndUTF8(t *testing.T) {
	require.NoError(t, quick.Check(func(data []byte, most uint8) bool {
		text := Text(string(data), int(most))
		kept := utf8.Valid(data) && len(data) <= int(most)
		return utf8.ValidString(text) && len(text) <= int(most)+len(ellipsis) && (!kept || text == string(data))
	}, &quick.Config{MaxCount: 2000}))
}

func TestQuote(t *testing.T) {
	require.Equal(t, `"a\nb"`, Quote("a\nb"))
	for _, unit := range []string{"!", "\x00", "\u0080", "\xff", "\U0001F3B5", `"`} {
		require.LessOrEqual(t, len(Quote(strings.Repeat(unit, 60_000))), 4*Value+10, "%q", unit)
	}
}
