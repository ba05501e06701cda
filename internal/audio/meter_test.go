package audio

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
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
	"vorbis.ogg":        0.3,
	"pcm.aiff":          0.1,
	// These two are what their frames add up to, with the encoder's delay.
	"aac.m4a":  0.323220,
	"adts.aac": 0.325079,
}

// measure writes content in chunks of the given size, the last one shorter.
func measure(content []byte, size int) Result {
	var m Meter
	for chunk := range slices.Chunk(content, max(size, 1)) {
		_, _ = m.Write(chunk)
	}
	return m.End()
}

func whole(t *testing.T, content []byte) time.Duration {
	t.Helper()
	result := measure(content, len(content))
	require.True(t, result.Audio)
	require.False(t, result.Cut)
	require.Positive(t, result.Duration)
	return result.Duration
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
			want := measure(content, len(content))
			for _, size := range []int{1, 2, 3, 7, 13, 64, 417, 1000, 4096} {
				require.Equal(t, want, measure(content, size), "chunks of %d bytes", size)
			}
			for at := range content {
				var m Meter
				_, _ = m.Write(content[:at])
				_, _ = m.Write(content[at:])
				require.Equal(t, want, m.End(), "cut at %d", at)
			}
		})
	}
}

// frames are MPEG-1 frames of 128 kbit/s at 44.1 kHz.
func frames(count int) []byte {
	const size = 417
	stream := make([]byte, 0, count*size)
	for range count {
		stream = append(stream, 0xFF, 0xFB, 0x90, 0x64)
		stream = append(stream, make([]byte, size-4)...)
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
		"cut within a frame":   {frames(50)[:50*417-1], 49},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1, 7, 417, 32 << 10} {
				got := measure(test.stream, size)
				require.True(t, got.Audio)
				require.Equal(t, playingFrames(test.want), got.Duration)
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
		want Result
	}{
		"what is declared":          {wave(1000, 2000, 2, 2000, 3000), Result{wav, true, time.Second, false}},
		"cut short":                 {wave(1000, 2000, 2, 2000, 1000), Result{wav, true, time.Second / 2, false}},
		"size 0 as a pipe has it":   {wave(1000, 2000, 2, 0, 1000), Result{wav, true, time.Second / 2, false}},
		"size ~0 as a pipe has it":  {wave(1000, 2000, 2, math.MaxUint32, 1000), Result{wav, true, time.Second / 2, false}},
		"no data yet":               {wave(1000, 2000, 2, 2000, 0), Result{wav, false, 0, false}},
		"less than a sample":        {wave(1000, 4000, 4, 2000, 3), Result{wav, false, 0, false}},
		"a compressing codec":       {wave(44100, 16000, 1152, 2000, 2000), Result{wav, true, 0, false}},
		"no rate":                   {wave(0, 0, 2, 2000, 2000), Result{wav, true, 0, false}},
		"no block":                  {wave(1000, 0, 0, 2000, 2000), Result{wav, true, 0, false}},
		"no data chunk":             {wave(1000, 2000, 2, 2000, 0)[:40], Result{wav, false, 0, false}},
		"data before its format":    {[]byte("RIFF\x00\x00\x00\x00WAVEdata\x04\x00\x00\x00abcd"), Result{wav, true, 0, false}},
		"format chunk is too short": {[]byte("RIFF\x00\x00\x00\x00WAVEfmt \x02\x00\x00\x00\x01\x00data\x04\x00\x00\x00abcd"), Result{wav, true, 0, false}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1, 5, 1 << 20} {
				require.Equal(t, test.want, measure(test.file, size))
			}
		})
	}
}

// Some codecs are written with a header that says one byte a sample, which has two of them.
func TestWAVOfACompressingCodecIsNotMeasured(t *testing.T) {
	const g722 = 0x028F
	file := wave(16000, 16000, 1, 4000, 4000)
	binary.LittleEndian.PutUint16(file[20:], g722)
	require.Equal(t, Result{wav, true, 0, false}, measure(file, 1000))
}

// Programs that write to a pipe say a size that no file has: SoX, eSpeak and arecord among them.
func TestSizesOfPipesAreNone(t *testing.T) {
	for _, size := range []uint32{0x7F000000, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFF000} {
		file := wave(1000, 2000, 2, size, 4000)
		binary.LittleEndian.PutUint32(file[4:], size+36)
		require.Equal(t, Result{wav, true, 2 * time.Second, false}, measure(file, 1000), "WAV, %#x", size)
	}
	whole := fixture(t, "pcm.aiff")
	for _, size := range []uint32{0, 0x7F000008} {
		file := bytes.Clone(whole)
		binary.BigEndian.PutUint32(file[bytes.Index(file, []byte("SSND"))+4:], size)
		require.Equal(t, measure(whole, 1000), measure(file, 1000), "AIFF, %#x", size)
	}
}

func TestWhatFollowsUponAnMP4IsNotMissed(t *testing.T) {
	file := fixture(t, "aac.m4a")
	want := measure(file, 1000)
	require.False(t, want.Cut)
	for name, tail := range map[string]string{
		"ID3v1": "TAG" + strings.Repeat("x", 125), "APE": "APETAGEX\xD0\x07\x00\x00\xFF\x00\x00\x00",
		"a few bytes":      "\r\n",
		"no size of a box": "\x00\x00\x00\x05free", "a box that is cut": "\x00\x00\x10\x00freeabc",
	} {
		for _, size := range []int{1, 1000, 1 << 20} {
			require.Equal(t, want, measure(append(bytes.Clone(file), tail...), size), name)
		}
	}
	for at := 36; at < len(file); at++ {
		require.True(t, measure(file[:at], 1000).Cut, "%d of %d bytes", at, len(file))
	}
}

// What ends a frame of FLAC is known by its checksum alone.
func TestATagBehindFLACIsNotPartOfItsLastFrame(t *testing.T) {
	file := fixture(t, "mono.flac")
	want := measure(file, 1000)
	tagged := append(bytes.Clone(file), "TAG"+strings.Repeat("x", 125)...)
	for _, size := range []int{1, 100, 1000, 1 << 20} {
		require.Equal(t, want, measure(tagged, size))
	}
}

func TestWhatFollowsUponAFragmentedMP4IsNotMissed(t *testing.T) {
	file := fragmented("soun")
	want := Result{Format: m4a, Audio: true}
	for name, tail := range map[string]string{
		"nothing": "", "ID3v1": "TAG" + strings.Repeat("x", 125), "APE": "APETAGEX\xD0\x07\x00\x00\xFF\x00\x00\x00",
		"a few bytes": "\r\n", "zeros": strings.Repeat("\x00", 5000),
	} {
		for _, size := range []int{1, 1000, 1 << 20} {
			require.Equal(t, want, measure(append(bytes.Clone(file), tail...), size), name)
		}
	}
	want.Cut = true
	for name, content := range map[string][]byte{
		"within the samples": file[:len(file)-1], "within a fragment": file[:len(file)-14],
		"within another box": append(bytes.Clone(file), "\x00\x00\x10\x00sidx"...),
	} {
		require.Equal(t, want, measure(content, 1000), name)
	}
}

// The last box of a file may be as long as the file, whichever it is.
func TestAnMP4WhoseLastBoxSaysNoSize(t *testing.T) {
	file := fixture(t, "aac.m4a")
	want := measure(file, 1000)
	for _, last := range []string{"moov", "mdat"} {
		var boxes [][]byte
		for at := 0; at < len(file); {
			size := int(binary.BigEndian.Uint32(file[at:]))
			boxes = append(boxes, bytes.Clone(file[at:at+size]))
			at += size
		}
		at := slices.IndexFunc(boxes, func(b []byte) bool { return string(b[4:8]) == last })
		open := boxes[at]
		clear(open[:4])
		boxes = append(slices.Delete(boxes, at, at+1), open)
		require.Equal(t, want, measure(slices.Concat(boxes...), 1000), last)
	}
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

// What the file's own header says of its length says that there is less of it.
func TestWhatIsCutByItsOwnAccount(t *testing.T) {
	long := fixture(t, "vbr.mp3")
	declared := wave(1000, 2000, 2, 20_000, 20_000)
	binary.LittleEndian.PutUint32(declared[4:], uint32(len(declared)-8))
	info := fixture(t, "cbr.mp3")
	binary.BigEndian.PutUint32(info[bytes.Index(info, []byte("Info"))+8:], 500)
	unknown := fixture(t, "cbr.mp3")
	unknown[bytes.Index(unknown, []byte("Info"))+7] &^= 1
	opus := fixture(t, "vorbis.ogg")
	mp4 := fixture(t, "aac.m4a")
	longFLAC := fixture(t, "mono.flac")
	binary.BigEndian.PutUint32(longFLAC[22:], 500_000)
	for name, test := range map[string]struct {
		content []byte
		cut     bool
	}{
		"a whole MP3 file":                   {long, false},
		"an MP3 file that says 13 s":         {info, true},
		"an MP3 file that does not say":      {unknown, false},
		"a whole WAV file":                   {declared, false},
		"a WAV file without half of it":      {declared[:10_000], true},
		"a WAV file without its last sample": {declared[:len(declared)-2], false},
		"a FLAC file that says 31 s":         {longFLAC, true},
		"an Ogg file without its last page":  {opus[:bytes.LastIndex(opus, []byte("OggS"))], true},
		"an MP4 file without its last byte":  {mp4[:len(mp4)-1], true},
		"a third of an AIFF file":            {fixture(t, "pcm.aiff")[:600], true},
	} {
		t.Run(name, func(t *testing.T) {
			result := measure(test.content, 1000)
			require.Equal(t, test.cut, result.Cut)
		})
	}
}

// Its bytes count up, and its frames are 1,253 bytes long.
func TestFreeFormat(t *testing.T) {
	content := fixture(t, "free_format.mp3")
	require.Equal(t, Result{Format: mp3, Audio: true, Duration: playingFrames(4)}, measure(content, 100))
	require.Equal(t, playingFrames(3), measure(content[:len(content)-10], 100).Duration)
	require.Equal(t, playingFrames(4), measure(append(make([]byte, 2000), content...), 100).Duration)
}
