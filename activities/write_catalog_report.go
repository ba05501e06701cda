package activities

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/catalog"
)

// WriteCatalogReport makes the report of a catalogue of the outcomes that are kept, page by page.
type WriteCatalogReport struct {
	Store Store
}

// Execute writes the CSV first and the JSON, which has the result in it, last.
func (a *WriteCatalogReport) Execute(
	ctx context.Context,
	in activityapi.WriteCatalogReportInput,
) (*stemflow.ReportRefs, error) {
	defer startHeartbeat(ctx)()
	bucket := in.Location.Bucket
	refs := stemflow.ReportRefs{
		CSV:  stemflow.ObjectRef{Bucket: bucket, Key: archive.CatalogReportKey(in.Location, "csv")},
		JSON: stemflow.ObjectRef{Bucket: bucket, Key: archive.CatalogReportKey(in.Location, "json")},
	}
	in.Result.Report = refs
	for _, report := range []struct {
		ref         stemflow.ObjectRef
		contentType string
		write       func(io.Writer, stemflow.SeparateCatalogResult, outcomes) error
	}{
		{refs.CSV, "text/csv", writeCSV},
		{refs.JSON, "application/json", writeJSON},
	} {
		err := upload(ctx, a.Store, report.ref, report.contentType, func(ctx context.Context, w io.Writer) error {
			return report.write(w, in.Result, a.kept(ctx, in))
		})
		if errors.Is(err, archive.ErrCorrupt) {
			return nil, final(stemflow.ErrorArchiveUnavailable, err.Error(), err)
		}
		if err != nil {
			return nil, storeFailure(err)
		}
	}
	return &refs, nil
}

// outcomes yields the outcomes of a catalogue in the order of its tracks.
type outcomes func(yield func(stemflow.TrackOutcome) error) error

// kept are the outcomes that RecordOutcomes has kept. A catalogue that ended early has not come to
// all of its pages.
func (a *WriteCatalogReport) kept(ctx context.Context, in activityapi.WriteCatalogReportInput) outcomes {
	return func(yield func(stemflow.TrackOutcome) error) error {
		for page := 1; (page-1)*activityapi.CatalogPageSize < in.Result.Tracks; page++ {
			var kept []stemflow.TrackOutcome
			_, err := a.Store.ReadJSON(ctx, in.Location.Bucket, archive.CatalogOutcomesKey(in.Location, page), &kept)
			if err != nil && !errors.Is(err, archive.ErrNotFound) {
				return err
			}
			for _, outcome := range kept {
				if err := yield(outcome); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// writeJSON writes a stemflow.CatalogReport, an outcome in each line.
func writeJSON(w io.Writer, result stemflow.SeparateCatalogResult, outcomes outcomes) error {
	head, err := json.MarshalIndent(
		stemflow.CatalogReport{Version: 1, SeparateCatalogResult: result, Outcomes: []stemflow.TrackOutcome{}},
		"",
		"  ",
	)
	if err != nil {
		return err
	}
	const tail = "]\n}" // the list is the last field, and empty
	if _, err := w.Write(head[:len(head)-len(tail)]); err != nil {
		return err
	}
	separator := "\n    "
	err = outcomes(func(o stemflow.TrackOutcome) error {
		row, err := json.Marshal(o)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s%s", separator, row)
		separator = ",\n    "
		return err
	})
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, "\n  "+tail+"\n")
	return err
}

func writeCSV(w io.Writer, _ stemflow.SeparateCatalogResult, outcomes outcomes) error {
	rows := csv.NewWriter(w)
	if err := rows.Write(catalog.ReportColumns()); err != nil {
		return err
	}
	err := outcomes(func(o stemflow.TrackOutcome) error {
		manifest := stemflow.ObjectRef{}
		if o.Manifest != nil {
			manifest = *o.Manifest
		}
		row := []string{
			strconv.Itoa(
				o.Line,
			), o.TaskID, o.AudioID, string(o.Type), o.StemName, string(o.Status), o.Reason, o.Message,
			o.SeparationTaskID, string(o.SettledBy), strconv.Itoa(o.Credits), strconv.FormatBool(o.Joined),
			strconv.Itoa(o.Stems), strconv.FormatInt(o.Bytes, 10), manifest.Bucket, manifest.Key,
		}
		for i := range row {
			row[i] = catalog.Cell(row[i])
		}
		return rows.Write(row)
	})
	if err != nil {
		return err
	}
	rows.Flush()
	return rows.Error()
}
