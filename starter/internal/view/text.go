package view

import (
	"strings"

	"stemflow"
)

// Title is what a person calls a separation.
func Title(in stemflow.SeparateStemsInput) string {
	in = in.WithDefaults()
	if in.Type == stemflow.SplitStemAdvanced {
		return string(in.Type) + " (" + in.StemName + ") of " + in.AudioID
	}
	return string(in.Type) + " of " + in.AudioID
}

// ObjectText names an object for a person.
func ObjectText(ref stemflow.ObjectRef) string {
	if ref.Bucket == "" {
		return ref.Key
	}
	return "s3://" + ref.Bucket + "/" + ref.Key
}

// Quote makes one word of a value for a POSIX shell.
func Quote(value string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:", r)
	}
	if value != "" && !strings.ContainsFunc(value, func(r rune) bool { return !plain(r) }) {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}

// OneLine makes one line of a text: of a heading and what is listed below it, too.
func OneLine(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		switch so := b.String(); {
		case so == "":
		case strings.HasSuffix(so, ":"):
			b.WriteString(" ")
		default:
			b.WriteString("; ")
		}
		b.WriteString(line)
	}
	return Printable(b.String())
}
