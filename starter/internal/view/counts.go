package view

import (
	"fmt"
	"io"

	"github.com/dustin/go-humanize"

	"stemflow"
)

// CatalogResult prints what came of a catalogue that has come to its end.
func CatalogResult(w io.Writer, result stemflow.SeparateCatalogResult) {
	fmt.Fprintf(
		w,
		"Catalogue %s: %s in %s, %s credits spent\n\n",
		result.Name,
		Plural(result.Tracks, "track"),
		clockTime(result.EndedAt.Sub(result.StartedAt)),
		humanize.Comma(int64(result.Credits)),
	)
	Counts(w, result)
}

// Counts prints how many tracks have come to which end, and where the report is.
func Counts(w io.Writer, result stemflow.SeparateCatalogResult) {
	for _, row := range countRows(result.CatalogCounts) {
		if row.count > 0 {
			fmt.Fprintf(w, "  %-10s %9s\n", row.status, humanize.Comma(int64(row.count)))
		}
	}
	if left := result.Tracks - result.Ended(); left > 0 {
		fmt.Fprintf(w, "  %-10s %9s\n", "not begun", humanize.Comma(int64(left)))
	}
	if result.Report.CSV.Key != "" {
		fmt.Fprintf(
			w,
			"\n  report     %s\n             %s\n",
			ObjectText(result.Report.CSV),
			ObjectText(result.Report.JSON),
		)
	}
}

// countRow is how many tracks have come to an end.
type countRow struct {
	status stemflow.TrackStatus
	count  int
	mark   span
}

func countRows(counts stemflow.CatalogCounts) []countRow {
	return []countRow{
		{stemflow.TrackArchived, counts.Archived, span{"✓", green}},
		{stemflow.TrackFound, counts.Found, span{"✓", green}},
		{stemflow.TrackPartial, counts.Partial, span{"!", yellow}},
		{stemflow.TrackFailed, counts.Failed, span{"✗", red}},
		{stemflow.TrackSkipped, counts.Skipped, span{"✗", red}},
		{stemflow.TrackCancelled, counts.Cancelled, span{"✗", red}},
	}
}
