package audio

import (
	"encoding/binary"
	"slices"
)

const (
	boxHeaderSize = 8
	// longBoxHeaderSize is that of a box whose size takes 64 bits.
	longBoxHeaderSize = 16
	// boxContent is how much of a box's content the parser looks at, at most.
	boxContent = 24
)

// mp4Parser walks the boxes of an MP4 file. It reads the tables of the audio track entry by entry,
// so that they take no memory.
type mp4Parser struct {
	// table consumes the entries of the box that is passing, entries is how many are left.
	table   func(entry []byte)
	entries int64
	width   int64

	track, audio mp4Track
	// hasAudio says that some track is of audio.
	hasAudio bool
	// index says that there is a description of the samples, fragmented that it is spread over
	// the file.
	index, fragmented bool
	// media are the bytes of the samples themselves; inMedia says that they are passing.
	media, mediaSize int64
	inMedia          bool
	broken           bool
	// over says that what is passing is no box.
	over bool

	// pos is where the parser is, and box where the last box that it met begins. indexEnd is where
	// the description of the samples ends.
	pos, box, indexEnd int64
}

// mp4Track is what the tables of a track say.
type mp4Track struct {
	isAudio   bool
	timescale int64
	// samples and bytes are what the table of sizes adds up to, timed and ticks what that of times
	// does.
	samples, bytes, timed, ticks int64
}

func (s *mp4Parser) next(window []byte, end bool) int64 {
	n := s.step(window, end)
	s.pos += n
	return n
}

func (s *mp4Parser) step(window []byte, end bool) int64 {
	if s.inMedia {
		s.inMedia, s.media = false, s.media+s.mediaSize
	}
	if s.entries > 0 {
		return s.nextEntries(window)
	}
	if len(window) < longBoxHeaderSize+boxContent && !end {
		return 0
	}
	s.box = s.pos
	if len(window) < boxHeaderSize || startsTail(window) || !isChunkID(window[4:]) {
		return s.endBoxes()
	}
	header, size := int64(boxHeaderSize), int64(binary.BigEndian.Uint32(window))
	switch {
	case size == 0:
		size = toEnd
	case size == 1 && len(window) >= longBoxHeaderSize:
		header, size = longBoxHeaderSize, int64(binary.BigEndian.Uint64(window[8:]))
	}
	if size < header || size > toEnd {
		return s.endBoxes()
	}
	content := window[header:]
	content = content[:min(boxContent, int64(len(content)), size-header)]
	return s.enter(string(window[4:8]), header, size, content)
}

// endBoxes passes over what is no box. Behind the description of the samples, and behind the last
// fragment, padding or tags of other formats may stand.
func (s *mp4Parser) endBoxes() int64 {
	s.over = true
	s.broken = s.broken || s.box < s.indexEnd
	return toEnd
}

// enter returns how many bytes of a box are done with: its header only if its content is to be
// looked at.
func (s *mp4Parser) enter(kind string, header, size int64, content []byte) int64 {
	switch kind {
	case "trak":
		s.finishTrack()
		return header
	case "moov":
		s.index = true
		if size < toEnd { // else it goes on to the end, wherever that is
			s.indexEnd = s.box + size
		}
		return header
	case "mdia", "minf", "stbl":
		s.index = true
		return header
	case "moof":
		s.index, s.fragmented = true, true
	case "mdat":
		s.inMedia, s.mediaSize = true, size-header
	case "hdlr":
		if len(content) >= 12 && string(content[8:12]) == "soun" {
			s.track.isAudio, s.hasAudio = true, true
		}
	case "mdhd":
		s.readTimescale(content)
	case "stts":
		return header + s.startTable(content, size-header, 8, 8, func(entry []byte) {
			count := int64(binary.BigEndian.Uint32(entry))
			s.track.timed += count
			s.track.ticks = addProduct(s.track.ticks, count, int64(binary.BigEndian.Uint32(entry[4:])))
		})
	case "stsz":
		if len(content) >= 12 {
			count := int64(binary.BigEndian.Uint32(content[8:]))
			s.track.samples = count
			if each := int64(binary.BigEndian.Uint32(content[4:])); each > 0 {
				s.track.bytes = addProduct(0, count, each)
				break
			}
		}
		return header + s.startTable(content, size-header, 12, 4, func(entry []byte) {
			s.track.bytes += int64(binary.BigEndian.Uint32(entry))
		})
	}
	return size
}

func (s *mp4Parser) readTimescale(b []byte) {
	if len(b) == 0 {
		return
	}
	at := 12
	if b[0] == 1 {
		at = 20
	}
	if len(b) >= at+4 {
		s.track.timescale = int64(binary.BigEndian.Uint32(b[at:]))
	}
}

// startTable prepares for the table behind head bytes of a box's content, and returns how many
// bytes to pass over before it: all of the box if there is none.
func (s *mp4Parser) startTable(content []byte, size, head, width int64, table func([]byte)) int64 {
	if int64(len(content)) < head {
		return size
	}
	count := int64(binary.BigEndian.Uint32(content[head-4:]))
	if count*width != size-head {
		s.broken = true
		return size
	}
	s.table, s.entries, s.width = table, count, width
	return head
}

func (s *mp4Parser) nextEntries(window []byte) int64 {
	var used int64
	for s.entries > 0 && used+s.width <= int64(len(window)) {
		s.table(window[used : used+s.width])
		used += s.width
		s.entries--
	}
	return used
}

// addProduct is sum + a*b, at most toEnd.
func addProduct(sum, a, b int64) int64 {
	if b > 0 && a > (toEnd-sum)/b {
		return toEnd
	}
	return sum + a*b
}

// finishTrack keeps the longer of the tracks with audio.
func (s *mp4Parser) finishTrack() {
	if s.track.isAudio && s.track.bytes > s.audio.bytes {
		s.audio = s.track
	}
	s.track = mp4Track{}
}

func (s *mp4Parser) result(ahead int64) Result {
	s.finishTrack()
	present, size := s.media, s.pos-ahead
	if s.inMedia {
		present += s.mediaSize - min(ahead, s.mediaSize)
		if s.mediaSize > toEnd/2 {
			ahead = 0 // it goes on to the end, wherever that is
		}
	}
	result := Result{
		// If a description is cut or broken off, what it said of audio may be missing.
		Audio: s.index && present > 0 && (s.hasAudio || s.broken || size < s.indexEnd),
		Cut: !s.index || size < s.indexEnd || s.entries > 0 || s.audio.bytes > present ||
			ahead > 0 && (s.inMedia || s.fragmented && !s.over),
	}
	track := s.audio
	if !result.Cut && !s.broken && !s.fragmented && track.samples > 0 && track.samples == track.timed {
		result.Duration = playingTime(track.ticks, track.timescale)
	}
	return result
}

// signal has the time scale, which is the sample rate in the files that have music only.
func (s *mp4Parser) signal() Signal { return Signal{SampleRate: int(s.audio.timescale)} }

// isAudioBrand leaves out the images and the QuickTime films that share the container.
func isAudioBrand(brand string) bool {
	return slices.ContainsFunc([]string{"M4A", "M4B", "mp4", "iso", "dash"}, func(known string) bool {
		return brand[:len(known)] == known
	})
}
