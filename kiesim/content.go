package kiesim

import (
	"bytes"
	"encoding/binary"
	"io"
	"time"

	"stemflow/internal/tune"
)

// FileContent is what a file has in it other than the tune alone.
type FileContent string

const (
	// ContentZeros is two thousand zeros and the tune.
	ContentZeros FileContent = "zeros"
	// ContentTagOnly is an ID3 tag with no audio behind it.
	ContentTagOnly FileContent = "tagOnly"
	// ContentWAV is a second of WAV behind an ID3 tag, under a name that ends in .mp3.
	ContentWAV FileContent = "wavBehindTag"
	// ContentMP3 is the tune as MP3, where a WAV is promised.
	ContentMP3 FileContent = "mp3"
)

const (
	leadingZeros = 2100
	tagBody      = 4645
)

// put makes the content of a file of the tune that it would have.
func (c FileContent) put(playing tune.Recording) tune.Recording {
	switch c {
	case ContentZeros:
		return behind(make([]byte, leadingZeros), playing)
	case ContentTagOnly:
		return behind(id3Tag(tagBody), tune.Recording{ReaderAt: bytes.NewReader(nil)})
	case ContentWAV:
		sound := wav()
		return behind(id3Tag(tagBody), tune.Recording{
			ReaderAt: bytes.NewReader(sound), Size: int64(len(sound)), Duration: time.Second,
		})
	}
	return playing
}

// behind puts bytes before a recording.
func behind(head []byte, rec tune.Recording) tune.Recording {
	return tune.Recording{
		ReaderAt: headed{head, rec.ReaderAt}, Size: int64(len(head)) + rec.Size, Duration: rec.Duration,
	}
}

// headed reads a head and then the rest.
type headed struct {
	head []byte
	rest io.ReaderAt
}

func (h headed) ReadAt(p []byte, off int64) (n int, err error) {
	if off < int64(len(h.head)) {
		if n = copy(p, h.head[off:]); n == len(p) {
			return n, nil
		}
	}
	read, err := h.rest.ReadAt(p[n:], off+int64(n-len(h.head)))
	return n + read, err
}

// id3Tag is an ID3v2.3 tag of padding.
func id3Tag(body int) []byte {
	size := []byte{byte(body >> 21 & 0x7f), byte(body >> 14 & 0x7f), byte(body >> 7 & 0x7f), byte(body & 0x7f)}
	return append(append([]byte("ID3\x03\x00\x00"), size...), make([]byte, body)...)
}

// wav is a second of a square wave: 8 bits, mono.
func wav() []byte {
	const rate, period = 8000, 20
	b := binary.LittleEndian.AppendUint32([]byte("RIFF"), 36+rate)
	b = binary.LittleEndian.AppendUint32(append(b, "WAVEfmt "...), 16)
	b = binary.LittleEndian.AppendUint16(b, 1) // PCM
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint16(b, 8)
	b = binary.LittleEndian.AppendUint32(append(b, "data"...), rate)
	half := period / 2
	wave := append(bytes.Repeat([]byte{0x40}, half), bytes.Repeat([]byte{0xc0}, half)...)
	return append(b, bytes.Repeat(wave, rate/period)...)
}
