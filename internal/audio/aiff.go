package audio

import (
	"encoding/binary"
	"slices"
)

// aiffParser walks the chunks of an AIFF or AIFC file.
type aiffParser struct {
	begun bool
	// rate is in samples a second, blockSize in bytes for one sample of all channels; both are 0
	// while unknown, or not fixed.
	rate, blockSize int64
	// sampleRate and channels are what the file says, whatever the codec.
	sampleRate, channels int64
	// inData says that the sample data is passing, and dataSize is how long it is with what
	// stands in front of it. dataBytes are those that have passed. open says that it is as long as
	// it is.
	inData, open        bool
	dataSize, dataBytes int64
}

const (
	// soundHeader is what stands in a SSND chunk before the samples.
	soundHeader = 8
	// commonSize is the part of a COMM chunk that all files have, compressionAt where an AIFC file
	// names its codec.
	commonSize, compressionAt = 18, 18
)

func (s *aiffParser) next(window []byte, end bool) int64 {
	const aiffHeaderSize = 12
	if !s.begun {
		s.begun = true
		return aiffHeaderSize
	}
	if s.inData {
		s.inData, s.dataBytes = false, s.dataSize
	}
	if len(window) < chunkHeaderSize+commonSize+4 && !end {
		return 0
	}
	if len(window) < chunkHeaderSize {
		return toEnd
	}
	id, size := string(window[:4]), int64(binary.BigEndian.Uint32(window[4:]))
	switch {
	case id == "SSND":
		// What is written to a pipe has a size that is none.
		if s.open = size < soundHeader || size >= leastDoubtful; s.open {
			size = toEnd
		}
		s.inData, s.dataSize = true, size
	case id == "COMM" && size >= commonSize && len(window) >= chunkHeaderSize+commonSize:
		s.readCommon(window[chunkHeaderSize:], size)
	}
	return chunkHeaderSize + size + size&1
}

func (s *aiffParser) readCommon(b []byte, size int64) {
	channels, bits := int64(binary.BigEndian.Uint16(b)), int64(binary.BigEndian.Uint16(b[6:]))
	s.sampleRate, s.channels = extendedInt(b[8:]), channels
	if size >= compressionAt+4 && len(b) >= compressionAt+4 {
		uncompressed := []string{"NONE", "none", "twos", "sowt", "raw ", "in24", "in32", "fl32", "FL32", "fl64", "FL64"}
		switch codec := string(b[compressionAt : compressionAt+4]); {
		case slices.Contains([]string{"alaw", "ALAW", "ulaw", "ULAW"}, codec):
			bits = 8
		case !slices.Contains(uncompressed, codec):
			return
		}
	}
	s.rate, s.blockSize = extendedInt(b[8:]), channels*((bits+7)/8)
}

// extendedInt is the whole part of an 80-bit floating-point number, 0 where it is out of range.
func extendedInt(b []byte) int64 {
	exponent := int(binary.BigEndian.Uint16(b)) - 16383
	if exponent < 0 || exponent > 62 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(b[2:]) >> (63 - exponent))
}

func (s *aiffParser) result(ahead int64) Result {
	present := s.dataBytes
	if s.inData {
		present = s.dataSize - min(max(ahead-s.dataSize&1, 0), s.dataSize)
	}
	present = max(present-soundHeader, 0)
	result := Result{Audio: present > 0 && present >= s.blockSize, Cut: s.inData && !s.open && ahead > 1}
	if s.blockSize > 0 {
		result.Duration = playingTime(present/s.blockSize, s.rate)
	}
	return result
}

func (s *aiffParser) signal() Signal {
	return Signal{SampleRate: int(s.sampleRate), Channels: int(s.channels)}
}
