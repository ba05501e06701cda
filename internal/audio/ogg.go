package audio

import (
	"bytes"
	"encoding/binary"
	"time"
)

const (
	oggHeaderSize = 27
	// oggIdentSize is how much of a stream's first packet says what it is, at least.
	oggIdentSize = 64
)

// oggParser follows the pages of an Ogg stream and the time that they say it is when they are over.
type oggParser struct {
	// codec is that of the stream with audio that is followed, serial its number. Before one is
	// found it is nil.
	codec  *oggCodec
	serial uint32
	// granule is the time of the last page, samples what the pages play, and packets how many
	// packets have ended since.
	granule, samples, packets int64
	// page is the one that is passing.
	page  oggPage
	audio bool
	// ended says that the stream says that it is over, and cut that a page is missing its end.
	ended bool
	// earlier is what streams play that this one follows upon.
	earlier time.Duration
}

// oggCodec is what the first page says of a stream.
type oggCodec struct {
	// rate is in samples a second, 0 where time is not counted in samples. Then channels is, too.
	rate, channels int64
	// start is the time at which the first sample is heard, and packet how many samples a packet
	// has at most.
	start, packet int64
}

type oggPage struct {
	// counts says that it is a page of the stream that is followed.
	counts           bool
	granule, packets int64
	last             bool
}

func (s *oggParser) next(window []byte, end bool) int64 {
	s.finishPage()
	if len(window) < oggHeaderSize+255+oggIdentSize && !end {
		return 0
	}
	if !bytes.HasPrefix(window, []byte("OggS")) {
		if at := bytes.Index(window, []byte("OggS")); at > 0 {
			return int64(at)
		}
		return int64(max(len(window)-3, 1))
	}
	if len(window) < oggHeaderSize || len(window) < oggHeaderSize+int(window[26]) {
		return toEnd
	}
	body := window[oggHeaderSize+int(window[26]):]
	page := oggPage{granule: int64(binary.LittleEndian.Uint64(window[6:])), last: window[5]&4 != 0}
	size := int64(len(window) - len(body))
	for _, lacing := range window[oggHeaderSize:size] {
		size += int64(lacing)
		if lacing < 255 {
			page.packets++
		}
	}
	serial := binary.LittleEndian.Uint32(window[14:])
	first := window[5]&2 != 0
	if first && (s.codec == nil || s.ended) {
		s.begin(body, serial)
	} else {
		page.counts = s.codec != nil && serial == s.serial
	}
	s.page = page
	return size
}

// begin follows the stream whose first page has body, if it is audio.
func (s *oggParser) begin(body []byte, serial uint32) {
	codec := identifyOgg(body)
	if codec == nil {
		return
	}
	s.earlier += s.duration()
	s.codec, s.serial, s.ended = codec, serial, false
	s.granule, s.samples, s.packets = codec.start, 0, 0
}

// identifyOgg returns nil for what is no audio.
func identifyOgg(b []byte) *oggCodec {
	starts := func(magic string, size int) bool { return bytes.HasPrefix(b, []byte(magic)) && len(b) >= size }
	switch {
	case starts("\x01vorbis", 29):
		return &oggCodec{
			rate: int64(binary.LittleEndian.Uint32(b[12:])), channels: int64(b[11]),
			packet: int64(1) << (b[28] >> 4) / 2,
		}
	case starts("OpusHead", 12):
		const most = 5760 // 120 ms
		return &oggCodec{
			rate: 48000, channels: int64(b[9]), start: int64(binary.LittleEndian.Uint16(b[10:])), packet: most,
		}
	case starts("\x7FFLAC", 17+streamInfoSize):
		info := parseStreamInfo(b[17:])
		return &oggCodec{rate: info.rate, channels: info.channels, packet: info.maxBlock}
	case starts("\x80theora", 0), starts("fishead\x00", 0), starts("BBCD\x00", 0), starts("\x01video", 0),
		starts("OVP80", 0), starts("\x80kate\x00", 0), starts("CMML\x00", 0):
		return nil
	default:
		return new(oggCodec)
	}
}

// finishPage counts the page that has passed whole. A page that says more time than its packets can
// have, behind a gap or at the start of a cutting, counts for nothing.
func (s *oggParser) finishPage() {
	page := s.page
	s.page = oggPage{}
	if !page.counts {
		return
	}
	s.packets += page.packets
	s.ended = s.ended || page.last
	if page.granule < 0 {
		return // no packet ends in it
	}
	if page.granule > 0 {
		s.audio = true // headers have 0
	}
	if played := page.granule - s.granule; played > 0 && played <= s.packets*s.codec.packet {
		s.samples += played
	}
	s.granule, s.packets = max(s.granule, page.granule), 0
}

func (s *oggParser) duration() time.Duration {
	if s.codec == nil {
		return 0
	}
	return playingTime(s.samples, s.codec.rate)
}

func (s *oggParser) result(ahead int64) Result {
	if ahead == 0 {
		s.finishPage()
	}
	return Result{Audio: s.audio, Duration: s.earlier + s.duration(), Cut: !s.ended}
}

func (s *oggParser) signal() Signal {
	if s.codec == nil {
		return Signal{}
	}
	return Signal{SampleRate: int(s.codec.rate), Channels: int(s.codec.channels)}
}
