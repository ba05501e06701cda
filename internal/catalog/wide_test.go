package catalog

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
)

// What reading a first row costs grows with its length alone, or a list of 64 kB would keep a
// worker busy for an hour.
func TestManyColumnsAreReadAtOnce(t *testing.T) {
	list := "taskId,audioId"
	for i := 0; len(list) < maxLine/2; i++ {
		list += fmt.Sprintf(",%x", i)
	}
	began := time.Now()
	_, err := Check(strings.NewReader(list+"\n"), stemflow.SeparateCatalogInput{}, nil, nil)
	require.ErrorContains(t, err, "lists no track")
	require.Less(t, time.Since(began), 20*time.Second)
}

// A list that is right can be read from where the run has kept it, whatever JSON makes of it.
func TestTheWidestTrackIsKept(t *testing.T) {
	const marks = "<>&"
	names, size := []string{}, 0
	for i := 0; ; i++ {
		name := ""
		for n := i; len(name) < 6; n /= len(marks) {
			name += marks[n%len(marks) : n%len(marks)+1]
		}
		if i >= 729 {
			name += fmt.Sprint(i / 729)
		}
		if size += len(name) + 1; size > maxTrackColumns {
			break
		}
		names = append(names, name)
	}
	url := "https://example.com/" + strings.Repeat("&", 1500)
	list := "audioUrl,title," + strings.Join(names, ",") + "\n" +
		url + "," + strings.Repeat("<", stemflow.MaxTitle) + strings.Repeat(",<", len(names)) + "\n"
	var kept []byte
	take := func(track activityapi.CatalogTrack) error {
		kept = Append(kept, track)
		return nil
	}
	_, err := Check(strings.NewReader(list), stemflow.SeparateCatalogInput{}, nil, take)
	require.NoError(t, err)
	require.Greater(t, len(kept), maxLine)
	tracks, read, err := ReadPage(bytes.NewReader(kept), 10)
	require.NoError(t, err)
	require.Equal(t, url, tracks[0].Input.AudioURL)
	require.EqualValues(t, len(kept), read)
	got, err := NewKeptTracks(bytes.NewReader(kept)).ColumnNames()
	require.NoError(t, err)
	require.Equal(t, names, got)
}
