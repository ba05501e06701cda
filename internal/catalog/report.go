package catalog

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"stemflow"
	"stemflow/internal/activityapi"
)

// Outcomes yields what became of tracks, in the order of the catalogue.
type Outcomes func(yield func(stemflow.TrackOutcome) error) error

// WriteCSV writes outcomes as report.csv has them. names are the columns of the list that say
// nothing to stemflow: see [ColumnNames].
func WriteCSV(w io.Writer, names []string, outcomes Outcomes) error {
	rows := csv.NewWriter(w)
	head := ReportColumns()
	for _, name := range names {
		if slices.Contains(ReportColumns(), name) {
			name += " (list)"
		}
		head = append(head, Cell(name))
	}
	if err := rows.Write(head); err != nil {
		return err
	}
	err := outcomes(func(o stemflow.TrackOutcome) error {
		manifest := stemflow.ObjectRef{}
		if o.Manifest != nil {
			manifest = *o.Manifest
		}
		row := []string{
			strconv.Itoa(o.Line), o.TaskID, o.AudioID, string(o.Type), o.StemName, string(o.Status), o.Reason,
			o.Message, o.SeparationTaskID, string(o.SettledBy), strconv.Itoa(o.Credits), strconv.FormatBool(o.Joined),
			strconv.Itoa(o.Stems), strconv.FormatInt(o.Bytes, 10), manifest.Bucket, manifest.Key, o.Title,
		}
		for _, name := range names {
			row = append(row, o.Columns[name])
		}
		for i := range row {
			row[i] = Cell(row[i])
		}
		return rows.Write(row)
	})
	if err != nil {
		return err
	}
	rows.Flush()
	return rows.Error()
}

// WriteJSON writes a stemflow.CatalogReport, an outcome in each line.
func WriteJSON(w io.Writer, result stemflow.SeparateCatalogResult, outcomes Outcomes) error {
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

// KeptTracks reads the tracks that a run has kept, one after the other.
type KeptTracks struct {
	input *bufio.Reader
	last  activityapi.CatalogTrack
}

// NewKeptTracks reads what [Append] wrote.
func NewKeptTracks(r io.Reader) *KeptTracks {
	return &KeptTracks{input: bufio.NewReaderSize(r, maxKept)}
}

// Next returns the next track, or io.EOF.
func (k *KeptTracks) Next() (activityapi.CatalogTrack, error) {
	line, err := k.input.ReadSlice('\n')
	if err != nil {
		if errors.Is(err, bufio.ErrBufferFull) || len(line) > 0 && errors.Is(err, io.EOF) {
			err = fmt.Errorf("%w: a line does not end", ErrNotKept)
		}
		return activityapi.CatalogTrack{}, err
	}
	var track activityapi.CatalogTrack
	if err := json.Unmarshal(line, &track); err != nil {
		return track, fmt.Errorf("%w: the line after track %d is no track", ErrNotKept, k.last.Number)
	}
	k.last = track
	return track, nil
}

// ColumnNames are the columns of the list that say nothing to stemflow, in their order. A list in
// JSON lines has none.
func (k *KeptTracks) ColumnNames() ([]string, error) {
	if k.last.Number == 0 {
		if _, err := k.Next(); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
	}
	var names []string
	for _, column := range k.last.Columns {
		names = append(names, column.Name)
	}
	return names, nil
}

// CompleteAll gives all outcomes the columns of the list.
func (k *KeptTracks) CompleteAll(outcomes Outcomes) Outcomes {
	return func(yield func(stemflow.TrackOutcome) error) error {
		return outcomes(func(o stemflow.TrackOutcome) error {
			o, err := k.Complete(o)
			if err != nil {
				return err
			}
			return yield(o)
		})
	}
}

// Complete gives outcomes the columns of the list. They are in the order of the tracks.
func (k *KeptTracks) Complete(o stemflow.TrackOutcome) (stemflow.TrackOutcome, error) {
	for k.last.Number < o.Number {
		_, err := k.Next()
		if errors.Is(err, io.EOF) { // no end of the outcomes
			err = fmt.Errorf("%w: there is no track %d", ErrNotKept, o.Number)
		}
		if err != nil {
			return o, err
		}
	}
	if k.last.Number == o.Number && len(k.last.Columns) > 0 {
		o.Columns = map[string]string{}
		for _, column := range k.last.Columns {
			o.Columns[column.Name] = column.Value
		}
	}
	return o, nil
}
