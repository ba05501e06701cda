package audio

import "time"

// Meter measures how long the audio written to it plays. It looks at headers only and passes over
// everything between them unseen, so it costs next to nothing beside the transfer that it sits on.
// Its memory is fixed, whatever the size of the stream, and it does not matter how the stream is
// cut into writes. The zero Meter is ready for use.
//
// A Meter is not safe for concurrent use.
type Meter struct {
	// parser is nil until the stream has shown what it is.
	parser parser
	// ahead counts the bytes that the parser is done with and that are yet to be written.
	ahead int64
	// held keeps the end of the last write while its meaning depends on bytes that are yet to be
	// written.
	held   [lookahead]byte
	inHeld int
}

// parser follows a stream of one format.
type parser interface {
	// next looks at the bytes at the current position and returns how many of them it is done with,
	// which may be more than there are: the rest is passed over unseen when it comes. It returns 0
	// to see more bytes first, which it may do only while window is shorter than lookahead.
	next(window []byte) int64
	// duration is the playing time so far, and false where it cannot be told. ahead is the Meter's.
	duration(ahead int64) (time.Duration, bool)
}

const (
	// lookahead is the most bytes that any parser needs to see together: two MP3 frames and the
	// header of a third.
	lookahead = 2*maxFrameSize + frameHeaderSize
	// toEnd is what a parser is done with when nothing more needs to be seen. It is far from
	// overflowing when counts of real bytes are added to it.
	toEnd = int64(1) << 62
)

// Write measures p. It never fails.
func (m *Meter) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		if m.ahead > 0 {
			passed := min(m.ahead, int64(len(p)))
			m.ahead -= passed
			p = p[passed:]
			continue
		}
		if m.inHeld == 0 {
			p = m.pass(p, m.parse(p))
			m.inHeld = copy(m.held[:], p)
			break
		}
		added := copy(m.held[m.inHeld:], p)
		window := m.held[:m.inHeld+added]
		used := m.parse(window)
		if beyond := used - int64(m.inHeld); beyond >= 0 {
			m.inHeld = 0
			p = m.pass(p, beyond)
			continue
		}
		m.inHeld = copy(m.held[:], window[used:])
		p = p[added:]
	}
	return written, nil
}

// pass drops the first n bytes of p and notes how many are still to come when p is shorter.
func (m *Meter) pass(p []byte, n int64) []byte {
	if n > int64(len(p)) {
		m.ahead = n - int64(len(p))
		return nil
	}
	return p[n:]
}

// parse returns how many bytes of window are done with, as parser.next does.
func (m *Meter) parse(window []byte) int64 {
	var used int64
	for used < int64(len(window)) {
		n := m.next(window[used:])
		if n == 0 {
			break
		}
		used += n
	}
	return used
}

func (m *Meter) next(window []byte) int64 {
	if m.parser == nil {
		if len(window) < magicSize {
			return 0
		}
		if size, ok := id3v2Size(window); ok {
			return size
		}
		m.parser = parserFor(window)
	}
	return m.parser.next(window)
}

// parserFor chooses by the first magicSize bytes after any ID3v2 tag. What is nothing else is
// searched for MP3 frames.
func parserFor(head []byte) parser {
	switch format, _ := sniffMagic(head); format {
	case wav:
		return new(wavParser)
	case flac:
		return new(flacParser)
	case Format{}:
		return new(mp3Parser)
	default:
		return unmeasured{}
	}
}

// Duration is how long the audio written so far plays, and false for a format that is not measured
// or a stream that has not come to its audio. It is exact for MP3, WAV and FLAC:
//
//   - MP3: the frames themselves are counted, without the one that carries a Xing, Info or VBRI
//     header, which decoders do not play. The encoder's delay and padding are left in, as ffprobe
//     has it when it prints a file's duration. Free-format streams are not measured.
//   - WAV: the sample data written, so a header whose sizes were never filled in does not matter.
//     Codecs whose blocks do not hold one sample each are not measured.
//   - FLAC: what its header says, where it says it.
func (m *Meter) Duration() (time.Duration, bool) {
	if m.parser == nil {
		return 0, false
	}
	return m.parser.duration(m.ahead)
}

// unmeasured passes over formats that are known and whose playing time is not counted.
type unmeasured struct{}

func (unmeasured) next([]byte) int64                    { return toEnd }
func (unmeasured) duration(int64) (time.Duration, bool) { return 0, false }

// playingTime is units at rate units a second, and false where the numbers make no sense.
func playingTime(units, rate int64) (time.Duration, bool) {
	const most = int64(1<<63-1) / int64(time.Second)
	if rate <= 0 || units < 0 || units/rate >= most {
		return 0, false
	}
	return time.Duration(units/rate)*time.Second + time.Duration(units%rate*int64(time.Second)/rate), true
}
