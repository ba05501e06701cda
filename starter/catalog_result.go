package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/dustin/go-humanize"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/outcome"
)

// catalogAdvice says what to do about a catalogue that did not come to its end, where that is not
// what a track's run would be told.
var catalogAdvice = map[string]string{
	stemflow.ErrorArchiveUnavailable: "Check the object store and the MINIO_ variables of the worker, and start " +
		"the catalogue again, which pays " +
		"for nothing that is paid for.",
	failureCanceled: "Start the catalogue again to go on: what was paid is taken up, not paid twice.",
	failureTerminated: "Tracks that were under way go on. Start the catalogue again to go on: it joins them, and " +
		"pays for nothing that is paid for.",
	failureTimedOut: "Start the catalogue again to go on: what was paid is taken up, not paid twice.",
}

// catalogFailure says how a catalogue ended that did not complete.
func catalogFailure(err error) *failure {
	end, ok := outcome.FromError(err)
	if !ok {
		return temporalFailure("the catalogue's result cannot be read", err)
	}
	end.Message = strings.ReplaceAll(end.Message, "the separation was", "the catalogue was")
	f := failureOf(end)
	f.Details = nil
	if hint, special := catalogAdvice[f.Type]; special {
		f.hint = hint
	}
	result := stemflow.SeparateCatalogResult{}
	var application *temporal.ApplicationError
	var canceled *temporal.CanceledError
	if errors.As(err, &application) && application.HasDetails() && application.Details(&result) == nil ||
		errors.As(err, &canceled) && canceled.HasDetails() && canceled.Details(&result) == nil {
		if result.Tracks > 0 {
			f.Catalog = &result
		}
	}
	return f
}

// incomplete is the failure of a catalogue that came to its end with tracks that are not, or not
// wholly, archived.
func incomplete(result stemflow.SeparateCatalogResult, asJSON bool) error {
	missing := result.Tracks - result.Archived - result.Found
	if missing == 0 {
		return nil
	}
	return &failure{
		Type: failureIncomplete, code: exitFailed, told: asJSON,
		Message: fmt.Sprintf(
			"%s of %s tracks are not archived, or not wholly: the report says why",
			humanize.Comma(int64(missing)),
			humanize.Comma(int64(result.Tracks)),
		),
		hint: "Starting the catalogue again pays only for what is not archived.",
	}
}

func (p *cli) printCatalogResult(result stemflow.SeparateCatalogResult) {
	fmt.Fprintf(
		p.stdout,
		"Catalogue %s: %s tracks in %s, %s credits spent\n\n",
		result.Name,
		humanize.Comma(int64(result.Tracks)),
		clockTime(result.EndedAt.Sub(result.StartedAt)),
		humanize.Comma(int64(result.Credits)),
	)
	printCounts(p.stdout, result)
}

// printCounts prints how many tracks have come to which end, and where the report is.
func printCounts(w io.Writer, result stemflow.SeparateCatalogResult) {
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
			objectText(result.Report.CSV),
			objectText(result.Report.JSON),
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
