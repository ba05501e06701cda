package audio

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return content
}

func TestSniffFiles(t *testing.T) {
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
		t.Run(name, func(t *testing.T) {
			content := fixture(t, name)
			got, ok := Sniff(content)
			require.True(t, ok)
			require.Equal(t, want, got)

			got, ok = Sniff(content[:64])
			require.True(t, ok, "a short head must do")
			require.Equal(t, want, got)
		})
	}
}

func TestSniffBehindOtherBytes(t *testing.T) {
	tag := []byte("ID3\x04\x00\x00\x00\x00\x00\x03abc")
	stream := fixture(t, "cbr_no_header.mp3")
	for name, test := range map[string]struct {
		head []byte
		want Format
	}{
		"FLAC behind an ID3v2 tag": {append(bytes.Clone(tag), fixture(t, "mono.flac")...), flac},
		"FLAC behind an ID3v2 tag with a footer": {
			append([]byte("ID3\x04\x00\x10\x00\x00\x00\x03abc3DI\x04\x00\x10\x00\x00\x00\x03"), fixture(t, "mono.flac")...), flac,
		},
		"RF64":                                 {[]byte("RF64\xFF\xFF\xFF\xFFWAVEds64"), wav},
		"AIFC":                                 {[]byte("FORM\x00\x00\x10\x00AIFCFVER"), aiff},
		"AAC behind an ID3v2 tag":              {append(bytes.Clone(tag), fixture(t, "adts.aac")...), aac},
		"ID3v2 tag longer than the head":       {[]byte("ID3\x03\x00\x00\x00\x7F\x7F\x7FAPIC"), mp3},
		"ID3v2 tag and padding":                {append(bytes.Clone(tag), make([]byte, 100)...), mp3},
		"MP3 that begins in the midst":         {stream[100:], mp3},
		"MP3 behind zeros":                     {append(make([]byte, 1000), stream...), mp3},
		"MP3 with a head that ends in frame 1": {stream[:20], mp3},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := Sniff(test.head)
			require.True(t, ok)
			require.Equal(t, test.want, got)
		})
	}
}

func TestSniffRefuses(t *testing.T) {
	utf16LE := []byte{0xFF, 0xFE}
	for _, unit := range utf16.Encode([]rune(`{"code":404,"msg":"not found"}`)) {
		utf16LE = binary.LittleEndian.AppendUint16(utf16LE, unit)
	}
	loneFrame := append([]byte{0xFF, 0xFB, 0x90, 0x64}, make([]byte, SniffLen)...)
	loneADTS := append([]byte{0xFF, 0xF1, 0x50, 0x40, 0x08, 0x00, 0xFC}, make([]byte, SniffLen)...)
	for name, head := range map[string][]byte{
		"nothing":                               nil,
		"HTML":                                  []byte("<!DOCTYPE html><html><body>404 Not Found</body></html>"),
		"XML":                                   []byte(`<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>`),
		"JSON":                                  []byte(`{"code":404,"msg":"not found","data":null}`),
		"JSON in UTF-16":                        utf16LE,
		"zeros":                                 make([]byte, SniffLen),
		"all ones":                              bytes.Repeat([]byte{0xFF}, SniffLen),
		"JPEG":                                  []byte("\xFF\xD8\xFF\xE0\x00\x10JFIF\x00\x01\x01\x00\x00\x01"),
		"PNG":                                   []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"),
		"gzip":                                  []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xFF\xFB"),
		"AVI":                                   []byte("RIFF\x00\x00\x10\x00AVI LIST"),
		"HEIC":                                  []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00"),
		"a lone MP3 header":                     loneFrame,
		"a lone ADTS header":                    loneADTS,
		"an ADTS frame smaller than its header": []byte("\xFF\xF1\x50\x40\x00\xC0\xFC"),
		"no ID3v2 size":                         []byte("ID3\x03\x00\x00\x00\x80\x00\x00 and so on"),
		"cut magic":                             []byte("RIFF\x00\x00\x10\x00WA"),
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := Sniff(head)
			require.False(t, ok, "taken for %v", got)
			require.Zero(t, got)
		})
	}
}

func TestSniffLooksNoFurtherThanSniffLen(t *testing.T) {
	_, ok := Sniff(append(make([]byte, SniffLen), fixture(t, "cbr.mp3")...))
	require.False(t, ok)
}

func FuzzSniff(f *testing.F) {
	for _, name := range []string{"cbr.mp3", "tags.mp3", "adts.aac", "aac.m4a", "mono.wav"} {
		f.Add(fixture(f, name)[:512])
	}
	f.Add([]byte("<html>"))
	f.Fuzz(func(t *testing.T, head []byte) {
		format, ok := Sniff(head)
		require.Equal(t, ok, format != Format{})
		if ok {
			require.NotEmpty(t, format.Ext)
			require.NotEmpty(t, format.ContentType)
		}
	})
}
