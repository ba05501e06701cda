package view

import (
	"encoding/json"
	"strings"

	"stemflow"
	"stemflow/internal/bounded"
)

// Title is what a person calls a separation.
func Title(in stemflow.SeparateStemsInput) string {
	in = in.WithDefaults()
	track := in.AudioID
	if in.Track().IsSong() {
		track = Printable(in.SongName())
	}
	if in.Type == stemflow.SplitStemAdvanced {
		return string(in.Type) + " (" + in.StemName + ") of " + track
	}
	return string(in.Type) + " of " + track
}

// mostSummary bounds a summary in bytes of JSON: Temporal refuses what has more than 400.
const mostSummary = 380

// Summary is [Title], short enough for a run's summary in Temporal.
func Summary(in stemflow.SeparateStemsInput) string {
	text := Title(in)
	for {
		written, err := json.Marshal(text)
		if err != nil || len(written) <= mostSummary {
			return text
		}
		text = bounded.Text(text, len(text)*mostSummary/len(written)-len("..."))
	}
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

// Fill breaks the lines of each paragraph again, so that none is wider than width where its words
// allow. A paragraph with an indented line, which is a table or a command, stays as it is.
func Fill(text string, width int) string {
	paragraphs := strings.Split(text, "\n\n")
	for i, paragraph := range paragraphs {
		if !strings.Contains("\n"+paragraph, "\n ") {
			paragraphs[i] = fillParagraph(paragraph, width)
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

func fillParagraph(text string, width int) string {
	var b strings.Builder
	if strings.HasPrefix(text, "\n") {
		b.WriteByte('\n')
	}
	used := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case used+1+columns(word) > width:
			b.WriteByte('\n')
			used = 0
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += columns(word)
	}
	if strings.HasSuffix(text, "\n") {
		b.WriteByte('\n')
	}
	return b.String()
}
