package audio

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// measured are the fixtures with the duration that ffprobe prints for them.
var measured = map[string]float64{
	"cbr.mp3":           1.750204,
	"cbr_no_header.mp3": 1.750167,
	"vbr.mp3":           1.750204,
	"lsf_mono.mp3":      1.776327,
	"mpeg25_mono.mp3":   1.828571,
	"tags.mp3":          1.750204,
	"mono.wav":          0.3,
	"streamed.wav":      0.1,
	"mono.flac":         0.1,
}

// measure writes content in chunks of the given size, the last one shorter.
func measure(content []byte, size int) (time.Duration, bool) {
	var m Meter
	for chunk := range slices.Chunk(content, size) {
		_, _ = m.Write(chunk)
	}
	return m.Duration()
}

func whole(t *testing.T, content []byte) time.Duration {
	t.Helper()
	duration, ok := measure(content, max(len(content), 1))
	require.True(t, ok)
	return duration
}

func TestMeterAgreesWithFFprobe(t *testing.T) {
	for name, seconds := range measured {
		t.Run(name, func(t *testing.T) {
			// Without a header frame ffprobe estimates from bit rate and size, to within a fraction
			// of a millisecond.
			require.InDelta(t, seconds, whole(t, fixture(t, name)).Seconds(), 0.0002)
		})
	}
}

func TestMeterDoesNotMindHowTheStreamIsCut(t *testing.T) {
	for name := range measured {
		t.Run(name, func(t *testing.T) {
			content := fixture(t, name)
			want := whole(t, content)
			for size := 1; size <= len(content); size++ {
				got, ok := measure(content, size)
				require.True(t, ok && got == want, "chunks of %d bytes: %v %v, want %v", size, got, ok, want)
			}
			for at := range content {
				var m Meter
				_, _ = m.Write(content[:at])
				_, _ = m.Write(content[at:])
				got, ok := m.Duration()
				require.True(t, ok && got == want, "cut at %d: %v %v, want %v", at, got, ok, want)
			}
		})
	}
}

func TestMeterDoesNotMeasureOtherFormats(t *testing.T) {
	for _, name := range []string{"vorbis.ogg", "aac.m4a", "adts.aac", "pcm.aiff"} {
		t.Run(name, func(t *testing.T) {
			_, ok := measure(fixture(t, name), 1000)
			require.False(t, ok)
		})
	}
}

func TestMeterBeforeAnyAudio(t *testing.T) {
	var m Meter
	_, ok := m.Duration()
	require.False(t, ok)

	n, err := m.Write(fixture(t, "tags.mp3")[:60])
	require.NoError(t, err)
	require.Equal(t, 60, n)
	_, ok = m.Duration()
	require.False(t, ok, "only the tag has come so far")
}

// frames are MPEG-1 frames of 128 kbit/s at 44.1 kHz.
func frames(count int) []byte {
	const size = 417
	stream := make([]byte, 0, count*size)
	for range count {
		stream = append(stream, 0xFF, 0xFB, 0x90, 0x64)
		stream = append(stream, make([]byte, size-frameHeaderSize)...)
	}
	return stream
}

func playingFrames(count int64) time.Duration {
	return time.Duration(count * 1152 * int64(time.Second) / 44100)
}

func TestMeterFindsItsWayBackToFrames(t *testing.T) {
	// Bytes that look like the beginning of a frame wherever one looks, but for the first.
	lures := append([]byte{0x00}, bytes.Repeat([]byte{0xFF, 0xFB, 0x90, 0x64, 0x00}, 1000)...)
	tag := []byte("ID3\x04\x00\x00\x00\x00\x01\x00")
	tag = append(tag, make([]byte, 128)...)
	for name, test := range map[string]struct {
		stream []byte
		want   int64
	}{
		"garbage first":         {slices.Concat(lures, frames(50)), 50},
		"garbage between":       {slices.Concat(frames(20), lures, frames(30)), 50},
		"garbage last":          {slices.Concat(frames(50), lures), 50},
		"two frames by chance":  {slices.Concat(frames(2), make([]byte, 1000), frames(50)), 50},
		"zeros between":         {slices.Concat(frames(20), make([]byte, 10_000), frames(30)), 50},
		"starts within a frame": {frames(51)[5:], 50},
		// It runs into the next one, and takes that one's header with it.
		"a frame lost its end": {slices.Concat(frames(20)[:20*417-100], frames(30)), 49},
		"two ID3v2 tags":       {slices.Concat(tag, tag, frames(50)), 50},
		"tag between":          {slices.Concat(frames(20), tag, frames(30)), 50},
		"cut within a frame":   {frames(50)[:50*417-1], 50},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1, 7, 417, 32 << 10} {
				got, ok := measure(test.stream, size)
				require.True(t, ok)
				require.Equal(t, playingFrames(test.want), got)
			}
		})
	}
}

func TestMeterAddsUpAcrossSampleRates(t *testing.T) {
	low := fixture(t, "mpeg25_mono.mp3")
	both := slices.Concat(frames(100), low)
	// Decoders play the second stream's header frame as silence: it is not where such a frame is
	// looked for.
	headerFrame := time.Duration(576 * int64(time.Second) / 11025)
	want := playingFrames(100) + whole(t, low) + headerFrame
	require.InDelta(t, want, whole(t, both), 3)
}

func TestMeterSkipsVBRIFrame(t *testing.T) {
	stream := frames(10)
	copy(stream[36:], "VBRI")
	require.Equal(t, playingFrames(9), whole(t, stream))
}

func TestMeterTakesEveryFrameSize(t *testing.T) {
	for _, version := range []byte{0xE2, 0xF2, 0xFA} {
		for bits := range 256 {
			header := []byte{0xFF, version | 1, byte(bits), 0}
			frame, ok := parseFrameHeader(header)
			bitRate, sampleRate := bits>>4, bits>>2&3
			require.Equal(t, bitRate != 0 && bitRate != 15 && sampleRate != 3, ok, "% x", header)
			if !ok {
				continue
			}
			require.LessOrEqual(t, frame.size, maxFrameSize)
			stream := bytes.Repeat(append(header, make([]byte, frame.size-len(header))...), 10)
			require.Equal(
				t,
				time.Duration(frame.ticks*10*int64(time.Second)/ticksPerSecond),
				whole(t, stream),
				"% x",
				header,
			)
		}
	}
}

// wave is a WAV file with the given fields, its data chunk behind an odd-sized other one.
func wave(rate, bytesPerSecond uint32, block uint16, dataSize uint32, data int) []byte {
	b := append([]byte("RIFF\xFF\xFF\xFF\xFFWAVE"), "fmt \x10\x00\x00\x00\x01\x00\x01\x00"...)
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint32(b, bytesPerSecond)
	b = binary.LittleEndian.AppendUint16(b, block)
	b = append(b, "\x10\x00note\x03\x00\x00\x00abc\x00data"...)
	b = binary.LittleEndian.AppendUint32(b, dataSize)
	return append(b, make([]byte, data)...)
}

func TestMeterWAV(t *testing.T) {
	for name, test := range map[string]struct {
		file []byte
		want time.Duration
		ok   bool
	}{
		"what is declared":          {wave(1000, 2000, 2, 2000, 3000), time.Second, true},
		"cut short":                 {wave(1000, 2000, 2, 2000, 1000), time.Second / 2, true},
		"size 0 as a pipe has it":   {wave(1000, 2000, 2, 0, 1000), time.Second / 2, true},
		"size ~0 as a pipe has it":  {wave(1000, 2000, 2, math.MaxUint32, 1000), time.Second / 2, true},
		"no data yet":               {wave(1000, 2000, 2, 2000, 0), 0, true},
		"a compressing codec":       {wave(44100, 16000, 1152, 2000, 2000), 0, false},
		"no rate":                   {wave(0, 0, 2, 2000, 2000), 0, false},
		"no block":                  {wave(1000, 0, 0, 2000, 2000), 0, false},
		"no data chunk":             {wave(1000, 2000, 2, 2000, 0)[:40], 0, false},
		"data before its format":    {[]byte("RIFF\x00\x00\x00\x00WAVEdata\x04\x00\x00\x00abcd"), 0, false},
		"format chunk is too short": {[]byte("RIFF\x00\x00\x00\x00WAVEfmt \x02\x00\x00\x00\x01\x00data\x04\x00\x00\x00abcd"), 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1, 5, 1 << 20} {
				got, ok := measure(test.file, size)
				require.Equal(t, test.ok, ok)
				require.Equal(t, test.want, got)
			}
		})
	}
}

func TestMeterFLACOfUnknownLength(t *testing.T) {
	content := fixture(t, "mono.flac")
	content[21] &= 0xF0
	clear(content[22:26])
	_, ok := measure(content, 100)
	require.False(t, ok)
}

func TestMeterRefusesMoreThanADurationHolds(t *testing.T) {
	content := fixture(t, "mono.flac")
	// One sample a second, and as many samples as the field takes.
	binary.BigEndian.PutUint64(content[18:], 1<<44|1<<36-1)
	_, ok := measure(content, 100)
	require.False(t, ok)
}

func FuzzMeter(f *testing.F) {
	for name := range measured {
		f.Add(fixture(f, name)[:1500], uint16(1))
	}
	f.Add(wave(1000, 2000, 2, 2000, 1000), uint16(3))
	f.Add(slices.Concat(frames(5), []byte("ID3\xFF\xFB"), frames(5)), uint16(100))
	f.Fuzz(func(t *testing.T, content []byte, size uint16) {
		duration, ok := measure(content, max(len(content), 1))
		require.GreaterOrEqual(t, duration, time.Duration(0))
		require.True(t, ok || duration == 0)

		again, okAgain := measure(content, int(max(size, 1)))
		require.Equal(t, ok, okAgain)
		require.Equal(t, duration, again)
	})
}

// BenchmarkMeter writes a track of five minutes as a download does.
func BenchmarkMeter(b *testing.B) {
	for name, stream := range map[string][]byte{
		"MP3":     frames(300 * 44100 / 1152),
		"WAV":     wave(44100, 176400, 4, 50<<20, 50<<20),
		"garbage": bytes.Repeat([]byte{0xFF, 0xFB, 0x90, 0x64, 0x00}, 1<<20),
	} {
		for _, size := range []int{1 << 10, 32 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("%s/writes of %d KiB", name, size>>10), func(b *testing.B) {
				b.SetBytes(int64(len(stream)))
				b.ReportAllocs()
				for b.Loop() {
					var m Meter
					for chunk := range slices.Chunk(stream, size) {
						_, _ = m.Write(chunk)
					}
				}
			})
		}
	}
}
