package tune_test

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/internal/tune"
)

var names = []string{
	"vocals", "instrumental", "backing_vocals", "drums", "bass", "guitar", "keyboard", "percussion", "strings", "synth", "fx",
	"brass", "woodwinds",
}

func read(t *testing.T, r tune.Recording) []byte {
	t.Helper()
	data, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size))
	require.NoError(t, err)
	require.Len(t, data, int(r.Size))
	return data
}

func TestStemsAreEquallyLongAndDifferent(t *testing.T) {
	heard := map[string]bool{}
	for _, name := range names {
		clip, ok := tune.Stem(name)
		require.True(t, ok, name)
		require.Equal(t, 12024*time.Millisecond, clip.Once().Duration)
		heard[string(read(t, clip.Once()))] = true
	}
	require.Len(t, heard, len(names))
	_, ok := tune.Stem("kazoo")
	require.False(t, ok)
}

func TestSilencedKeepsTheFrames(t *testing.T) {
	clip, _ := tune.Stem("drums")
	silent := read(t, clip.Silenced().Once())
	require.Equal(t, clip.Once().Duration, clip.Silenced().Once().Duration)
	require.Equal(t, read(t, clip.Once())[:4], silent[:4])
	require.Greater(t, bytes.Count(silent, []byte{0}), len(silent)*9/10)
}

// TestResize: every size around the ends of frames and of the clip comes out exactly, with a tag
// that says its length and whole frames of the tune behind it.
func TestResize(t *testing.T) {
	clip, _ := tune.Stem("drums")
	original := read(t, clip.Once())
	frame := 192
	sizes := []int{tune.MinSize, len(original), 2 * len(original), 5_000_000}
	for delta := range 2 * frame {
		sizes = append(sizes, len(original)-frame+delta, 2*len(original)-frame+delta)
	}
	for _, size := range sizes {
		recording := clip.Resize(int64(size))
		data := read(t, recording)
		require.Len(t, data, size)
		if bytes.HasPrefix(data, []byte("ID3")) {
			tag := 10 + int(data[6])<<21 + int(data[7])<<14 + int(data[8])<<7 + int(data[9])
			data = data[tag:]
		}
		require.Zero(t, len(data)%frame, "size %d ends in the middle of a frame", size)
		require.Equal(t, time.Duration(len(data)/frame)*24*time.Millisecond, recording.Duration)
		for i := 0; i < len(data); i += len(original) {
			part := data[i:min(len(data), i+len(original))]
			require.True(t, bytes.Equal(original[:len(part)], part), "size %d differs from the tune", size)
		}
	}
}

func TestResizedReadsFromAnywhere(t *testing.T) {
	clip, _ := tune.Stem("bass")
	recording := clip.Resize(300_001)
	require.NoError(t, iotest.TestReader(io.NewSectionReader(recording, 0, recording.Size), read(t, recording)))
	_, err := recording.ReadAt(make([]byte, 1), -1)
	require.Error(t, err)
}

func TestHugeRecordingHasItsDuration(t *testing.T) {
	clip, _ := tune.Stem("bass")
	// At 64 kbit/s a byte is an eighth of a millisecond; the tag takes less than a frame and a
	// header.
	require.InDelta(
		t,
		(time.Duration(100e9) * time.Microsecond * 125).Seconds(),
		clip.Resize(100e9).Duration.Seconds(),
		0.05,
	)
}
