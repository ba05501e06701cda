package tune

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// Clip is an MP3 that consists of frames only, and so can be played in a loop.
type Clip struct {
	data []byte
	// starts are the offsets of the frames.
	starts     []int
	sampleRate int64
}

// Recording is a clip, played once or as often as it takes. It reads from any place without ever
// being in memory as a whole.
type Recording struct {
	io.ReaderAt
	// Size is in bytes, exactly what was asked for.
	Size int64
	// Duration is what the frames add up to.
	Duration time.Duration
}

// MinSize is the smallest recording in bytes that [Clip.Resize] can make.
const MinSize = 1024

// Once is the clip as it is.
func (c *Clip) Once() Recording {
	return c.Resize(int64(len(c.data)))
}

// Resize cuts or repeats the clip to a recording of exactly size bytes, at least MinSize. Its
// frames are whole; the few bytes that are left over become an ID3v2 tag in front.
func (c *Clip) Resize(size int64) Recording {
	loops, rest := size/int64(len(c.data)), int(size%int64(len(c.data)))
	frames := 0
	for frames+1 < len(c.starts) && c.starts[frames+1] <= rest {
		frames++
	}
	// A tag has a header of its own, for which the leftover may be too small.
	tag := rest - c.starts[frames]
	if tag > 0 && tag < id3HeaderSize {
		if frames == 0 {
			loops, frames = loops-1, len(c.starts)
		}
		frames--
		tag = int(size - loops*int64(len(c.data)) - int64(c.starts[frames]))
	}
	samples := (loops*int64(len(c.starts)) + int64(frames)) * samplesPerFrame
	return Recording{
		ReaderAt: &loop{tag: id3Tag(tag), frames: c.data, size: size},
		Size:     size,
		// Whole seconds and the rest apart: in nanoseconds the product would overflow for a
		// recording of some gigabytes.
		Duration: time.Duration(samples/c.sampleRate)*time.Second +
			time.Duration(samples%c.sampleRate)*time.Second/time.Duration(c.sampleRate),
	}
}

// frameHeaderSize is how much of a frame says what it is; the rest is sound.
const frameHeaderSize = 4

// Silenced is a clip of the same frames with nothing in them.
func (c *Clip) Silenced() *Clip {
	silent := make([]byte, len(c.data))
	for _, start := range c.starts {
		copy(silent[start:start+frameHeaderSize], c.data[start:])
	}
	return &Clip{data: silent, starts: c.starts, sampleRate: c.sampleRate}
}

// loop reads a tag and then the same frames over and over, size bytes in all.
type loop struct {
	tag, frames []byte
	size        int64
}

func (l *loop) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	n := 0
	for n < len(p) && off < l.size {
		from := l.tag
		if at := off - int64(len(l.tag)); at >= 0 {
			from = l.frames[at%int64(len(l.frames)):]
		} else {
			from = from[off:]
		}
		from = from[:min(int64(len(from)), l.size-off)]
		copied := copy(p[n:], from)
		n += copied
		off += int64(copied)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

const id3HeaderSize = 10

// id3Tag is an ID3v2.3 tag of size bytes that holds only padding; none if size is 0.
func id3Tag(size int) []byte {
	if size == 0 {
		return nil
	}
	tag := make([]byte, size)
	body := size - id3HeaderSize
	copy(
		tag,
		[]byte{
			'I',
			'D',
			'3',
			3,
			0,
			0,
			byte(body >> 21 & 0x7f),
			byte(body >> 14 & 0x7f),
			byte(body >> 7 & 0x7f),
			byte(body & 0x7f),
		},
	)
	return tag
}

// Of MPEG-1 Layer III, by the indices in the frame header: bit rates in kbit/s and sampling rates
// in Hz.
var (
	bitRates    = [16]int{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0}
	sampleRates = [4]int{44100, 48000, 32000, 0}
)

const samplesPerFrame = 1152

// newClip finds the frames of an MPEG-1 Layer III stream that consists of nothing else.
func newClip(data []byte) (*Clip, error) {
	clip := &Clip{data: data}
	for at := 0; at < len(data); {
		if len(data)-at < frameHeaderSize || data[at] != 0xff || data[at+1]&0xfe != 0xfa {
			return nil, fmt.Errorf("no MPEG-1 Layer III frame at byte %d", at)
		}
		bitRate, sampleRate, padding := bitRates[data[at+2]>>4], sampleRates[data[at+2]>>2&3], int(data[at+2]>>1&1)
		if bitRate == 0 || sampleRate == 0 {
			return nil, fmt.Errorf("frame at byte %d has no bit rate or no sampling rate", at)
		}
		clip.starts = append(clip.starts, at)
		clip.sampleRate = int64(sampleRate)
		at += samplesPerFrame/8*bitRate*1000/sampleRate + padding
		if at > len(data) {
			return nil, errors.New("the last frame is cut off")
		}
	}
	if len(clip.starts) == 0 {
		return nil, errors.New("no frames")
	}
	return clip, nil
}
