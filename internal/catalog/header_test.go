package catalog

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
)

// Lists are read as spreadsheets and people write them.
func TestListsAsPeopleHaveThem(t *testing.T) {
	want := []string{"3 t/a split_stem [A song] artist=Æ, B;notes=two\nlines", "5 t/b separate_vocal [] artist=;notes="}
	row := func(separator string, cells ...string) string {
		for i, cell := range cells {
			if strings.ContainsAny(cell, "\n\"'"+separator) {
				cells[i] = `"` + cell + `"`
			}
		}
		return strings.Join(cells, separator)
	}
	for _, separator := range []string{",", ";", "\t"} {
		for _, end := range []string{"\n", "\r\n"} {
			for _, mark := range []string{"", byteOrderMark} {
				for _, above := range []string{"\n", end, "sep=" + separator + end} {
					list := mark + above + row(separator, "artist", "Task ID", "AUDIO_ID", "Type", "Title", "notes", "", "") + end +
						row(separator, "Æ, B", "t", "a", "split_stem", "A  song", "two"+end+"lines", "", "") + end +
						row(separator, "", "t", "b", "", "", "", "") + strings.Repeat(separator, 1)
					t.Run(fmt.Sprintf("%q", mark+above+separator+end), func(t *testing.T) {
						var got []string
						take := func(track activityapi.CatalogTrack) error {
							var columns []string
							for _, c := range track.Columns {
								columns = append(columns, c.Name+"="+strings.ReplaceAll(c.Value, "\r\n", "\n"))
							}
							in := track.Input
							got = append(got, fmt.Sprintf("%d %s/%s %s [%s] %s", track.Line, in.TaskID, in.AudioID, in.Track().Type, in.Title,
								strings.Join(columns, ";")))
							return nil
						}
						_, err := Check(strings.NewReader(list), stemflow.SeparateCatalogInput{}, nil, take)
						require.NoError(t, err)
						require.Equal(t, want, got)
					})
				}
			}
		}
	}
}

func TestColumnsThatAreKept(t *testing.T) {
	for name, kept := range map[string]bool{
		"artist": true, "Titel": true, "ISRC": true, "status": true, "line": true, "id": true, "Name": true, "typ": false, "types": false,
		"tpye": false, "pool interval": false, "poll_interva": false, "allow partia": false, "bukcet": false, "forced": false,
	} {
		_, err := Check(strings.NewReader("taskId,audioId,"+name+"\nt,a,x\n"), stemflow.SeparateCatalogInput{}, nil,
			func(track activityapi.CatalogTrack) error {
				require.Equal(t, []activityapi.CatalogColumn{{Name: name, Value: "x"}}, track.Columns)
				return nil
			})
		if kept {
			require.NoError(t, err, name)
		} else {
			require.ErrorContains(t, err, "another name to keep the column", name)
		}
	}
}

func TestTitlesAreMadeToFit(t *testing.T) {
	long := strings.Repeat("ü", stemflow.MaxTitle+1)
	for given, want := range map[string]string{
		"a  b\n c": "a b c", long: long[:2*(stemflow.MaxTitle-1)] + "…", long[2:]: long[2:],
	} {
		_, err := Check(strings.NewReader("taskId,audioId,title\nt,a,\""+given+"\"\n"), stemflow.SeparateCatalogInput{}, nil,
			func(track activityapi.CatalogTrack) error {
				require.Equal(t, want, track.Input.Title)
				return nil
			})
		require.NoError(t, err)
	}
}

func TestReportsHaveTheColumnsOfTheList(t *testing.T) {
	var kept []byte
	_, err := Check(strings.NewReader("taskId,audioId,artist,status\nt,a,X,new\nt,b,Y,\nt,c,\"Z\n1\",old\n"), stemflow.SeparateCatalogInput{}, nil,
		func(track activityapi.CatalogTrack) error {
			kept = Append(kept, track)
			return nil
		})
	require.NoError(t, err)
	tracks := NewKeptTracks(bytes.NewReader(kept))
	names, err := tracks.ColumnNames()
	require.NoError(t, err)
	require.Equal(t, []string{"artist", "status"}, names)
	var report bytes.Buffer
	err = WriteCSV(&report, names, tracks.CompleteAll(func(yield func(stemflow.TrackOutcome) error) error {
		for _, number := range []int{1, 3} { // the catalogue did not come to the second
			o := stemflow.TrackOutcome{Number: number, Line: number + 1, Status: stemflow.TrackFailed}
			if err := yield(o); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(t, err)
	rows, err := csv.NewReader(&report).ReadAll()
	require.NoError(t, err)
	last := len(ReportColumns())
	require.Equal(t, []string{"artist", "status (list)"}, rows[0][last:])
	require.Equal(t, []string{"X", "new"}, rows[1][last:])
	require.Equal(t, []string{"Z\n1", "old"}, rows[2][last:])
	require.Equal(t, "failed", rows[2][5])
}

// What is kept of the tracks ends before the outcomes do: the end of the one is none of the other.
func TestOutcomesBeyondTheKeptTracksAreAnError(t *testing.T) {
	columns := []activityapi.CatalogColumn{{Name: "artist", Value: "X"}}
	kept := Append(nil, activityapi.CatalogTrack{Number: 1, Columns: columns})
	_, err := NewKeptTracks(bytes.NewReader(kept)).Complete(stemflow.TrackOutcome{Number: 2})
	require.ErrorIs(t, err, ErrNotKept)
	require.NotErrorIs(t, err, io.EOF)
}
