package audio

import (
	"encoding/binary"
	"time"
)

// streamInfoEnd is where the STREAMINFO block ends, which always comes first: magic, block header,
// 34 bytes of content.
const streamInfoEnd = 4 + 4 + 34

// flacParser reads the STREAMINFO block of a FLAC stream.
type flacParser struct{ sampleRate, samples int64 }

func (s *flacParser) next(window []byte) int64 {
	if len(window) < streamInfoEnd {
		return 0
	}
	const streamInfoType, typeMask = 0, 0x7F
	if window[4]&typeMask == streamInfoType {
		// From bit 80 of the content on: 20 bits of rate, 3 of channels, 5 of depth, 36 of samples.
		fields := binary.BigEndian.Uint64(window[8+10:])
		s.sampleRate, s.samples = int64(fields>>44), int64(fields&(1<<36-1))
	}
	return toEnd
}

func (s *flacParser) duration(int64) (time.Duration, bool) {
	// An encoder that writes to a pipe leaves the number of samples at 0, for unknown.
	if s.samples == 0 {
		return 0, false
	}
	return playingTime(s.samples, s.sampleRate)
}
