package audio

import (
	"bytes"
	"encoding/binary"
	"slices"
)

const (
	// frameHeaderSize is that of ADTS; MPEG audio has four bytes.
	frameHeaderSize = 7
	// maxFrameSize is that of ADTS, whose size field has 13 bits. MPEG audio has 1,729 bytes at
	// most where the header says the size.
	maxFrameSize = 1<<13 - 1
	// confirmingFrames is how many frame headers must follow upon each other to be taken for a
	// stream. Two would be met by chance in some megabytes of other data.
	confirmingFrames = 3
	// strayFrames is how many must do so behind what is neither a tag nor audio. In programs and
	// in samples of other containers, whose numbers repeat, three are met often.
	strayFrames = 9
	// ticksPerSecond is the least common multiple of all sample rates. Counted in it, the playing
	// times of frames add up exactly even where the rate changes on the way.
	ticksPerSecond = 28_224_000
)

// frameHeader is what the header of a frame of MPEG audio or ADTS says.
type frameHeader struct {
	// stream holds the bits in which all frames of a stream agree. Never 0.
	stream uint32
	// size is in bytes, the header included. It is 0 for a free-format frame, which does not say
	// it; padding is what such a frame has more than others.
	size, padding int
	// ticks is never 0.
	ticks int64
	// sideInfo is the size of what stands between header and main data in Layer III, else 0.
	sideInfo int
}

// adtsStream is a bit that no stream of MPEG audio has.
const adtsStream = 1 << 31

func (f frameHeader) isADTS() bool { return f.stream&adtsStream != 0 }

// isLayer1 reports whether it is of Layer I. Hardly anybody has such files, and programs, fonts and
// archives are full of what looks like its frames: 0xFFFF is half of a header.
func (f frameHeader) isLayer1() bool {
	const layer1 = 3
	return !f.isADTS() && f.stream>>9&3 == layer1
}

// kilobits, in the first half for MPEG-1 and in the second for MPEG-2 and 2.5, which go by "low
// sampling frequencies", is by the header's layer bits: none, Layer III, II, I. An index of 0 is
// free format.
var kilobits = [2][4][16]int{
	{
		1: {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0},
		2: {0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 0},
		3: {0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448, 0},
	},
	{
		1: {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0},
		2: {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0},
		3: {0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256, 0},
	},
}

var (
	// sampleRates goes by the header's version bits, 1 of which is reserved: MPEG-2.5, none,
	// MPEG-2, MPEG-1.
	sampleRates     = [4][4]int{{11025, 12000, 8000, 0}, {}, {22050, 24000, 16000, 0}, {44100, 48000, 32000, 0}}
	adtsSampleRates = [16]int{
		96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
	}
)

// parseFrameHeader reads the frame header at the start of b, which has frameHeaderSize bytes.
func parseFrameHeader(b []byte) (frameHeader, bool) {
	switch {
	case b[0] != 0xFF || b[1]&0xE0 != 0xE0:
		return frameHeader{}, false
	case b[1]&0xF6 == 0xF0:
		return parseADTSHeader(b)
	default:
		return parseMPEGHeader(b)
	}
}

// mpegHeaders has the header for each value of the bits that matter of the second and third byte,
// as of a stereo frame. The zero header is for what is none.
var mpegHeaders = newMPEGHeaders()

func mpegHeader(b []byte) *frameHeader { return &mpegHeaders[int(b[1]>>1&0xF)<<7|int(b[2]>>1)] }

func parseMPEGHeader(b []byte) (frameHeader, bool) {
	frame := *mpegHeader(b)
	if mono := b[3]>>6 == 3; mono && frame.sideInfo > 0 {
		frame.sideInfo = frame.sideInfo/2 + 1
	}
	return frame, frame.ticks > 0
}

func newMPEGHeaders() (headers [1 << 11]frameHeader) {
	for bits := range headers {
		headers[bits] = newMPEGHeader(byte(bits>>7)<<1|0xE0, byte(bits)<<1)
	}
	return headers
}

func newMPEGHeader(second, third byte) frameHeader {
	const layer3, layer1 = 1, 3
	version, layer := second>>3&3, second>>1&3
	low := 1
	if version == 3 {
		low = 0
	}
	rate, index := sampleRates[version][third>>2&3], third>>4
	if rate == 0 || layer == 0 || index == 15 {
		return frameHeader{}
	}
	slot, samples, sideInfo := 1, 1152, 0
	switch layer {
	case layer1:
		slot, samples = 4, 384
	case layer3:
		samples, sideInfo = samples>>low, 32>>low|low
	}
	padding := slot * int(third>>1&1)
	frame := frameHeader{
		stream:   uint32(second)<<8 | uint32(third&0x0C),
		padding:  padding,
		ticks:    int64(samples * (ticksPerSecond / rate)),
		sideInfo: sideInfo,
	}
	if index == 0 {
		frame.stream |= 1
	} else {
		frame.size = samples/8/slot*1000*kilobits[low][layer][index]/rate*slot + padding
	}
	return frame
}

func parseADTSHeader(b []byte) (frameHeader, bool) {
	const samplesPerBlock = 1024
	rate := adtsSampleRates[b[2]>>2&0xF]
	size := int(b[3]&3)<<11 | int(b[4])<<3 | int(b[5])>>5
	if rate == 0 || size <= frameHeaderSize {
		return frameHeader{}, false
	}
	return frameHeader{
		stream: adtsStream | uint32(b[1]&0xFE)<<16 | uint32(b[2]&0xFD)<<8 | uint32(b[3]&0xC0),
		size:   size,
		ticks:  int64(b[6]&3+1) * samplesPerBlock * int64(ticksPerSecond/rate),
	}, true
}

// frameRun is what follows upon each other from some place.
type frameRun struct {
	first frameHeader
	// count is how many headers agree, at most as many as were wanted; whole how many of their
	// frames end within the bytes that were seen, and size how long those are together.
	count, whole, size int
	// cut says that the bytes ended before that many, or before one that does not fit, could be
	// seen.
	cut bool
}

// isTable reports whether the frames are rather the entries of a table, like jumps in a program:
// no header says their size, they are all alike, and shorter than anybody makes them.
func (r frameRun) isTable() bool {
	const shortest = 96
	return !r.first.isADTS() && r.first.stream&1 == 1 && r.first.size < shortest && r.size == r.first.size*r.whole
}

// followFrames counts the frames of one stream that follow upon each other from the start of b, up
// to so many.
func followFrames(b []byte, wanted int, free *freeSearch) frameRun {
	var run frameRun
	pos := 0
	for run.count < wanted {
		if pos+frameHeaderSize > len(b) {
			run.cut = true
			break
		}
		frame, ok := parseFrameHeader(b[pos:])
		if !ok || run.count > 0 && frame.stream != run.first.stream {
			break
		}
		if frame.size == 0 {
			size, cut := free.frameSize(b[pos:], frame)
			if run.cut = cut; size == 0 {
				break
			}
			frame.size = size + frame.padding
		}
		if run.count == 0 {
			run.first = frame
		}
		run.count++
		if pos += frame.size; pos <= len(b) {
			run.whole, run.size = run.whole+1, pos
		}
	}
	return run
}

// freeSearch finds the frame size of a free-format stream, which no header says: all frames have
// the same, but for padding.
type freeSearch struct {
	stream uint32
	size   int
	failed int
}

const (
	minFreeSize = frameHeaderSize + 9 // the smallest side info
	// maxFreeSize is what 640 kbit/s take, the most that encoders offer, with reserve.
	maxFreeSize = 4608
	// maxFreeFailures bounds the work on what only looks like a free-format frame.
	maxFreeFailures = 1000
)

// frameSize is the size of the frame at the start of b without its padding, 0 where there is none.
// cut says that b is too short to be sure.
func (s *freeSearch) frameSize(b []byte, first frameHeader) (size int, cut bool) {
	if s.stream == first.stream {
		return s.size, false
	}
	if s.failed >= maxFreeFailures {
		return 0, false
	}
	for at := minFreeSize; at <= maxFreeSize; at++ {
		sync := bytes.IndexByte(b[min(at, len(b)):min(maxFreeSize+1, len(b))], 0xFF)
		if sync < 0 {
			break
		}
		at += sync
		if at+frameHeaderSize > len(b) {
			return 0, true
		}
		second, ok := parseFrameHeader(b[at:])
		if size = at - first.padding; !ok || second.stream != first.stream || second.sideInfo != first.sideInfo {
			continue
		}
		third := at + size + second.padding
		if third+frameHeaderSize > len(b) {
			return size, true
		}
		if frame, ok := parseFrameHeader(b[third:]); ok && frame.stream == first.stream {
			s.stream, s.size = first.stream, size
			return size, false
		}
	}
	if len(b) <= maxFreeSize+frameHeaderSize {
		return 0, true
	}
	s.failed++
	return 0, false
}

// infoFrames is how many frames of audio follow, if the frame in b carries a header of the whole
// stream in place of audio; the number is 0 where the header does not say it. Decoders read these
// at one place only, whether the frame has a checksum or not.
func (f frameHeader) infoFrames(b []byte) (frames int64, ok bool) {
	const mpegHeaderSize = 4
	if f.sideInfo == 0 {
		return 0, false
	}
	xing := b[min(mpegHeaderSize+f.sideInfo, len(b)):]
	if bytes.HasPrefix(xing, []byte("Xing")) || bytes.HasPrefix(xing, []byte("Info")) {
		if len(xing) >= 12 && xing[7]&1 != 0 {
			frames = int64(binary.BigEndian.Uint32(xing[8:]))
		}
		return frames, true
	}
	vbri := b[min(mpegHeaderSize+32, len(b)):]
	if bytes.HasPrefix(vbri, []byte("VBRI")) {
		if len(vbri) >= 18 {
			frames = int64(binary.BigEndian.Uint32(vbri[14:]))
		}
		return frames, true
	}
	return 0, false
}

// trimmed is what decoders leave out at the beginning, and in all, in ticks: the silence that
// encoder and decoder put before the sound, and what fills up the last frame. Both are as the
// header of the whole stream in b says, and 0 where it does not. Browsers leave out as much.
func (f frameHeader) trimmed(b []byte) (start, all int64) {
	at := 4 + f.sideInfo // of the Xing or Info header
	if len(b) < at+8 || b[at] == 'V' {
		return 0, 0
	}
	flags := b[at+7]
	at += 8
	for bit, size := range []int{4, 4, 100, 4} { // frames, bytes, table of contents, quality
		if flags>>bit&1 == 1 {
			at += size
		}
	}
	if len(b) < at+24 || !slices.Contains([]string{"LAME", "Lavf", "Lavc"}, string(b[at:at+4])) {
		return 0, 0
	}
	delay := int64(b[at+21])<<4 | int64(b[at+22])>>4
	padding := int64(b[at+22]&0xF)<<8 | int64(b[at+23])
	return (delay + decoderDelay) * f.sampleTicks(), (delay + padding) * f.sampleTicks()
}

const (
	// decoderDelay is how many samples decoders of Layer III put before the sound, and usualDelay
	// how many LAME does, which is what most programs encode with.
	decoderDelay, usualDelay = 529, 576
)

// sampleTicks is how many ticks a sample of Layer III takes.
func (f frameHeader) sampleTicks() int64 {
	if f.stream>>11&3 != 3 { // not MPEG-1
		return f.ticks / 576
	}
	return f.ticks / 1152
}

// frameParser counts frames. Where no frame follows upon the last, in tags or damage, it searches
// for the next that does.
type frameParser struct {
	// stream is that which is followed, 0 while searching for one.
	stream uint32
	free   freeSearch
	// skip is the size of a first frame that carries a header.
	skip int64
	// adts tells which of the two kinds of frames it is, layer1 whether it is of Layer I.
	adts, layer1 bool
	// layer3 and outliner are of frames of Layer III, where an outline is wanted.
	outlines bool
	layer3   layer3
	outliner outliner
	// delay is what decoders leave out at the beginning, in ticks, and left what they do in all.
	delay, left int64
	// lead is what they do not leave out and should, because the stream does not say it.
	lead int64
	// rate and channels are those of the first frame.
	rate, channels int64
	// ticks is what the frames play, declared what the stream's header says that they do, and last
	// what the last frame does if nothing has been passed over since.
	ticks, declared, last int64
}

// newFrameParser follows the stream that starts in window with the frame first.
func newFrameParser(window []byte, first frameHeader, free freeSearch) *frameParser {
	p := &frameParser{stream: first.stream, adts: first.isADTS(), layer1: first.isLayer1(), free: free}
	p.rate, p.channels = first.shape(window)
	if free.stream != first.stream {
		p.free.stream, p.free.size = first.stream, first.size-first.padding // of a short file
	}
	if frames, ok := first.infoFrames(window[:min(first.size, len(window))]); ok {
		p.skip, p.declared = int64(first.size), frames*first.ticks
		p.delay, p.left = first.trimmed(window[:min(first.size, len(window))])
	}
	if first.sideInfo > 0 && p.delay == 0 {
		p.lead = (usualDelay + decoderDelay) * first.sampleTicks()
	}
	return p
}

func (s *frameParser) next(window []byte, end bool) int64 {
	if s.skip > 0 {
		skip := s.skip
		s.skip = 0
		return skip
	}
	pos := int64(0)
	for pos+frameHeaderSize <= int64(len(window)) {
		b := window[pos:]
		if s.stream != 0 {
			if s.outlines && !end && s.wants(b) {
				break
			}
			if size := s.follow(b); size > 0 {
				pos += int64(size)
				continue
			}
			if len(b) < tagHeaderSize && !end {
				break
			}
			s.stream, s.last = 0, 0
			if size, ok := tagSize(b); ok {
				pos += size
				continue
			}
		}
		sync := bytes.IndexByte(b, 0xFF)
		if sync < 0 {
			return int64(len(window))
		}
		pos += int64(sync)
		run := followFrames(b[sync:], confirmingFrames, &s.free)
		if run.cut && !end {
			break
		}
		if run.count < confirmingFrames || run.first.isADTS() != s.adts || run.first.isLayer1() != s.layer1 {
			pos++
			continue
		}
		s.stream = run.first.stream
	}
	return pos
}

// follow counts the frame at the start of b and returns its size, 0 if it is none of the stream.
func (s *frameParser) follow(b []byte) int {
	// Almost all that is ever archived comes this way.
	if b[0] == 0xFF && b[1]&0xE0 == 0xE0 {
		if frame := mpegHeader(b); frame.stream == s.stream && frame.size > 0 {
			s.count(frame, frame.size, b)
			return frame.size
		}
	}
	frame, ok := parseFrameHeader(b)
	if !ok || frame.stream != s.stream {
		return 0
	}
	if frame.size == 0 {
		if s.free.stream != s.stream {
			return 0
		}
		frame.size = s.free.size + frame.padding
	}
	s.count(&frame, frame.size, b)
	return frame.size
}

func (s *frameParser) count(frame *frameHeader, size int, b []byte) {
	s.ticks, s.last = s.ticks+frame.ticks, frame.ticks
	if !s.outlines || frame.sideInfo == 0 {
		return
	}
	levels := s.layer3.levels(b[:min(size, len(b))])
	each := frame.ticks / int64(len(levels))
	if s.ticks == frame.ticks {
		// A granule is heard from its own beginning until the end of the next one, and some time
		// later: decoders hold samples back.
		const heldBack, samples = 240, 576
		s.outliner.at = each/2 + each*heldBack/samples - s.delay
	}
	for _, level := range levels {
		s.outliner.add(level, each)
	}
}

// wants reports whether b begins with a frame of Layer III that has not come whole.
func (s *frameParser) wants(b []byte) bool {
	frame, ok := parseFrameHeader(b)
	if !ok || frame.stream != s.stream || frame.sideInfo == 0 {
		return false
	}
	if frame.size == 0 {
		frame.size = s.free.size + frame.padding
	}
	return frame.size > len(b)
}

// shape is the sample rate and how many channels there are in the stream of the frame at the start
// of b.
func (f frameHeader) shape(b []byte) (rate, channels int64) {
	switch {
	case len(b) < 4:
		return 0, 0
	case f.isADTS():
		return int64(adtsSampleRates[b[2]>>2&0xF]), int64(b[2]&1)<<2 | int64(b[3]>>6)
	case b[3]>>6 == 3:
		channels = 1
	default:
		channels = 2
	}
	return int64(sampleRates[b[1]>>3&3][b[2]>>2&3]), channels
}

func (s *frameParser) signal() Signal {
	ticks := s.ticks
	if s.declared > 0 && s.ticks >= s.declared {
		ticks = s.declared - s.left // what follows upon them is not played
	} else {
		ticks -= s.delay
	}
	return Signal{
		SampleRate: int(s.rate), Channels: int(s.channels),
		Lead: playingTime(s.lead, ticksPerSecond), Duration: playingTime(max(ticks, 0), ticksPerSecond),
	}
}

func (s *frameParser) outline() Outline { return s.outliner.outline() }

func (s *frameParser) result(ahead int64) Result {
	ticks := s.ticks
	if ahead > 0 {
		ticks -= s.last // which has not come whole
	}
	return Result{
		Audio:    ticks > 0,
		Duration: playingTime(ticks, ticksPerSecond),
		Cut:      playingTime(s.declared-ticks, ticksPerSecond) > cutTolerance,
	}
}
