package view

import (
	"fmt"
	"io"
	"path"

	"stemflow"
)

// midiText says on one line what there is of a transcription.
func midiText(m stemflow.MIDI) string {
	of := ""
	if m.Stem != "" {
		of = "of " + Printable(m.Stem) + ": "
	}
	switch {
	case m.Failure != nil:
		return of + "there is none: " + m.Failure.Type + ": " + OneLine(m.Failure.Message)
	case !m.IsArchived():
		return of + "under way"
	}
	notes := 0
	for _, i := range m.Instruments {
		notes += i.Notes
	}
	return of + path.Base(m.File.Key) + ", " + path.Base(m.JSON.Key) + ": " +
		Plural(notes, "note") + " of " + Plural(len(m.Instruments), "instrument")
}

// MIDI prints what a transcription archived.
func MIDI(w io.Writer, in stemflow.GenerateMIDIInput, result *stemflow.GenerateMIDIResult, room int) {
	what := "everything"
	if in.Stem != "" {
		what = in.Stem
	}
	by := settled[result.SettledBy]
	if result.SettledBy == stemflow.SettledByArchive {
		by = "it was archived before"
	}
	fmt.Fprintf(w, "Archived the MIDI of %s in %s: %s\n\n", Printable(what), Printable(in.AudioID), by)
	var rows [][]string
	for _, i := range result.MIDI.Instruments {
		dropped := ""
		if i.Dropped > 0 {
			dropped = fmt.Sprintf("%d not in the file", i.Dropped)
		}
		rows = append(rows, []string{Printable(i.Name), fmt.Sprint(i.Notes), dropped})
	}
	if len(rows) == 0 {
		fmt.Fprintln(w, "Nothing was heard. Ask for a stem by itself, with --stem.")
	} else {
		Table(w, []Heading{{Text: "instrument"}, {Text: "notes", IsFigure: true}, {Text: ""}}, rows, room)
	}
	for _, object := range result.MIDI.Objects() {
		fmt.Fprintf(w, "\n  %s", ObjectText(stemflow.ObjectRef{Bucket: object.Bucket, Key: object.Key}))
	}
	fmt.Fprintln(w)
}
