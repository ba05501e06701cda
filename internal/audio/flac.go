package audio

import (
	"bytes"
	"encoding/binary"
)

const (
	flacTypeMask   = 0x7F
	flacStreamInfo = 0
	// flacBlockHeader is the size of a metadata block's header, streamInfoSize that of the
	// content of STREAMINFO.
	flacBlockHeader, streamInfoSize = 4, 34
	// flacFrameHeader is the most that a frame header has.
	flacFrameHeader = 16
)

// streamInfo is what the STREAMINFO block of a FLAC stream says.
type streamInfo struct {
	maxBlock, rate, channels, bits int64
	// samples is 0 where the encoder wrote to a pipe.
	samples int64
}

func parseStreamInfo(b []byte) streamInfo {
	// From bit 80 on: 20 bits of rate, 3 of channels, 5 of depth, 36 of samples.
	fields := int64(binary.BigEndian.Uint64(b[10:]) >> 1)
	return streamInfo{
		maxBlock: int64(binary.BigEndian.Uint16(b[2:])),
		rate:     fields >> 43,
		channels: fields>>40&7 + 1,
		bits:     fields>>35&31 + 1,
		samples:  int64(binary.BigEndian.Uint64(b[10:]) & (1<<36 - 1)),
	}
}

// flacParser counts the frames of a FLAC stream. They do not say how long they are, but number
// themselves and end with a checksum: a header that follows upon a whole frame, or has the next
// number, is one.
type flacParser struct {
	info streamInfo
	// begun says that the metadata has begun, inFrames that it is over.
	begun, inFrames bool
	// frame is the one that is passing, crc what its checksum comes to and length its bytes so far.
	frame   flacFrame
	inFrame bool
	crc     uint16
	length  int64
	// samples are those of the frames before it.
	samples int64
}

// flacFrame is what the header of a frame says.
type flacFrame struct {
	// stream are the bits in which all frames agree.
	stream              uint16
	block, rate, number int64
}

func (s *flacParser) next(window []byte, end bool) int64 {
	switch {
	case s.inFrames:
		return int64(s.nextFrames(window, end))
	case !s.begun:
		s.begun = true
		return int64(len("fLaC"))
	case len(window) < flacBlockHeader+streamInfoSize && !end:
		return 0
	case len(window) < flacBlockHeader:
		return toEnd
	}
	const last = 0x80
	s.inFrames = window[0]&last != 0
	size := int64(binary.BigEndian.Uint32(window) & 0xFFFFFF)
	if window[0]&flacTypeMask == flacStreamInfo && len(window) >= flacBlockHeader+streamInfoSize {
		s.info = parseStreamInfo(window[flacBlockHeader:])
	}
	return flacBlockHeader + size
}

func (s *flacParser) nextFrames(window []byte, end bool) int {
	// What may be a tag at the end of the file is left until it is known not to be.
	frames, used := window[:max(len(window)-id3v1Size, 0)], len(window)
	switch {
	case !end:
		used = len(frames)
	case len(window) < id3v1Size || !bytes.HasPrefix(window[len(frames):], []byte("TAG")):
		frames = window
	}
	pos := 0
	for {
		sync := bytes.IndexByte(frames[pos:], 0xFF)
		if sync < 0 {
			s.pass(frames[pos:])
			return used
		}
		s.pass(frames[pos : pos+sync])
		pos += sync
		if frame, ok := parseFLACFrame(window[pos:]); ok && s.follows(frame) {
			s.finishFrame(frame)
		}
		s.pass(frames[pos : pos+1])
		pos++
	}
}

func (s *flacParser) pass(b []byte) {
	if s.inFrame {
		s.crc, s.length = crc16(s.crc, b), s.length+int64(len(b))
	}
}

// follows reports whether a header that was found is that of a frame, and no chance.
func (s *flacParser) follows(frame flacFrame) bool {
	switch {
	case !s.inFrame:
		return true
	case frame.stream != s.frame.stream:
		return false
	case s.crc == 0 || frame.number == s.nextNumber():
		return true
	}
	// Damage has swallowed the next header if nothing follows for longer than a frame can be.
	channels, bits := max(s.info.channels, 2), max(s.info.bits, 16)+1
	return s.length > s.frame.block*channels*bits/8+256
}

func (s *flacParser) nextNumber() int64 {
	const variableBlocks = 1
	if s.frame.stream&variableBlocks != 0 {
		return s.frame.number + s.frame.block
	}
	return s.frame.number + 1
}

func (s *flacParser) finishFrame(next flacFrame) {
	if s.inFrame {
		s.samples += s.frame.block
	}
	s.frame, s.inFrame, s.crc, s.length = next, true, 0, 0
}

func (s *flacParser) result(int64) Result {
	samples, rate := s.samples, s.info.rate
	if s.inFrame && s.crc == 0 {
		samples += s.frame.block // the last one is whole, too
	}
	if rate == 0 {
		rate = s.frame.rate
	}
	return Result{
		Audio:    samples > 0,
		Duration: playingTime(samples, rate),
		Cut:      playingTime(s.info.samples-samples, rate) > cutTolerance,
	}
}

func (s *flacParser) signal() Signal {
	return Signal{SampleRate: int(s.info.rate), Channels: int(s.info.channels)}
}

var flacRates = [12]int64{0, 88200, 176400, 192000, 8000, 16000, 22050, 24000, 32000, 44100, 48000, 96000}

// parseFLACFrame reads the frame header at the start of b, which need not have flacFrameHeader
// bytes.
func parseFLACFrame(b []byte) (flacFrame, bool) {
	if len(b) < 6 || b[0] != 0xFF || b[1]&0xFE != 0xF8 || b[3]&1 != 0 {
		return flacFrame{}, false
	}
	block, rate := int64(b[2]>>4), int64(b[2]&0xF)
	channels, bits := b[3]>>4, b[3]>>1&7
	if block == 0 || rate == 15 || channels > 10 || bits == 3 {
		return flacFrame{}, false
	}
	number, pos, ok := flacNumber(b[4:])
	if !ok {
		return flacFrame{}, false
	}
	pos += 4
	if len(b) < flacFrameHeader {
		// Of a stream that ends within this header: what is missing does not fit its checksum, or
		// there is no frame behind it that could count.
		b = append(bytes.Clone(b), make([]byte, flacFrameHeader)...)
	}
	switch {
	case block == 1:
		block = 192
	case block <= 5:
		block = 576 << (block - 2)
	case block == 6:
		block = int64(b[pos]) + 1
		pos++
	case block == 7:
		block = int64(binary.BigEndian.Uint16(b[pos:])) + 1
		pos += 2
	default:
		block = 256 << (block - 8)
	}
	switch {
	case rate < 12:
		rate = flacRates[rate]
	case rate == 12:
		rate = int64(b[pos]) * 1000
		pos++
	case rate == 13:
		rate = int64(binary.BigEndian.Uint16(b[pos:]))
		pos += 2
	default:
		rate = int64(binary.BigEndian.Uint16(b[pos:])) * 10
		pos += 2
	}
	stream := uint16(b[1]&1) | uint16(bits)<<1 | uint16(b[2]&0xF)<<4
	return flacFrame{stream: stream, block: block, rate: rate, number: number}, crc8(b[:pos]) == b[pos]
}

// flacNumber reads a number that is coded as UTF-8 codes characters, with up to seven bytes.
func flacNumber(b []byte) (number int64, size int, ok bool) {
	ones := 0
	for first := b[0]; first&0x80 != 0; first <<= 1 {
		ones++
	}
	switch {
	case ones == 0:
		return int64(b[0]), 1, true
	case ones == 1 || ones > 7 || len(b) < ones:
		return 0, 0, false
	}
	number = int64(b[0] & (0x7F >> ones))
	for _, c := range b[1:ones] {
		if c&0xC0 != 0x80 {
			return 0, 0, false
		}
		number = number<<6 | int64(c&0x3F)
	}
	return number, ones, true
}

// The checksums of frame header and frame. Of crc16Tables the n-th is for a byte that n others
// follow, so that eight bytes are done at once.
var (
	crc8Table   = newCRC8Table()
	crc16Tables = newCRC16Tables()
)

func newCRC8Table() (table [256]byte) {
	for i := range table {
		c := byte(i)
		for range 8 {
			if c&0x80 != 0 {
				c = c<<1 ^ 0x07
			} else {
				c <<= 1
			}
		}
		table[i] = c
	}
	return table
}

func crc8(b []byte) byte {
	var c byte
	for _, x := range b {
		c = crc8Table[c^x]
	}
	return c
}

func newCRC16Tables() (tables [8][256]uint16) {
	for i := range 256 {
		c := uint16(i) << 8
		for range 8 {
			if c&0x8000 != 0 {
				c = c<<1 ^ 0x8005
			} else {
				c <<= 1
			}
		}
		tables[0][i] = c
	}
	for n := 1; n < len(tables); n++ {
		for i := range 256 {
			c := tables[n-1][i]
			tables[n][i] = c<<8 ^ tables[0][c>>8]
		}
	}
	return tables
}

func crc16(c uint16, b []byte) uint16 {
	t := &crc16Tables
	for ; len(b) >= 8; b = b[8:] {
		c = t[7][b[0]^byte(c>>8)] ^ t[6][b[1]^byte(c)] ^ t[5][b[2]] ^ t[4][b[3]] ^
			t[3][b[4]] ^ t[2][b[5]] ^ t[1][b[6]] ^ t[0][b[7]]
	}
	for _, x := range b {
		c = c<<8 ^ t[0][byte(c>>8)^x]
	}
	return c
}
