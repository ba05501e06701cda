package catalog

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"stemflow/internal/activityapi"
)

// ErrNotKept says that what is read is not what [Append] wrote.
var ErrNotKept = errors.New("not the tracks that the run has kept")

// maxKept bounds a line of what a run has kept, in bytes. It is longer than the one it was: JSON
// spells some characters in six, and each column by its name.
const maxKept = 4 * maxLine

// Append appends a track as a run keeps it: a line of JSON with all that holds for the track.
func Append(b []byte, track activityapi.CatalogTrack) []byte {
	return append(append(b, encode(track)...), '\n')
}

// ReadPage reads the next tracks that a run has kept, at most so many, and returns how many bytes
// they take. Columns for the report are left out.
func ReadPage(r io.Reader, most int) (tracks []activityapi.CatalogTrack, size int64, err error) {
	input := bufio.NewReaderSize(r, maxKept)
	for len(tracks) < most {
		line, err := input.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			break
		}
		if errors.Is(err, bufio.ErrBufferFull) || errors.Is(err, io.EOF) {
			return nil, 0, fmt.Errorf("%w: a line does not end", ErrNotKept)
		}
		if err != nil {
			return nil, 0, err
		}
		var track activityapi.CatalogTrack
		if err := json.Unmarshal(line, &track); err != nil {
			return nil, 0, fmt.Errorf("%w: the line after track %d is no track", ErrNotKept, len(tracks))
		}
		if track.Input.Validate() != nil { // its error would repeat what stands there
			return nil, 0, fmt.Errorf("%w: track %d is not right", ErrNotKept, track.Number)
		}
		track.Columns = nil // only the report has them
		tracks = append(tracks, track)
		size += int64(len(line))
	}
	return tracks, size, nil
}
