package audio

import (
	"bytes"
	"time"
)

const (
	frameHeaderSize = 4
	// maxFrameSize is that of 320 kbit/s at 32 kHz, or 160 kbit/s at 8 kHz, with a byte of padding.
	maxFrameSize = 1441
	// confirmingFrames is how many frame headers must follow upon each other to be taken for a
	// stream. Two would be met by chance in some megabytes of other data.
	confirmingFrames = 3
	// ticksPerSecond is the least common multiple of all sample rates of MP3. Counted in it, the
	// playing times of frames add up exactly even where the rate changes on the way.
	ticksPerSecond = 14_112_000
)

// frameHeader is what the header of an MPEG audio frame of Layer III says.
type frameHeader struct {
	// stream holds the bits in which all frames of a stream agree: sync word, version, layer and
	// sample rate. Never 0.
	stream uint16
	// size is in bytes, the header included.
	size  int
	ticks int64
	// sideInfo is the size of what stands between header and main data.
	sideInfo int
}

// Of the two halves of these tables the first is MPEG-1, the second MPEG-2 and 2.5, which go by
// "low sampling frequencies".
var (
	kilobits = [2][16]int{
		{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0},
		{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0},
	}
	sideInfoSizes = [2]struct{ stereo, mono int }{{32, 17}, {17, 9}}
	// sampleRates goes by the header's version bits, 1 of which is reserved: MPEG-2.5, none,
	// MPEG-2, MPEG-1.
	sampleRates = [4][4]int{{11025, 12000, 8000, 0}, {}, {22050, 24000, 16000, 0}, {44100, 48000, 32000, 0}}
)

// parseFrameHeader reads the frame header at the start of b. Headers of the other layers and of
// free-format streams, whose frames do not say how long they are, count as none.
func parseFrameHeader(b []byte) (frameHeader, bool) {
	if len(b) < frameHeaderSize || b[0] != 0xFF || b[1]&0xE6 != 0xE2 {
		return frameHeader{}, false
	}
	version := b[1] >> 3 & 3
	low, granules := 1, 1
	if version == 3 {
		low, granules = 0, 2
	}
	rate, kbps := sampleRates[version][b[2]>>2&3], kilobits[low][b[2]>>4]
	if rate == 0 || kbps == 0 {
		return frameHeader{}, false
	}
	sideInfo := sideInfoSizes[low].stereo
	if b[3]>>6 == 3 {
		sideInfo = sideInfoSizes[low].mono
	}
	return frameHeader{
		stream:   uint16(b[1]&0xFE)<<8 | uint16(b[2]&0x0C),
		size:     granules*72_000*kbps/rate + int(b[2]>>1&1),
		ticks:    int64(granules) * 576 * int64(ticksPerSecond/rate),
		sideInfo: sideInfo,
	}, true
}

// followFrames counts the frame headers of one stream that follow upon each other from the start of
// b, at most confirmingFrames. cut says that b ends before that many, or before one that does not
// fit, could be seen.
func followFrames(b []byte) (count int, cut bool) {
	var stream uint16
	for count < confirmingFrames {
		if len(b) < frameHeaderSize {
			return count, true
		}
		frame, ok := parseFrameHeader(b)
		if !ok || count > 0 && frame.stream != stream {
			return count, false
		}
		stream = frame.stream
		b = b[min(frame.size, len(b)):]
		count++
	}
	return count, false
}

// carriesHeader reports whether a frame, which is in b, carries a header of the whole stream in
// place of audio. Decoders read these at one place only, whether the frame has a checksum or not.
func (f frameHeader) carriesHeader(b []byte) bool {
	at := func(offset int, magic string) bool {
		return bytes.HasPrefix(b[min(frameHeaderSize+offset, len(b)):], []byte(magic))
	}
	return at(f.sideInfo, "Xing") || at(f.sideInfo, "Info") || at(32, "VBRI")
}

// mp3Parser counts frames. Where no frame follows upon the last, in tags or damage, it searches for
// the next that does.
type mp3Parser struct {
	// stream is the header bits of the stream that is followed, 0 while searching for one.
	stream uint16
	// begun says that the first frame has been found.
	begun bool
	ticks int64
}

func (s *mp3Parser) next(window []byte) int64 {
	pos := 0
	for pos+frameHeaderSize <= len(window) {
		if s.stream != 0 {
			frame, ok := parseFrameHeader(window[pos:])
			if ok && frame.stream == s.stream {
				s.ticks += frame.ticks
				pos += frame.size
				continue
			}
			s.stream = 0
		}
		sync := bytes.IndexByte(window[pos:], 0xFF)
		if sync < 0 {
			return int64(len(window))
		}
		pos += sync
		count, cut := followFrames(window[pos:])
		if cut {
			break
		}
		if count < confirmingFrames {
			pos++
			continue
		}
		frame, _ := parseFrameHeader(window[pos:])
		s.stream = frame.stream
		if !s.begun && frame.carriesHeader(window[pos:pos+frame.size]) {
			pos += frame.size
		}
		s.begun = true
	}
	return int64(pos)
}

func (s *mp3Parser) duration(int64) (time.Duration, bool) {
	if s.ticks == 0 {
		return 0, false
	}
	return playingTime(s.ticks, ticksPerSecond)
}

const id3v2HeaderSize = 10

// id3v2Size is the size of the ID3v2 tag at the start of b, its header and footer included.
func id3v2Size(b []byte) (int64, bool) {
	if len(b) < id3v2HeaderSize || !bytes.HasPrefix(b, []byte("ID3")) || b[3] == 0xFF || b[4] == 0xFF {
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
