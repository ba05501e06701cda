package audio

import (
	"bytes"
	"slices"
)

// maxPadding is how many bytes that are neither tags nor audio may stand before the audio. Zeros of
// some thousand bytes have been seen, and recordings of live streams begin within a frame.
const maxPadding = 1 << 20

// magicSize is how many bytes the finder needs to see to tell tags and containers.
const magicSize = tagHeaderSize

// finder skips what stands before the audio, tags of any number and size and some padding, and
// finds out what the audio is. A lone frame header of MP3 or AAC could be chance, so the headers
// after it must agree.
type finder struct {
	format Format
	found  parser
	// outlines is the meter's.
	outlines bool
	// padding counts the bytes that were skipped and are no tag.
	padding int64
	// strayed says that some of those were not zero. What follows is searched.
	strayed bool
	refused bool
	free    freeSearch
}

// next is as that of a parser. It returns 0 also when it has found one, which goes on from there.
func (f *finder) next(window []byte, end bool) int64 {
	if f.refused {
		return toEnd
	}
	if len(window) < magicSize && !end {
		return 0
	}
	if format, p := containerAt(window); p != nil {
		f.format, f.found = format, p
		return 0
	}
	if size, ok := tagSize(window); ok {
		return size
	}
	if !f.strayed && startsForeign(window) {
		return f.refuse()
	}
	if window[0] == 0xFF {
		if wait := f.frames(window, end); wait || f.found != nil {
			return 0
		}
	}
	// The size of an MP4's first box begins with zeros, three at most.
	const mayBelong = 3
	skip := int64(1)
	if zeros := int64(leadingZeros(window)); zeros > 0 {
		skip = max(zeros-mayBelong, 1)
	} else {
		f.strayed = true
	}
	if f.padding += skip; f.padding > maxPadding {
		return f.refuse()
	}
	return skip
}

func (f *finder) refuse() int64 {
	f.refused = true
	return toEnd
}

func leadingZeros(b []byte) int {
	for i, c := range b {
		if c != 0 {
			return i
		}
	}
	return len(b)
}

// frames looks for frames of MP3 or AAC at the start of window. A short file may have fewer than
// confirmingFrames: they are believed where a file begins with them and nothing else follows. wait
// says that more must be seen.
func (f *finder) frames(window []byte, end bool) (wait bool) {
	wanted := confirmingFrames
	if f.strayed {
		wanted = strayFrames
	}
	run := followFrames(window, wanted, &f.free)
	if f.strayed && (run.first.isLayer1() || run.isTable()) {
		return false
	}
	// Nine of the largest frames are more than is seen together.
	full := f.strayed && run.count >= confirmingFrames && len(window) >= lookahead
	if run.cut && !end && !full {
		return true
	}
	ends := run.cut || startsTail(window[min(run.size, len(window)):])
	short := !f.strayed && run.whole > 0 && ends
	if run.count == wanted || short || f.strayed && run.count >= confirmingFrames && ends {
		parser := newFrameParser(window, run.first, f.free)
		parser.outlines = f.outlines
		f.format, f.found = mp3, parser
		if run.first.isADTS() {
			f.format = aac
		}
	}
	return false
}

// containerAt knows the formats that start with a fixed sequence of bytes.
func containerAt(b []byte) (Format, parser) {
	const size = 12
	if len(b) < size {
		return Format{}, nil
	}
	first, third := string(b[:4]), string(b[8:size])
	switch {
	case (first == "RIFF" || first == "RF64" || first == "BW64") && third == "WAVE":
		return wav, new(wavParser)
	case first == "fLaC" && b[4]&flacTypeMask == flacStreamInfo:
		return flac, new(flacParser)
	case first == "OggS" && b[4] == 0:
		return ogg, new(oggParser)
	case first == "FORM" && (third == "AIFF" || third == "AIFC"):
		return aiff, new(aiffParser)
	case string(b[4:8]) == "ftyp" && isAudioBrand(third):
		return m4a, new(mp4Parser)
	}
	return Format{}, nil
}

// foreignMagics begin files that are no audio, or of a kind that is not known, and that may have
// frames of audio somewhere in them, or what looks like some.
var foreignMagics = [][]byte{
	// Pictures and documents.
	[]byte("\xFF\xD8\xFF"), []byte("\x89PNG"), []byte("GIF8"), []byte("%PDF-"), []byte("II*\x00"), []byte("MM\x00*"),
	[]byte("8BPS"), []byte("Xcur"), []byte("\xD0\xCF\x11\xE0"), []byte("SQLite format 3"),
	// Archives and programs.
	[]byte("PK\x03\x04"), []byte("\x1F\x8B"), []byte("7z\xBC\xAF"), []byte("Rar!"), []byte("BZh"), []byte("\xFD7zXZ"),
	[]byte("\x28\xB5\x2F\xFD"), []byte("\x7FELF"), []byte("\xCF\xFA\xED\xFE"), []byte("\xCA\xFE\xBA\xBE"),
	// Films, and containers of audio.
	[]byte("\x1A\x45\xDF\xA3"), []byte("FLV\x01"), []byte("\x00\x00\x01\xBA"), []byte("\x30\x26\xB2\x75"),
	[]byte("RIFX"), []byte("riff\x2E\x91\xCF\x11"), []byte("caff\x00\x01"), []byte(".snd\x00\x00"), []byte("#!AMR"),
	[]byte("MThd"), []byte("wvpk"), []byte("MAC "),
}

// startsForeign reports whether b begins with what is known and no audio.
func startsForeign(b []byte) bool {
	if len(b) >= 8 && (string(b[4:8]) == "ftyp" || string(b[:4]) == "RIFF") {
		return true // containerAt has not taken it
	}
	return slices.ContainsFunc(foreignMagics, func(magic []byte) bool { return bytes.HasPrefix(b, magic) })
}
