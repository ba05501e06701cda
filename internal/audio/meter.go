package audio

import "time"

// Meter learns what the stream written to it is, and how long it plays. It looks at headers, and
// passes over almost everything between them unseen, so it costs little beside the transfer that it
// sits on. Its memory is bounded and its work is proportional to the size of the stream, whatever
// the stream contains. It does not matter how the stream is cut into writes. The zero Meter is
// ready for use.
//
// A Meter is not safe for concurrent use.
type Meter struct {
	// Outlines, set before the first write, makes the Meter read the spectra of MP3, too, for
	// [Meter.Outline]. That takes some fifteen times as long.
	Outlines bool

	finder finder
	// parser is nil until the finder has found audio.
	parser parser
	// ahead counts the bytes that are done with and that are yet to be written.
	ahead int64
	// held keeps the end of the last write while its meaning depends on bytes that are yet to be
	// written.
	held   [lookahead]byte
	inHeld int
	// ended says that nothing more will be written.
	ended bool
}

// Result is what a [Meter] learned of a whole stream.
type Result struct {
	// Format is the zero Format where there is no audio.
	Format Format
	// Audio reports whether there is at least one whole frame, or sample, of audio. Headers alone
	// are none.
	Audio bool
	// Duration is how long the audio in the stream plays; 0 where it is not measured.
	Duration time.Duration
	// Cut reports that the stream itself says that there should be more of it.
	Cut bool
}

// parser follows a stream of one format.
type parser interface {
	// next looks at the bytes at the current position and returns how many of them it is done with,
	// which may be more than there are: the rest is passed over unseen when it comes. It returns 0
	// to see more bytes first, which it may do only while window is shorter than lookahead. With
	// end, no more bytes will come.
	next(window []byte, end bool) int64
	// result is what was found, without the format. ahead counts the bytes that next was done with
	// and that have not come.
	result(ahead int64) Result
	// signal is what decoders make of the stream. Its Duration is 0 where it is that of the result.
	signal() Signal
}

const (
	// lookahead is the most bytes that any parser needs to see together: two frames and the header
	// of a third.
	lookahead = 2*maxFrameSize + frameHeaderSize
	// toEnd is what a parser is done with when nothing more needs to be seen. It is far from
	// overflowing when counts of real bytes are added to it.
	toEnd = int64(1) << 62
	// cutTolerance is how much shorter than a header says a stream may play without counting as
	// cut: encoders count their delay and padding in, or do not.
	cutTolerance = time.Second
)

// Write measures p. It never fails.
func (m *Meter) Write(p []byte) (int, error) {
	written := len(p)
	m.finder.outlines = m.Outlines
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
		skip := m.finder.next(window, m.ended)
		if m.parser = m.finder.found; m.parser == nil {
			return skip
		}
	}
	return m.parser.next(window, m.ended)
}

// Format returns the format of the stream as soon as it is known, which is before the audio is
// over, and mostly within the first few thousand bytes.
func (m *Meter) Format() (Format, bool) { return m.finder.format, m.parser != nil }

// Refused reports that the stream is known not to be audio, whatever else is written.
func (m *Meter) Refused() bool { return m.finder.refused }

// End says that the stream is over and returns what it is. Nothing may be written after it.
//
// Durations count what is there and not what a header says is there:
//
//   - MP3 and AAC in ADTS: the whole frames are counted, except one that carries a Xing, Info or
//     VBRI header, which decoders do not play. The encoder's delay and padding are left in, as
//     ffprobe has it when it prints a file's duration.
//   - FLAC: its whole frames.
//   - WAV and AIFF: the sample data. Codecs whose blocks do not hold one sample each are not
//     measured.
//   - Ogg with Vorbis, Opus or FLAC: the time between the first and the last whole page.
//   - MP4: what the tables of its audio track say, if all the samples that they speak of are
//     there. Fragmented files are not measured.
func (m *Meter) End() Result {
	if !m.ended {
		m.ended = true
		used := m.parse(m.held[:m.inHeld])
		m.ahead += max(used-int64(m.inHeld), 0)
	}
	if m.parser == nil {
		return Result{}
	}
	result := m.parser.result(m.ahead)
	result.Format = m.finder.format
	if !result.Audio {
		result.Duration = 0
	}
	return result
}

// Signal is what decoders make of a stream.
type Signal struct {
	// SampleRate is in samples a second. It and Channels are 0 where they were not found.
	SampleRate, Channels int
	// Lead is what decoders play before the sound itself begins: the delay of the encoder, where
	// the stream does not say it, so that they cannot leave it out. What LAME has is assumed then.
	// It is 0 for anything but MPEG audio of Layer III.
	Lead time.Duration
	// Duration is how long they play, with Lead, and without what the stream says is to be left
	// out at its beginning and end.
	Duration time.Duration
}

// Signal returns what decoders make of the stream, after End.
func (m *Meter) Signal() Signal {
	if m.parser == nil {
		return Signal{}
	}
	signal := m.parser.signal()
	if signal.Duration == 0 {
		signal.Duration = m.End().Duration
	}
	return signal
}

// Outline returns what one draws of the stream so far. It is empty unless Outlines is set, and
// where the format does not say how loud it is without being decoded: all but MPEG audio of Layer
// III.
func (m *Meter) Outline() Outline {
	if p, ok := m.parser.(*frameParser); ok {
		return p.outline()
	}
	return Outline{}
}

// playingTime is units at rate units a second, and 0 where the numbers make no sense.
func playingTime(units, rate int64) time.Duration {
	const most = int64(1<<63-1) / int64(time.Second)
	if rate <= 0 || units < 0 || units/rate >= most {
		return 0
	}
	return time.Duration(units/rate)*time.Second + time.Duration(units%rate*int64(time.Second)/rate)
}
