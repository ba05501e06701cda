package view

import (
	"fmt"
	"io"
	"strings"
	"time"

	"stemflow"
)

// settled says how a run learned that its separation was done, for a person.
var settled = map[stemflow.SettledBy]string{
	stemflow.SettledByCallback: "the callback said that it was done",
	stemflow.SettledByPoll:     "polling found that it was done",
	stemflow.SettledByResume:   "it was paid for before",
	stemflow.SettledByArchive:  "it was archived before and nothing was paid",
}

// Result prints what a separation archived, on so many columns.
func Result(
	w io.Writer,
	in stemflow.SeparateStemsInput,
	result *stemflow.SeparateStemsResult,
	took time.Duration,
	room int,
) {
	fmt.Fprintf(w, "Archived %s in %s: %s\n", Title(in), clockTime(took), settled[result.SettledBy])
	archive(w, result, room)
}

// Manifest prints what is archived of a track, on so many columns.
func Manifest(w io.Writer, m stemflow.Manifest, room int) {
	in := stemflow.SeparateStemsInput{
		TaskID:   m.Source.TaskID,
		AudioID:  m.Source.AudioID,
		Type:     m.Type,
		StemName: m.Source.StemName,
		Title:    m.Source.Title(),
	}
	fmt.Fprintf(w, "%s, archived %s\n", Printable(Title(in)), DateTime(m.ArchivedAt))
	music(w, m.Source.Music)
	archive(w, &m.SeparateStemsResult, room)
}

// music prints what people know of a track.
func music(w io.Writer, m *stemflow.Music) {
	if m == nil {
		return
	}
	fmt.Fprintln(w)
	for _, line := range [][2]string{
		{"title", m.Title}, {"artist", m.Artist}, {"tags", m.Tags}, {"cover", m.CoverURL},
	} {
		if line[1] != "" {
			fmt.Fprintf(w, "  %-12s  %s\n", line[0], Printable(line[1]))
		}
	}
	if m.DurationSeconds > 0 {
		fmt.Fprintf(w, "  %-12s  %s\n", "duration", PlayingTime(m.DurationSeconds))
	}
}

// Links prints the links to stems, in their order. They are too long for the table.
func Links(w io.Writer, stems []stemflow.Stem, links []string, until time.Time) {
	fmt.Fprintf(w, "\nLinks, for anyone who has them, until %s\n\n", DateTime(until))
	for i, link := range links {
		fmt.Fprintf(w, "  %-15s %s\n", Printable(stems[i].Name), link)
	}
}

// archive prints the table of stems, and where they are.
func archive(w io.Writer, result *stemflow.SeparateStemsResult, room int) {
	fmt.Fprintln(w)
	stemTable(w, result.Stems, room)
	fmt.Fprintln(w)
	for _, stem := range result.Failed {
		fmt.Fprintf(w, "  not archived  %s: %s: %s\n", stem.Name, stem.Type, Printable(stem.Message))
	}
	for _, stem := range result.Missing {
		fmt.Fprintf(w, "  missing       %s: %s\n", stem.Name, Printable(stem.Reason))
	}
	if len(result.Empty) > 0 {
		fmt.Fprintf(w, "  not served    %s\n", strings.Join(result.Empty, ", "))
	}
	for _, midi := range result.MIDI {
		fmt.Fprintf(w, "  MIDI          %s\n", midiText(midi))
	}
	fmt.Fprintf(w, "  separation    %s\n", result.SeparationTaskID)
	fmt.Fprintf(w, "  bucket        %s\n", result.Manifest.Bucket)
	fmt.Fprintf(w, "  manifest      %s\n", result.Manifest.Key)
}
