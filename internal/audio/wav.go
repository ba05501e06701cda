package audio

import (
	"encoding/binary"
	"math"
	"time"
)

const (
	riffHeaderSize  = 12
	chunkHeaderSize = 8
	// minFormatSize is the part of a "fmt " chunk that all codecs have.
	minFormatSize = 16
)

// wavParser walks the chunks of a RIFF/WAVE file up to its sample data.
type wavParser struct {
	begun bool
	// sampleRate is in samples a second, blockSize in bytes for one sample of all channels; both
	// are 0 while unknown.
	sampleRate, blockSize int64
	// inData says that the sample data has begun, dataSize how long the file says it is.
	inData   bool
	dataSize int64
}

func (s *wavParser) next(window []byte) int64 {
	if !s.begun {
		s.begun = true
		return riffHeaderSize
	}
	if len(window) < chunkHeaderSize {
		return 0
	}
	id, size := string(window[:4]), binary.LittleEndian.Uint32(window[4:])
	switch {
	case id == "data":
		s.inData = true
		s.dataSize = int64(size)
		// What is written to a pipe has either of these for a size that was not known yet; RF64
		// keeps it elsewhere.
		if size == 0 || size == math.MaxUint32 {
			s.dataSize = toEnd
		}
		return chunkHeaderSize + toEnd
	case id == "fmt " && size >= minFormatSize:
		if len(window) < chunkHeaderSize+minFormatSize {
			return 0
		}
		s.readFormat(window[chunkHeaderSize:])
	}
	// Chunks start at even offsets.
	return chunkHeaderSize + int64(size) + int64(size&1)
}

func (s *wavParser) readFormat(b []byte) {
	rate := int64(binary.LittleEndian.Uint32(b[4:]))
	bytesPerSecond := int64(binary.LittleEndian.Uint32(b[8:]))
	block := int64(binary.LittleEndian.Uint16(b[12:]))
	// Only then does a block hold one sample. Compressing codecs put more, or fewer, into one.
	if bytesPerSecond == rate*block {
		s.sampleRate, s.blockSize = rate, block
	}
}

func (s *wavParser) duration(ahead int64) (time.Duration, bool) {
	if !s.inData || s.blockSize == 0 {
		return 0, false
	}
	return playingTime(min(s.dataSize, toEnd-ahead)/s.blockSize, s.sampleRate)
}
