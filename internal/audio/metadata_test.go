package audio

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func join(parts ...string) []byte { return []byte(strings.Join(parts, "")) }

func be32(n int) string { return string(binary.BigEndian.AppendUint32(nil, uint32(n))) }
func le32(n int) string { return string(binary.LittleEndian.AppendUint32(nil, uint32(n))) }

func safe32(n int) string {
	return string([]byte{byte(n >> 21 & 0x7F), byte(n >> 14 & 0x7F), byte(n >> 7 & 0x7F), byte(n & 0x7F)})
}

func taggedBy(version, flags byte, frames ...string) string {
	all := strings.Join(frames, "") + strings.Repeat("\x00", 20)
	return "ID3" + string([]byte{version, 0, flags}) + safe32(len(all)) + all
}

func frame3(id, text string) string { return id + be32(len(text)) + "\x00\x00" + text }
func frame4(id, text string) string { return id + safe32(len(text)) + "\x00\x00" + text }

func inUTF16(order binary.AppendByteOrder, text string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, unit)
	}
	return string(b)
}

func comments(texts ...string) string {
	b := le32(4) + "test" + le32(len(texts))
	for _, text := range texts {
		b += le32(len(text)) + text
	}
	return b
}

func box(kind string, parts ...string) string {
	content := strings.Join(parts, "")
	return be32(8+len(content)) + kind + content
}

func pageOf(packets ...string) string {
	var lacing, content []byte
	for _, packet := range packets {
		content = append(content, packet...)
		for rest := len(packet); ; rest -= 255 {
			lacing = append(lacing, byte(min(rest, 255)))
			if rest < 255 {
				break
			}
		}
	}
	return "OggS" + strings.Repeat("\x00", 22) + string([]byte{byte(len(lacing))}) + string(lacing) + string(content)
}

const title, artist = "Größe – 夜曲 🎵", "Łódź"

func taggedFiles() map[string][]byte {
	picture := strings.Repeat("picture", 100_000)
	ilst := box("ilst",
		box("\xA9nam", box("data", "\x00\x00\x00\x01\x00\x00\x00\x00"+title)),
		box("\xA9ART", box("data", "\x00\x00\x00\x01\x00\x00\x00\x00"+artist)))
	moov := box("moov", box("mvhd", "x"), box("udta", box("meta", "\x00\x00\x00\x00", box("hdlr", "y"), ilst)))
	list := "INFO" + "INAM" + le32(len(title)+1) + title + "\x00" + strings.Repeat("\x00", (len(title)+1)&1) +
		"IART" + le32(len(artist)) + artist
	return map[string][]byte{
		"ID3v2.3 in UTF-16": join(taggedBy(3, 0, frame3("APIC", picture), frame3("TIT2", "\x01\xFF\xFE"+inUTF16(binary.LittleEndian, title)+"\x00\x00"),
			frame3("TPE1", "\x01\xFE\xFF"+inUTF16(binary.BigEndian, artist))), "audio"),
		"ID3v2.4 in UTF-8": join(taggedBy(4, 0, frame4("TPE1", "\x03"+artist+"\x00"), frame4("TIT2", "\x03"+title+"\x00other")), "audio"),
		"ID3v2.4 in UTF-16 without mark": join(
			taggedBy(4, 0, frame4("TIT2", "\x02"+inUTF16(binary.BigEndian, title)), frame4("TPE1", "\x03"+artist)), "audio"),
		"UTF-8 where Latin-1 is said": join(taggedBy(3, 0, frame3("TIT2", "\x00"+title), frame3("TPE1", "\x00"+artist)), "audio"),
		"two tags":                    join(taggedBy(3, 0, frame3("TIT2", "\x03"+title)), taggedBy(4, 0, frame4("TPE1", "\x03"+artist))),
		"FLAC behind ID3": join(taggedBy(3, 0), "fLaC", "\x00\x00\x00\x02xx", "\x84\x00\x00"+string([]byte{byte(len(comments("title="+title, "Artist="+artist)))}),
			comments("title="+title, "Artist="+artist)),
		"Vorbis": join(pageOf("\x01vorbis"), pageOf("\x03vorbis"+comments("PICTURE="+strings.Repeat("p", 600), "TITLE="+title, "ARTIST="+artist))),
		"Opus":   join(pageOf("OpusHead", "OpusTags"+comments("TITLE="+title, "artist="+artist, "TITLE=second"))),
		"MP4":    join(box("ftyp", "M4A \x00\x00\x00\x00"), moov, box("mdat", "audio")),
		"MP4 with its tags at the end": join(box("ftyp", "M4A \x00\x00\x00\x00"),
			"\x00\x00\x00\x01mdat"+"\x00\x00\x00\x00"+be32(16+len(picture)), picture, moov),
		"WAV":  join("RIFF", le32(1000), "WAVE", "fmt ", le32(2), "xx", "LIST", le32(len(list)), list, "\x00"),
		"BW64": join("BW64", le32(-1), "WAVE", "ds64", le32(2), "xx", "LIST", le32(len(list)), list, "\x00"),
		"AIFF": join("FORM", be32(1000), "AIFF", "NAME", be32(len(title)), title, strings.Repeat("\x00", len(title)&1), "AUTH", be32(len(artist)), artist, "\x00"),
	}
}

func TestTags(t *testing.T) {
	for name, content := range taggedFiles() {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, Tags{Title: title, Artist: artist}, ReadTags(bytes.NewReader(content)))
			tagger := NewTagger()
			for chunk := range bytes.Lines(content) {
				n, err := tagger.Write(chunk)
				require.NoError(t, err)
				require.Equal(t, len(chunk), n)
			}
			require.Equal(t, Tags{Title: title, Artist: artist}, tagger.End())
		})
	}
	latin := join(taggedBy(3, 0, frame3("TIT2", "\x00Gr\xF6\xDFe")))
	require.Equal(t, Tags{Title: "Größe"}, ReadTags(bytes.NewReader(latin)))
	old := join("ID3\x02\x00\x00", safe32(12+9), "TT2\x00\x00\x06\x00Title", "TP1\x00\x00\x03\x00Me")
	require.Equal(t, Tags{Title: "Title", Artist: "Me"}, ReadTags(bytes.NewReader(old)))
	// A whole tag of version 3 or 2 is made free of what looks like the start of a frame of MP3,
	// after its frames have got their sizes.
	for _, frames := range [][]string{
		{
			frame3("TIT2", "\x01\xFF\xFE"+inUTF16(binary.LittleEndian, "ÿÿ"+title)),
			frame3("TPE1", "\x01\xFF\xFE"+inUTF16(binary.LittleEndian, artist)),
		},
		{frame3("APIC", strings.Repeat("\xFF\xD8\xFF\x00", 70_000)), frame3("TIT2", "\x03ÿÿ"+title)},
	} {
		all := strings.NewReplacer("\xFF", "\xFF\x00").Replace(strings.Join(frames, "") + "\xFF")
		unsynchronized := join("ID3\x03\x00\x80", safe32(len(all)), all, taggedBy(4, 0, frame4("TPE1", "\x03"+artist)))
		require.Equal(t, Tags{Title: "ÿÿ" + title, Artist: artist}, ReadTags(bytes.NewReader(unsynchronized)))
	}
	rude := join(taggedBy(4, 0, frame4("TIT2", "\x03a\x1b[31m\nb\u202e"+strings.Repeat("長", 500))))
	require.Equal(t, "a[31m b"+strings.Repeat("長", 193), ReadTags(bytes.NewReader(rude)).Title)
	require.Equal(t, Tags{}, ReadTags(strings.NewReader("no tags at all")))
}

func TestTemposInTags(t *testing.T) {
	for text, want := range map[string]float64{
		"124": 124, " 93.5 ": 93.5, "124.00012": 124, "0": 0, "-120": 0, "4000": 0, "NaN": 0, "Inf": 0, "fast": 0, "": 0,
	} {
		id3 := taggedBy(3, 0, frame3("TIT2", "\x03a"), frame3("TPE1", "\x03b"), frame3("APIC", "x"), frame3("TBPM", "\x00"+text))
		vorbis := pageOf("\x03vorbis" + comments("TITLE=a", "ARTIST=b", "bpm="+text))
		for _, content := range []string{id3, string(join(pageOf("\x01vorbis"), vorbis))} {
			require.Equal(t, Tags{Title: "a", Artist: "b", Tempo: want}, ReadTags(strings.NewReader(content)), text)
		}
	}
}

// What comes behind the tags is long, and may come slowly.
func TestTagsAreReadNoFurtherThanTheyMust(t *testing.T) {
	for name, content := range taggedFiles() {
		if name == "MP4 with its tags at the end" {
			continue
		}
		rest := strings.NewReader(strings.Repeat("\x00", 1<<20))
		tags := ReadTags(io.MultiReader(bytes.NewReader(content), rest))
		require.Equal(t, Tags{Title: title, Artist: artist}, tags, name)
		require.Greater(t, rest.Len(), 1<<19, name)
	}
}

func FuzzTags(f *testing.F) {
	for _, content := range taggedFiles() {
		f.Add(content[:min(len(content), 4096)])
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		tags := ReadTags(bytes.NewReader(content))
		for _, text := range []string{tags.Title, tags.Artist} {
			require.True(t, utf8.ValidString(text))
			require.LessOrEqual(t, utf8.RuneCountInString(text), maxTagRunes)
			require.NotContains(t, text, "\n")
		}
		tagger := NewTagger()
		_, _ = io.Copy(tagger, inPieces{bytes.NewReader(content)})
		require.Equal(t, tags, tagger.End(), "however it is cut")
	})
}

type inPieces struct{ r io.Reader }

func (o inPieces) Read(p []byte) (int, error) { return o.r.Read(p[:min(len(p), 7)]) }
