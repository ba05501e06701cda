// Package audio tells what a stream of bytes is and how long it plays, without decoding it.
package audio

import (
	"bytes"
	"slices"
)

// SniffLen is how many bytes of a stream's beginning [Sniff] can make use of.
const SniffLen = 4096

// Format is a container or codec of audio.
type Format struct {
	// Ext is the usual file name extension, without a dot.
	Ext string
	// ContentType is the media type.
	ContentType string
}

var (
	mp3  = Format{"mp3", "audio/mpeg"}
	wav  = Format{"wav", "audio/wav"}
	flac = Format{"flac", "audio/flac"}
	ogg  = Format{"ogg", "audio/ogg"}
	m4a  = Format{"m4a", "audio/mp4"}
	aac  = Format{"aac", "audio/aac"}
	aiff = Format{"aiff", "audio/aiff"}
)

// Sniff tells the audio format of a stream by its first bytes, SniffLen of them or all there are,
// and false when they are not audio: an error page, JSON, an image, nothing.
//
// A lone MP3 or AAC frame header could be chance, so the headers after it must agree, as far as
// head reaches. MP3 frames are also found behind some bytes of something else, as in a recording of
// a live stream.
func Sniff(head []byte) (Format, bool) {
	head = head[:min(len(head), SniffLen)]
	if size, ok := id3v2Size(head); ok {
		// Such a tag stands before MP3, and now and then before the others.
		if format, ok := Sniff(head[min(size, int64(len(head))):]); ok {
			return format, true
		}
		return mp3, true
	}
	if format, ok := sniffMagic(head); ok {
		return format, true
	}
	if startsWithADTS(head) {
		return aac, true
	}
	if startsWithMP3(head) || containsMP3(head) {
		return mp3, true
	}
	return Format{}, false
}

// magicSize is how many bytes sniffMagic needs.
const magicSize = 12

// sniffMagic knows the formats that start with a fixed sequence of bytes.
func sniffMagic(head []byte) (Format, bool) {
	if len(head) < magicSize {
		return Format{}, false
	}
	first, third := string(head[:4]), string(head[8:magicSize])
	switch {
	case (first == "RIFF" || first == "RF64") && third == "WAVE":
		return wav, true
	case first == "fLaC":
		return flac, true
	case first == "OggS":
		return ogg, true
	case first == "FORM" && (third == "AIFF" || third == "AIFC"):
		return aiff, true
	case string(head[4:8]) == "ftyp" && isAudioBrand(third):
		return m4a, true
	}
	return Format{}, false
}

// isAudioBrand leaves out the images and the QuickTime films that share the container.
func isAudioBrand(brand string) bool {
	return slices.ContainsFunc([]string{"M4A", "M4B", "mp4", "iso", "dash"}, func(known string) bool {
		return brand[:len(known)] == known
	})
}

func startsWithMP3(head []byte) bool {
	count, cut := followFrames(head)
	return count == confirmingFrames || cut && count > 0
}

func containsMP3(head []byte) bool {
	for {
		sync := bytes.IndexByte(head, 0xFF)
		if sync < 0 {
			return false
		}
		if count, _ := followFrames(head[sync:]); count == confirmingFrames {
			return true
		}
		head = head[sync+1:]
	}
}

// startsWithADTS looks for the frames in which AAC is streamed.
func startsWithADTS(head []byte) bool {
	size, ok := adtsFrameSize(head)
	if !ok {
		return false
	}
	if len(head) < size+adtsHeaderSize {
		return true
	}
	_, ok = adtsFrameSize(head[size:])
	return ok
}

const adtsHeaderSize = 7

func adtsFrameSize(b []byte) (int, bool) {
	const syncMask, sync = 0xF6, 0xF0 // twelve bits set, and layer 0
	const reservedRates = 13
	if len(b) < adtsHeaderSize || b[0] != 0xFF || b[1]&syncMask != sync || b[2]>>2&0xF >= reservedRates {
		return 0, false
	}
	size := int(b[3]&3)<<11 | int(b[4])<<3 | int(b[5])>>5
	return size, size >= adtsHeaderSize
}
