package audio

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
)

const (
	riffHeaderSize  = 12
	chunkHeaderSize = 8
	// minFormatSize is the part of a "fmt " chunk that all codecs have, ds64Size that of a "ds64"
	// chunk that says sizes.
	minFormatSize, ds64Size = 16, 16
	// unknownSize is what stands for a size that is elsewhere, or was not known. Programs that
	// write to a pipe have other numbers, too, and leastDoubtful is the least of them: that of SoX.
	unknownSize, leastDoubtful = math.MaxUint32, 0x7F000000
)

// wavParser walks the chunks of a RIFF, RF64 or BW64 file up to its sample data.
type wavParser struct {
	begun bool
	// pos is where the next chunk begins.
	pos int64
	// riffSize and longData are what the file says that it, and its sample data, are long.
	riffSize, longData int64
	// odd says that a chunk of odd size has passed. A byte of padding belongs behind it, which
	// some programs leave out.
	odd bool
	// lost says that there was no chunk where one should be: the sample data is searched for.
	lost bool
	// sampleRate is in samples a second, blockSize in bytes for one sample of all channels; both
	// are 0 while unknown.
	sampleRate, blockSize int64
	// rate and channels are what the format says, whatever the codec.
	rate, channels int64
	// inData says that the sample data has begun; dataSize is how long it is at most, and
	// declared whether the file says that it is.
	inData, declared bool
	dataSize         int64
}

func (s *wavParser) next(window []byte, end bool) int64 {
	if !s.begun {
		s.begun = true
		s.riffSize = int64(binary.LittleEndian.Uint32(window[4:]))
		s.pos = riffHeaderSize
		return riffHeaderSize
	}
	if len(window) < chunkHeaderSize+minFormatSize && !end {
		return 0
	}
	if s.odd {
		s.odd = false
		if !isUnpadded(window) {
			s.pos++
			return 1
		}
	}
	if len(window) < chunkHeaderSize {
		return toEnd
	}
	if s.lost || !isChunkID(window) {
		return s.search(window)
	}
	return s.chunk(window)
}

func (s *wavParser) chunk(window []byte) int64 {
	id, size := string(window[:4]), int64(binary.LittleEndian.Uint32(window[4:]))
	content := window[chunkHeaderSize:]
	switch {
	case id == "data":
		s.pos += chunkHeaderSize
		s.startData(size, len(content) >= 4 && isChunkID(content))
		return chunkHeaderSize + toEnd
	case id == "ds64" && len(content) >= ds64Size:
		s.riffSize = int64(binary.LittleEndian.Uint64(content))
		s.longData = int64(binary.LittleEndian.Uint64(content[8:]))
	case id == "fmt " && size >= minFormatSize && len(content) >= minFormatSize:
		s.readFormat(content)
	}
	s.odd = size&1 != 0
	s.pos += chunkHeaderSize + size
	return chunkHeaderSize + size
}

// search passes over what is no chunk up to the sample data.
func (s *wavParser) search(window []byte) int64 {
	s.lost = true
	const marker = "data"
	at := int64(bytes.Index(window, []byte(marker)))
	switch {
	case at == 0:
		return s.chunk(window)
	case at < 0:
		at = int64(len(window) - len(marker) + 1)
	}
	s.pos += at
	return at
}

// startData decides how much of what follows is sample data. What is written to a pipe, or was left
// behind by a program that was killed, has a size of 0 or the most there is, and the file's size is
// no better. chunkFollows says that what follows looks like another chunk.
func (s *wavParser) startData(size int64, chunkFollows bool) {
	s.inData = true
	doubtful := size >= leastDoubtful
	if size == unknownSize && s.longData > 0 {
		size, doubtful = s.longData, false
	}
	fileEnd := s.riffSize + chunkHeaderSize
	switch {
	case size == 0 && chunkFollows && s.riffSize != unknownSize && fileEnd > s.pos:
		s.dataSize = 0 // it is empty
	case size == 0 || size == unknownSize || size < 0 || size > toEnd/2:
		s.dataSize = toEnd
	default:
		s.dataSize = size
		// Some programs write the data's size into both fields, or leave other chunks out.
		s.declared = !doubtful && s.riffSize != unknownSize && fileEnd >= size
	}
}

func (s *wavParser) readFormat(b []byte) {
	rate := int64(binary.LittleEndian.Uint32(b[4:]))
	bytesPerSecond := int64(binary.LittleEndian.Uint32(b[8:]))
	block := int64(binary.LittleEndian.Uint16(b[12:]))
	code := binary.LittleEndian.Uint16(b)
	s.rate, s.channels = rate, int64(binary.LittleEndian.Uint16(b[2:]))
	// Only then does a block hold one sample. Compressing codecs put more, or fewer, into one, and
	// there are files of them whose header says otherwise.
	if bytesPerSecond == rate*block && slices.Contains(uncompressed, code) {
		s.sampleRate, s.blockSize = rate, block
	}
}

func (s *wavParser) result(ahead int64) Result {
	if !s.inData {
		return Result{}
	}
	present := min(s.dataSize, toEnd-ahead)
	result := Result{Audio: present > 0 && present >= s.blockSize}
	if s.blockSize > 0 {
		result.Duration = playingTime(present/s.blockSize, s.sampleRate)
		missing := playingTime((s.dataSize-present)/s.blockSize, s.sampleRate)
		result.Cut = s.declared && missing > cutTolerance
	} else {
		result.Cut = s.declared && present < s.dataSize
	}
	return result
}

func (s *wavParser) signal() Signal {
	return Signal{SampleRate: int(s.rate), Channels: int(s.channels)}
}

// uncompressed are the codes of the formats with a fixed size of samples: integers, floating-point
// numbers, A-law, mu-law, and what is named further on.
var uncompressed = []uint16{1, 3, 6, 7, 0xFFFE}

// chunkIDs are those that stand in WAV files, without those that are seldom and after the data.
var chunkIDs = []string{
	"fmt ", "data", "LIST", "fact", "bext", "JUNK", "junk", "PAD ", "FLLR", "id3 ", "ID3 ", "cue ", "smpl", "inst",
	"iXML", "axml", "chna", "PEAK", "note", "ds64", "cart", "acid", "LGWV", "DISP", "levl", "umid", "minf", "elm1",
}

// isUnpadded tells whether the chunk that begins at b, or at its second byte, begins at the first.
// The byte of padding is 0, which no name of a chunk begins with, or else garbage.
func isUnpadded(b []byte) bool {
	padded := len(b) > 4 && slices.Contains(chunkIDs, string(b[1:5]))
	return !padded && len(b) >= 4 && isChunkID(b)
}

// isChunkID reports whether b begins with four printable characters.
func isChunkID(b []byte) bool {
	return !slices.ContainsFunc(b[:4], func(c byte) bool { return c < ' ' || c > '~' })
}
