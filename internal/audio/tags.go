package audio

import (
	"bytes"
	"encoding/binary"
)

const (
	id3v2HeaderSize = 10
	id3v1Size       = 128
	apeHeaderSize   = 32
	// tagHeaderSize is how many bytes tagSize needs.
	tagHeaderSize = apeHeaderSize
	// maxAPESize is far more than an APE tag has. The field would take four gigabytes.
	maxAPESize = 64 << 20
)

// tagSize is the size of the ID3v2 or APE tag at the start of b, its header and footer included.
func tagSize(b []byte) (int64, bool) {
	if size, ok := id3v2Size(b); ok {
		return size, true
	}
	return apeSize(b)
}

func id3v2Size(b []byte) (int64, bool) {
	if len(b) < id3v2HeaderSize || !bytes.HasPrefix(b, []byte("ID3")) {
		return 0, false
	}
	// There are versions 2 to 4, and four flags. In garbage "ID3" alone would be met by chance.
	if b[3] < 2 || b[3] > 4 || b[4] == 0xFF || b[5]&0x0F != 0 {
		return 0, false
	}
	size := int64(id3v2HeaderSize)
	if b[5]&0x10 != 0 {
		size += id3v2HeaderSize
	}
	var content int64
	for _, digit := range b[6:id3v2HeaderSize] {
		if digit >= 0x80 {
			return 0, false
		}
		content = content<<7 | int64(digit)
	}
	return size + content, true
}

// apeSize is that of an APE tag, which begins with a header and says its size without it. A header
// that calls itself a footer is the end of a tag, and counts for itself.
func apeSize(b []byte) (int64, bool) {
	if len(b) < apeHeaderSize || !bytes.HasPrefix(b, []byte("APETAGEX")) {
		return 0, false
	}
	const isHeader = 1 << 29
	if binary.LittleEndian.Uint32(b[20:])&isHeader == 0 {
		return apeHeaderSize, true
	}
	size := int64(binary.LittleEndian.Uint32(b[12:]))
	return apeHeaderSize + size, size <= maxAPESize
}

// startsTail reports whether b starts with a tag that stands at the end of a file.
func startsTail(b []byte) bool {
	for _, magic := range []string{"TAG", "APETAGEX", "LYRICSBEGIN", "ID3"} {
		if bytes.HasPrefix(b, []byte(magic)) {
			return true
		}
	}
	return false
}
