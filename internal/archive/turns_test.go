package archive_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// Bodies of unknown size are buffered, so only so many are taken at once. Those that wait are not
// read, and end with their context.
func TestUploadsOfUnknownSizeTakeTurns(t *testing.T) {
	f := newFixture(t)
	const uploads = 12
	var reading, most atomic.Int64
	release := make(chan struct{})
	results := make(chan error, uploads)
	for i := range uploads {
		first := true
		data := bytes.NewReader(content(100_000))
		body := readerFunc(func(p []byte) (int, error) {
			if first {
				first = false
				n := reading.Add(1)
				for m := most.Load(); n > m; m = most.Load() {
					if most.CompareAndSwap(m, n) {
						break
					}
				}
				<-release
			}
			n, err := data.Read(p)
			if err == io.EOF {
				reading.Add(-1)
			}
			return n, err
		})
		go func() {
			_, err := f.Put(t.Context(), f.bucket, fmt.Sprintf("turn-%d", i), "audio/mpeg", body, -1)
			results <- err
		}()
	}
	require.Eventually(t, func() bool { return reading.Load() == 3 }, time.Minute, time.Millisecond)
	impatient, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := f.Put(
		impatient,
		f.bucket,
		"impatient",
		"audio/mpeg",
		readerFunc(func([]byte) (int, error) { panic("it is read") }),
		-1,
	)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	close(release)
	for range uploads {
		require.NoError(t, <-results)
	}
	require.EqualValues(t, 3, most.Load())
}
