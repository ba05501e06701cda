package workflows

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"go.temporal.io/sdk/temporal"

	"stemflow"
)

const (
	cancelledRemedy        = "start the track again to go on: what was paid is taken up, not paid twice"
	catalogCancelledRemedy = "start the catalogue again to go on: what was paid is taken up, not paid twice"
	pausedRemedy           = "; then resume the catalogue, which tries one track first"
	requestedPauseRemedy   = "resume the catalogue to go on"
)

// details are an execution's current details, in Markdown, as they are written.
type details struct{ strings.Builder }

func (d *details) addf(format string, args ...any) { d.WriteString(fmt.Sprintf(format, args...)) }

// runFailure is an error with which a run ends, as its progress says it.
func runFailure(err error, cancelled, cancelledRemedy string) *stemflow.RunFailure {
	if temporal.IsCanceledError(err) {
		return &stemflow.RunFailure{Type: stemflow.ReasonCanceled, Message: cancelled, Remedy: cancelledRemedy}
	}
	var app *temporal.ApplicationError
	if !errors.As(err, &app) {
		return &stemflow.RunFailure{Type: "Error", Message: shorten(err.Error())}
	}
	f := &stemflow.RunFailure{Type: app.Type(), Message: shorten(app.Message())}
	if t, ok := stemflow.LookupErrorType(f.Type); ok {
		f.Remedy = t.Remedy
	}
	return f
}

// writeFailure writes how a run ended to its details.
func writeFailure(b *details, f *stemflow.RunFailure) {
	if f == nil {
		return
	}
	b.addf("\n\n**%s**: %s", f.Type, plainText(f.Message))
	if f.Remedy != "" {
		b.addf("\n\nWhat to do: %s.", f.Remedy)
	}
}

// plainText is a text from outside as one line of Markdown that is shown as it is.
func plainText(text string) string {
	var b strings.Builder
	for _, r := range strings.Join(strings.Fields(text), " ") {
		switch {
		case !unicode.IsPrint(r):
			continue
		case strings.ContainsRune("\\`*_[]<>|#&!~", r):
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// trackName names a track in the details of its run.
func trackName(in stemflow.SeparateStemsInput) string {
	in = in.WithDefaults()
	name := string(in.Type)
	if in.StemName != "" {
		name += " (" + in.StemName + ")"
	}
	return plainText(name + " of " + songText(in))
}

// songText is what a track is known by.
func songText(in stemflow.SeparateStemsInput) string {
	if in.AudioURL != "" {
		return in.SongName()
	}
	if in.Title != "" {
		return in.AudioID + ", " + in.Title
	}
	return in.AudioID
}

// mostSummary bounds a summary in bytes. Temporal refuses what takes more than 400 as JSON.
const mostSummary = 300

// trackSummary names a track in one line of Temporal's UI.
func trackSummary(before string, in stemflow.SeparateStemsInput) string {
	in = in.WithDefaults()
	text := before + string(in.Type)
	if in.StemName != "" {
		text += " (" + in.StemName + ")"
	}
	text += " of " + songText(in)
	var b strings.Builder
	room := mostSummary
	for _, r := range strings.Join(strings.Fields(text), " ") {
		size := len(string(r))
		switch {
		case !unicode.IsPrint(r):
			continue
		case strings.ContainsRune(`"\<>&`, r):
			size = len(`\u0026`)
		}
		if room -= size; room < len("…") {
			b.WriteString("…")
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

// sizeText is a number of bytes for a person: "4.8 MB".
func sizeText(bytes int64) string {
	if bytes == 0 {
		return ""
	}
	if bytes < 1000 {
		return fmt.Sprintf("%d B", bytes)
	}
	size := float64(bytes)
	for _, unit := range []string{"kB", "MB", "GB"} {
		if size /= 1000; size < 999.95 {
			return fmt.Sprintf("%.1f %s", size, unit)
		}
	}
	return fmt.Sprintf("%.1f TB", size/1000)
}

// costText is a number of credits, and what they cost in dollars.
func costText(credits float64) string {
	dollars := stemflow.Dollars(credits)
	if dollars < 0.01 {
		return fmt.Sprintf("%g credits (about $%.3f)", credits, dollars)
	}
	return fmt.Sprintf("%g credits (about $%.2f)", credits, dollars)
}
