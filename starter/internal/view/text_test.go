package view

import (
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
)

func TestTitle(t *testing.T) {
	require.Equal(t, "separate_vocal of e231", Title(stemflow.SeparateStemsInput{AudioID: "e231"}))
	require.Equal(t, "split_stem_advanced (Lead Vocal) of e231",
		Title(stemflow.SeparateStemsInput{AudioID: "e231", Type: stemflow.SplitStemAdvanced, StemName: "Lead Vocal"}))
}

func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"":               "",
		"one":            "one",
		"one\n":          "one",
		"a\nb\r\nc":      "a; b; c",
		"two:\n  a\n  b": "two: a; b",
		"a\n\n b\x1b[2J": "a; b [2J",
	} {
		require.Equal(t, want, OneLine(text), "%q", text)
	}
}
func TestQuote(t *testing.T) {
	for value, want := range map[string]string{
		"5c79-be8e": "5c79-be8e", "": "''", "Lead Vocal": "'Lead Vocal'", "it's": `'it'\''s'`, "$(reboot)": "'$(reboot)'", "a/b": "a/b",
	} {
		require.Equal(t, want, Quote(value))
	}
}

func TestFill(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "",
		"a b":                       "a b",
		"one two three":             "one two\nthree",
		"one\ntwo\n\nthree":         "one two\n\nthree",
		"\none two three\n":         "\none two\nthree\n",
		"incomprehensible a b":      "incomprehensible\na b",
		"a table:\n  one two three": "a table:\n  one two three",
	} {
		require.Equal(t, want, Fill(text, 8), "%q", text)
	}
}
