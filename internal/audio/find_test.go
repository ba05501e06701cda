package audio

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return content
}

// id3 is an ID3v2 tag with the given content.
func id3(content []byte) []byte {
	n := len(content)
	tag := append([]byte("ID3\x03\x00\x00"), byte(n>>21&0x7F), byte(n>>14&0x7F), byte(n>>7&0x7F), byte(n&0x7F))
	return append(tag, content...)
}

// id3WithFooter is one of version 2.4.
func id3WithFooter(content []byte) []byte {
	tag := id3(content)
	tag[3], tag[5] = 4, 0x10
	footer := bytes.Clone(tag[:id3v2HeaderSize])
	copy(footer, "3DI")
	return append(tag, footer...)
}

// ape is an APE tag that begins with a header.
func ape(content []byte) []byte {
	part := func(flags uint32) []byte {
		b := binary.LittleEndian.AppendUint32([]byte("APETAGEX"), 2000)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(content)+apeHeaderSize))
		b = binary.LittleEndian.AppendUint32(b, 1)
		b = binary.LittleEndian.AppendUint32(b, flags)
		return append(b, make([]byte, 8)...)
	}
	tag := append(part(1<<31|1<<29), content...)
	return append(tag, part(1<<31)...)
}

func TestFormatsOfFiles(t *testing.T) {
	for name, want := range map[string]Format{
		"cbr.mp3":           mp3,
		"cbr_no_header.mp3": mp3,
		"vbr.mp3":           mp3,
		"lsf_mono.mp3":      mp3,
		"mpeg25_mono.mp3":   mp3,
		"tags.mp3":          mp3,
		"mono.wav":          wav,
		"streamed.wav":      wav,
		"mono.flac":         flac,
		"vorbis.ogg":        ogg,
		"aac.m4a":           m4a,
		"adts.aac":          aac,
		"pcm.aiff":          aiff,
	} {
		content := fixture(t, name)
		picture := bytes.Repeat([]byte("\xFF\xD8\xFF\xFB\x90\x64 a picture"), 200_000)
		for prefix, b := range map[string][]byte{
			"":                     nil,
			"zeros":                make([]byte, 731),
			"many zeros":           make([]byte, 100_000),
			"an ID3 tag":           id3(make([]byte, 4645)),
			"a tag and padding":    append(id3([]byte("abc")), make([]byte, 2100)...),
			"a large picture":      id3(picture),
			"a tag with a footer":  id3WithFooter([]byte("abc")),
			"an APE tag":           ape([]byte("abc")),
			"three tags":           bytes.Join([][]byte{id3([]byte("a")), id3WithFooter(picture), ape(picture)}, nil),
			"zeros and a tag":      append(make([]byte, 731), id3(make([]byte, 60_000))...),
			"two bytes of nothing": {0, 0},
			"garbage":              bytes.Repeat([]byte("\x01garbage\xFF"), 1000),
		} {
			t.Run(name+" behind "+prefix, func(t *testing.T) {
				want := Result{Format: want, Audio: true, Duration: measure(content, len(content)).Duration}
				require.Equal(t, want, measure(append(bytes.Clone(b), content...), 32<<10))
			})
		}
	}
}

// Files that were once refused, taken for something else, or taken for audio.
func TestFilesOfWhichTheBeginningMisleads(t *testing.T) {
	head := fixture(t, "zeros_then_tag.head")
	const zeros, tag = 731, id3v2HeaderSize + 60_000
	picture := append(head, make([]byte, zeros+tag-len(head))...)
	cbr := fixture(t, "cbr.mp3")
	for name, c := range map[string]struct {
		content []byte
		want    Result
	}{
		"zeros before 320 kbit/s": {
			fixture(t, "zeros_then_320k.mp3"), Result{Format: mp3, Audio: true, Duration: 4 * 1152 * time.Second / 44100},
		},
		"zeros, a tag with a picture, then MP3": {
			append(picture, cbr...), Result{Format: mp3, Audio: true, Duration: whole(t, cbr)},
		},
		"zeros and a tag that is cut": {head, Result{}},
		"FLAC behind a tag": {
			fixture(t, "flac_behind_tag.mp3"), Result{Format: flac, Audio: true, Duration: time.Second / 10},
		},
		"a tag and nothing":     {fixture(t, "tag_only.mp3"), Result{}},
		"an empty tag and HTML": {fixture(t, "empty_tag_then_html.mp3"), Result{}},
		"the first third of a file": {
			fixture(t, "first_third.mp3"), Result{Format: mp3, Audio: true, Duration: 167 * 24 * time.Millisecond},
		},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, measure(c.content, 4096)) })
	}
}

func TestFewFrames(t *testing.T) {
	for count := 1; count < 5; count++ {
		stream := frames(count)
		want := Result{Format: mp3, Audio: true, Duration: playingFrames(int64(count))}
		require.Equal(t, want, measure(stream, 100))
		require.Equal(t, want, measure(append(id3([]byte("a")), stream...), 100))
		require.Equal(t, want, measure(append(bytes.Clone(stream), append([]byte("TAG"), make([]byte, 125)...)...), 100))
		want.Duration = playingFrames(int64(count - 1))
		if count == 1 {
			want = Result{}
		}
		require.Equal(t, want, measure(stream[:len(stream)-1], 100), "%d frames without the last byte", count)
	}
}

// fragmented is an MP4 in fragments, with a track of a kind.
func fragmented(kind string) []byte {
	handler := box("hdlr", strings.Repeat("\x00", 8), kind, strings.Repeat("\x00", 13))
	return join(box("ftyp", "M4A \x00\x00\x00\x00"), box("moov", box("trak", box("mdia", handler))),
		box("moof", "x"), box("mdat", "media"), box("moof", "x"), box("mdat", "media"))
}

// Films have sound beside the pictures, of which nothing is known here but that they are none.
func TestAudioBesidePictures(t *testing.T) {
	sound := fixture(t, "vorbis.ogg")
	want := measure(sound, 1000)
	for _, codec := range []string{"\x80theora", "OVP80\x01\x01", "fishead\x00", "\x80kate\x00\x00\x00"} {
		page := "OggS\x00\x02" + strings.Repeat("\x00", 8) + "\xFF\xFF\xFF\xFF" + strings.Repeat("\x00", 8)
		page += "\x01" + string([]byte{byte(len(codec))}) + codec
		require.Equal(t, want, measure(append([]byte(page), sound...), 1000), "%q", codec)
	}
	require.True(t, measure(fragmented("soun"), 1000).Audio)
}

func TestWhatIsNoAudio(t *testing.T) {
	utf16LE := []byte{0xFF, 0xFE}
	for _, unit := range utf16.Encode([]rune(`{"code":404,"msg":"not found"}`)) {
		utf16LE = binary.LittleEndian.AppendUint16(utf16LE, unit)
	}
	html := []byte("<!DOCTYPE html><html><body>404 Not Found</body></html>")
	info := fixture(t, "cbr.mp3")
	info = info[:bytes.Index(info, []byte("LAME"))+150]
	flacHead := fixture(t, "mono.flac")
	flacHead = flacHead[:len(flacHead)-9000]
	oggHead := fixture(t, "vorbis.ogg")
	oggHead = oggHead[:bytes.LastIndex(oggHead, []byte("OggS"))]
	mp4 := fixture(t, "aac.m4a")
	for name, content := range map[string][]byte{
		"nothing":                      nil,
		"HTML":                         html,
		"XML":                          []byte(`<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>`),
		"JSON":                         []byte(`{"code":404,"msg":"not found","data":null}`),
		"JSON in UTF-16":               utf16LE,
		"long JSON in UTF-16":          append(bytes.Clone(utf16LE), bytes.Repeat(utf16LE[2:], 100)...),
		"zeros":                        make([]byte, 5000),
		"two megabytes of zeros":       make([]byte, 2<<20),
		"all ones":                     bytes.Repeat([]byte{0xFF}, 5000),
		"JPEG":                         append([]byte("\xFF\xD8\xFF\xE0\x00\x10JFIF\x00\x01"), frames(5)...),
		"PNG":                          append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), frames(5)...),
		"AVI with MP3 in it":           append([]byte("RIFF\x00\x00\x10\x00AVI LIST"), frames(5)...),
		"HEIC":                         append([]byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00"), frames(5)...),
		"Matroska with MP3 in it":      append([]byte("\x1A\x45\xDF\xA3"), frames(5)...),
		"a lone MP3 header":            append([]byte{0xFF, 0xFB, 0x90, 0x64}, bytes.Repeat([]byte{1}, 5000)...),
		"a lone ADTS header":           append([]byte("\xFF\xF1\x50\x40\x08\x00\xFC"), bytes.Repeat([]byte{1}, 5000)...),
		"a cut MP3 frame":              frames(1)[:400],
		"an MP3 header frame":          info[:min(len(info), 417)],
		"an ID3 tag":                   id3(make([]byte, 2000)),
		"an ID3 tag that ends early":   id3(make([]byte, 2000))[:1000],
		"an empty ID3 tag and HTML":    append(id3(nil), html...),
		"an ID3 tag, HTML and its end": append(id3([]byte("abc")), bytes.Repeat(html, 100)...),
		"an APE tag":                   ape(make([]byte, 200)),
		"an ID3v1 tag":                 append([]byte("TAG"), make([]byte, 125)...),
		"cut magic":                    []byte("RIFF\x00\x00\x10\x00WA"),
		"a WAV header":                 wave(1000, 2000, 2, 0, 0),
		"WAV with empty data":          wave(1000, 2000, 2, 0, 0),
		"WAV with other chunks only":   append([]byte("RIFF\x40\x00\x00\x00WAVE"), "LIST\x04\x00\x00\x00abcd"...),
		"WAV with a chunk behind none": emptyWave(),
		"FLAC with STREAMINFO only":    fixture(t, "mono.flac")[:42],
		"FLAC cut in its first frame":  flacHead,
		"Ogg with headers only":        oggHead,
		"AIFF without samples":         fixture(t, "pcm.aiff")[:54],
		"an MP4 of one box":            mp4[:binary.BigEndian.Uint32(mp4)],
		"an MP4 without a sample":      mp4[bytes.Index(mp4, []byte("mdat"))+4:],
		"an MP4 with pictures only":    bytes.Replace(mp4, []byte("soun"), []byte("vide"), 1),
		"MP4 fragments of pictures":    fragmented("vide"),
		"Ogg with pictures only": bytes.Replace(
			fixture(t, "vorbis.ogg"), []byte("\x01vorbis"), []byte("OVP80\x01\x01"), 1,
		),
		"an ID3 tag and a cut MP3 frame": append(id3([]byte("abc")), frames(1)[:300]...),
	} {
		t.Run(name, func(t *testing.T) {
			result := measure(content, 4096)
			require.False(t, result.Audio, "taken for %v", result)
			require.Zero(t, result.Duration)
		})
	}
}

// Numbers that repeat look like headers of frames: what begins as something else has to go on with
// more of them.
func TestChanceFramesInOtherDataAreNoAudio(t *testing.T) {
	var program, samples []byte
	for i := range 4000 {
		// A table of jumps, as programs have it, and samples of a tone.
		jump := binary.LittleEndian.AppendUint32([]byte("\xF3\x0F\x1E\xFA\x68\x01\x00\x00\x00\xE9"), uint32(-32-16*i))
		program = append(program, append(jump, 0x66, 0x90)...)
		samples = binary.BigEndian.AppendUint32(samples, uint32(int32(-1200*math.Sin(float64(i)/16))))
	}
	var font []byte
	for i := range 40 { // frames of Layer I, 32 to 224 kbit/s
		head := []byte{0xFF, 0xFF, byte(1+i%7) << 4, 0}
		frame, ok := parseFrameHeader(append(head, 0, 0, 0))
		require.True(t, ok && frame.isLayer1())
		font = append(append(font, head...), make([]byte, frame.size-len(head))...)
	}
	other := bytes.Repeat([]byte("more "), 9000)
	for name, content := range map[string][]byte{
		"a program":             append([]byte("\x7FELF\x02\x01\x01"), program...),
		"a table":               append([]byte("table of jumps"), program...),
		"samples in CAF":        append([]byte("caff\x00\x01\x00\x00desc\x00\x00\x00\x00"), samples...),
		"a font":                slices.Concat([]byte("\x00\x01\x00\x00\x00\x13\x01\x00"), font, other),
		"three frames in other": slices.Concat([]byte("text "), frames(3), other),
	} {
		require.Equal(t, Result{}, measure(content, 4096), name)
	}
	require.True(t, measure(font, 4096).Audio, "a file of Layer I")
	require.Equal(t, playingFrames(50), measure(slices.Concat(frames(50), other, font), 4096).Duration, "behind audio")
	require.True(t, measure(slices.Concat([]byte("text "), frames(strayFrames), other), 4096).Audio)
	require.True(t, measure(append([]byte("text "), frames(4)...), 4096).Audio, "they are all that follows")
}

// emptyWave has no samples and a chunk behind them.
func emptyWave() []byte {
	b := wave(1000, 2000, 2, 0, 0)
	b = append(b, "LIST\x04\x00\x00\x00abcd"...)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8))
	return b
}

func TestTheSearchForAudioEnds(t *testing.T) {
	stream := frames(10)
	found := append(make([]byte, maxPadding-2000), stream...)
	require.True(t, measure(found, 1000).Audio)
	require.Equal(t, Result{}, measure(append(make([]byte, maxPadding+2000), stream...), 1000))

	var m Meter
	_, _ = m.Write(bytes.Repeat([]byte("text "), maxPadding))
	require.True(t, m.Refused())
	_, _ = m.Write(stream)
	require.Equal(t, Result{}, m.End())
}

func TestFormatIsKnownEarly(t *testing.T) {
	for _, name := range []string{"cbr.mp3", "mono.flac", "mono.wav", "vorbis.ogg", "aac.m4a", "adts.aac", "pcm.aiff"} {
		content := append(id3(make([]byte, 500)), fixture(t, name)...)
		var m Meter
		_, ok := m.Format()
		require.False(t, ok)
		_, _ = m.Write(content[:min(len(content), 2500)])
		if len(content) <= 2500 {
			m.End()
		}
		got, ok := m.Format()
		require.True(t, ok, name)
		require.Equal(t, measure(content, 100).Format, got)
	}
}

// Whatever is written, the work is bounded by its size.
func TestHostileStreamsTakeNoLonger(t *testing.T) {
	const size = 2 << 20
	free := []byte{0xFF, 0xFB, 0x00, 0x64}
	for name, unit := range map[string][]byte{
		"free-format headers":   free,
		"headers":               {0xFF, 0xFB, 0x90, 0x64},
		"ADTS headers":          {0xFF, 0xF1, 0x50, 0x40, 0x08, 0x00, 0xFC},
		"ones":                  {0xFF},
		"empty ID3 tags":        id3(nil),
		"APE footers":           ape(nil)[32:],
		"page markers":          []byte("OggS"),
		"FLAC sync":             {0xFF, 0xF8},
		"chunk of nothing":      []byte("RIFF0000WAVEfmt \x00\x00\x00\x00"),
		"a frame, then nothing": frames(1),
	} {
		for _, begin := range [][]byte{nil, frames(5), []byte("OggS\x00"), fixture(t, "mono.flac")[:42]} {
			t.Run(name, func(t *testing.T) {
				stream := append(bytes.Clone(begin), bytes.Repeat(unit, size/len(unit))...)
				began := time.Now()
				measure(stream, 32<<10)
				require.Less(t, time.Since(began), 20*time.Second)
			})
		}
	}
}
