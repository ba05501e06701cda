package audio

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"
)

// sample is a generated file and what is true of it.
type sample struct {
	name    string
	content []byte
	format  Format
	// ends are the offsets at which the units of the audio end, frames or samples; each plays unit.
	ends []int
	unit time.Duration
	// exact is how much the measured duration of the whole file may be off.
	exact time.Duration
	// wholeOnly says that only the whole file is measured.
	wholeOnly bool
	// begins says that it is known where a file begins with it only: Layer I.
	begins bool
}

// playsUpTo is how long the units play that are whole in the first n bytes.
func (s sample) playsUpTo(n int) time.Duration {
	whole, _ := slices.BinarySearch(s.ends, n+1)
	return time.Duration(whole) * s.unit
}

func (s sample) plays() time.Duration { return s.playsUpTo(len(s.content)) }

// behind puts bytes in front of a file, if it is known there.
func (s sample) behind(prefix []byte) sample {
	if s.begins {
		return s
	}
	ends := make([]int, len(s.ends))
	for i, end := range s.ends {
		ends[i] = end + len(prefix)
	}
	s.ends, s.content = ends, append(slices.Clone(prefix), s.content...)
	return s
}

func noise(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// genMPEG is MPEG audio of any version, layer and rate, with a constant bit rate, a variable one or
// free format.
func genMPEG(r *rand.Rand) sample {
	versions := []byte{0, 2, 3}
	version, layer := versions[r.IntN(3)], byte(1+r.IntN(3))
	rateIndex, protection, mode := byte(r.IntN(3)), byte(r.IntN(2)), byte(r.IntN(4))
	kind := []string{"CBR", "VBR", "free"}[r.IntN(3)]
	index := byte(1 + r.IntN(14))
	freeSize := 100 + r.IntN(2000)
	header := func(index, padding byte) []byte {
		second, third := 0xE0|version<<3|layer<<1|protection, index<<4|rateIndex<<2|padding<<1
		return []byte{0xFF, second, third, mode << 6, 0, 0, 0}
	}
	s := sample{name: "MPEG " + kind, format: mp3, begins: layer == 3}
	for range 3 + r.IntN(60) {
		padding := byte(r.IntN(2))
		switch kind {
		case "VBR":
			index = byte(1 + r.IntN(14))
		case "free":
			index = 0
		}
		head := header(index, padding)
		frame, ok := parseFrameHeader(head)
		if !ok {
			panic("an invalid header was made")
		}
		size := frame.size
		if kind == "free" {
			// The slots of Layer I are four bytes.
			size = freeSize/4*4 + frame.padding
		}
		s.content = append(append(s.content, head[:4]...), payload(r, size-4)...)
		s.ends = append(s.ends, len(s.content))
		s.unit = playingTime(frame.ticks, ticksPerSecond)
	}
	s.exact = s.unit
	return s
}

// payload is noise that does not look like a frame: that of real streams does so seldom enough.
func payload(r *rand.Rand, n int) []byte {
	b := noise(r, n)
	for i := range b {
		b[i] &= 0x7F
	}
	return b
}

func genADTS(r *rand.Rand) sample {
	rate, channels := byte(r.IntN(13)), byte(r.IntN(8))
	s := sample{name: "ADTS", format: aac, unit: playingTime(1024, int64(adtsSampleRates[rate]))}
	for range 3 + r.IntN(60) {
		size := 8 + r.IntN(2000)
		head := []byte{
			0xFF, 0xF1, 1<<6 | rate<<2 | channels>>2, channels<<6 | byte(size>>11),
			byte(size >> 3), byte(size<<5) | 0x1F, 0xFC,
		}
		s.content = append(append(s.content, head...), payload(r, size-len(head))...)
		s.ends = append(s.ends, len(s.content))
	}
	s.exact = s.unit
	return s
}

func genFLAC(r *rand.Rand) sample {
	const rate, block = 44100, 4096
	count := 1 + r.IntN(20)
	info := make([]byte, streamInfoSize)
	binary.BigEndian.PutUint16(info, block)
	binary.BigEndian.PutUint16(info[2:], block)
	samples := uint64(count * block)
	if r.IntN(3) == 0 {
		samples = 0 // it was written to a pipe
	}
	binary.BigEndian.PutUint64(info[10:], rate<<44|1<<41|15<<36|samples)
	s := sample{name: "FLAC", format: flac, unit: playingTime(block, rate)}
	s.content = append([]byte("fLaC\x00\x00\x00\x22"), info...)
	comment := noise(r, r.IntN(5000))
	s.content = append(s.content, 0x84, 0, byte(len(comment)>>8), byte(len(comment)))
	s.content = append(s.content, comment...)
	for n := range count {
		frame := append([]byte{0xFF, 0xF8, 0xC9, 0x18}, string(rune(n))...)
		frame = append(frame, crc8(frame))
		frame = append(frame, noise(r, 50+r.IntN(4000))...)
		frame = binary.BigEndian.AppendUint16(frame, crc16(0, frame))
		s.content = append(s.content, frame...)
		s.ends = append(s.ends, len(s.content))
	}
	s.exact = s.unit
	return s
}

func genWAV(r *rand.Rand) sample {
	magic := []string{"RIFF", "RF64", "BW64"}[r.IntN(3)]
	channels, bits := 1+r.IntN(2), 8*(1+r.IntN(4))
	rate, blockSize := 8000+r.IntN(40000), channels*bits/8
	count := 1 + r.IntN(5000)
	dataSize := uint32(count * blockSize)
	s := sample{name: "WAV " + magic, format: wav, unit: time.Second / time.Duration(rate)}
	chunk := func(id string, size uint32, content []byte) {
		s.content = binary.LittleEndian.AppendUint32(append(s.content, id...), size)
		s.content = append(s.content, content...)
	}
	var format []byte
	code := []uint16{1, 0xFFFE}[r.IntN(2)]
	format = binary.LittleEndian.AppendUint16(format, code)
	format = binary.LittleEndian.AppendUint16(format, uint16(channels))
	format = binary.LittleEndian.AppendUint32(format, uint32(rate))
	format = binary.LittleEndian.AppendUint32(format, uint32(rate*blockSize))
	format = binary.LittleEndian.AppendUint16(format, uint16(blockSize))
	format = binary.LittleEndian.AppendUint16(format, uint16(bits))
	if code != 1 {
		format = append(format, make([]byte, 24)...)
	}
	s.content = append([]byte(magic), "\xFF\xFF\xFF\xFFWAVE"...)
	if magic != "RIFF" {
		ds64 := binary.LittleEndian.AppendUint64(nil, 1<<20)
		ds64 = binary.LittleEndian.AppendUint64(ds64, uint64(dataSize))
		chunk("ds64", 28, append(ds64, make([]byte, 12)...))
		dataSize = unknownSize
	}
	odd := func() {
		for range r.IntN(3) {
			content := noise(r, 1+r.IntN(300))
			chunk([]string{"LIST", "note", "bext", "xyz1"}[r.IntN(4)], uint32(len(content)), content)
			if len(content)&1 != 0 && r.IntN(2) == 0 {
				s.content = append(s.content, 0)
			}
		}
	}
	odd()
	chunk("fmt ", uint32(len(format)), format)
	odd()
	chunk("data", dataSize, nil)
	for range count {
		s.content = append(s.content, noise(r, blockSize)...)
		s.ends = append(s.ends, len(s.content))
	}
	chunk("id3 ", 3, []byte("abc"))
	s.exact = 50 * time.Microsecond
	return s
}

func genAIFF(r *rand.Rand) sample {
	channels, bits := 1+r.IntN(2), 8*(1+r.IntN(4))
	blockSize, count := channels*bits/8, 1+r.IntN(5000)
	const rate = 44100
	s := sample{name: "AIFF", format: aiff, unit: time.Second / rate, exact: 50 * time.Microsecond}
	chunk := func(id string, size uint32, content []byte) {
		s.content = binary.BigEndian.AppendUint32(append(s.content, id...), size)
		s.content = append(s.content, content...)
	}
	common := binary.BigEndian.AppendUint16(nil, uint16(channels))
	common = binary.BigEndian.AppendUint32(common, uint32(count))
	common = binary.BigEndian.AppendUint16(common, uint16(bits))
	common = append(common, 0x40, 0x0E, 0xAC, 0x44, 0, 0, 0, 0, 0, 0)
	s.content = []byte("FORM\x00\x00\x00\x00AIFF")
	chunk("NAME", 3, []byte("abc\x00"))
	first := r.IntN(2) == 0
	if first {
		chunk("COMM", uint32(len(common)), common)
	}
	chunk("SSND", uint32(8+count*blockSize), make([]byte, 8))
	for range count {
		s.content = append(s.content, noise(r, blockSize)...)
		s.ends = append(s.ends, len(s.content))
	}
	if len(s.content)&1 != 0 {
		s.content = append(s.content, 0)
	}
	if s.wholeOnly = !first; !first {
		chunk("COMM", uint32(len(common)), common)
	}
	return s
}

// genOgg is Opus with packets of 20 ms, or FLAC with blocks of 1,024.
func genOgg(r *rand.Rand) sample {
	opus := r.IntN(2) == 0
	const packet = 960
	s := sample{name: "Ogg", format: ogg, unit: playingTime(packet, 48000)}
	var number uint32
	page := func(flags byte, granule int64, packets ...[]byte) {
		var lacing, body []byte
		for _, p := range packets {
			for n := len(p); ; n -= 255 {
				lacing = append(lacing, byte(min(n, 255)))
				if n < 255 {
					break
				}
			}
			body = append(body, p...)
		}
		head := append([]byte("OggS\x00"), flags)
		head = binary.LittleEndian.AppendUint64(head, uint64(granule))
		head = binary.LittleEndian.AppendUint32(head, 7)
		head = binary.LittleEndian.AppendUint32(head, number)
		number++
		head = append(head, 0, 0, 0, 0, byte(len(lacing)))
		s.content = append(append(append(s.content, head...), lacing...), body...)
	}
	granule := int64(0)
	if opus {
		granule = 312
		page(2, 0, append([]byte("OpusHead\x01\x02"), 0x38, 1, 0x80, 0xBB, 0, 0, 0, 0, 0))
		page(0, 0, append([]byte("OpusTags"), noise(r, 300)...))
	} else {
		info := make([]byte, streamInfoSize)
		binary.BigEndian.PutUint16(info[2:], packet)
		binary.BigEndian.PutUint64(info[10:], 48000<<44|1<<41|15<<36)
		page(2, 0, append([]byte("\x7FFLAC\x01\x00\x00\x01fLaC\x00\x00\x00\x22"), info...))
		page(0, 0, noise(r, 100))
	}
	pages := 1 + r.IntN(20)
	for n := range pages {
		var packets [][]byte
		for range 1 + r.IntN(10) {
			packets = append(packets, noise(r, 10+r.IntN(600)))
			granule += packet
		}
		flags := byte(0)
		if n == pages-1 {
			flags = 4
		}
		page(flags, granule, packets...)
		for range packets {
			s.ends = append(s.ends, len(s.content))
		}
	}
	s.exact = s.unit
	return s
}

// genMP4 has its index in front of the samples or behind them.
func genMP4(r *rand.Rand) sample {
	const frame, rate = 1024, 44100
	s := sample{name: "MP4", format: m4a, unit: playingTime(frame, rate), wholeOnly: true}
	s.exact = s.unit
	box := func(kind string, contents ...[]byte) []byte {
		content := slices.Concat(contents...)
		b := binary.BigEndian.AppendUint32(nil, uint32(len(content)+boxHeaderSize))
		return append(append(b, kind...), content...)
	}
	words := func(values ...int) (b []byte) {
		for _, v := range values {
			b = binary.BigEndian.AppendUint32(b, uint32(v))
		}
		return b
	}
	count := 1 + r.IntN(5000)
	sizes := words(0, 0, count)
	var media []byte
	for range count {
		size := 1 + r.IntN(20)
		sizes = append(sizes, words(size)...)
		media = append(media, noise(r, size)...)
	}
	track := box("trak", box("tkhd", make([]byte, 84)), box("mdia",
		box("mdhd", words(0, 0, 0, rate, 1<<30, 0)),
		box("hdlr", words(0, 0), []byte("soun"), make([]byte, 13)),
		box("minf", box("stbl", box("stts", words(0, 2, count-1, frame, 1, frame)), box("stsz", sizes))),
	))
	index := box("moov", box("mvhd", make([]byte, 100)), track)
	s.content = box("ftyp", []byte("M4A \x00\x00\x02\x00"))
	if r.IntN(2) == 0 {
		s.content = slices.Concat(s.content, index, box("free", make([]byte, 10)), box("mdat", media))
	} else {
		s.content = slices.Concat(s.content, box("mdat", media), index)
	}
	for range count {
		s.ends = append(s.ends, len(s.content))
	}
	return s
}

var generators = []func(*rand.Rand) sample{
	genMPEG, genMPEG, genMPEG, genADTS, genFLAC, genWAV, genAIFF, genOgg, genMP4,
}

// genPrefix is anything that may stand before audio.
func genPrefix(r *rand.Rand) []byte {
	var b []byte
	for range r.IntN(4) {
		switch r.IntN(5) {
		case 0:
			b = append(b, make([]byte, r.IntN(20_000))...)
		case 1:
			b = append(b, id3(noise(r, r.IntN(200_000)))...)
		case 2:
			b = append(b, id3WithFooter(noise(r, r.IntN(5_000)))...)
		case 3:
			b = append(b, ape(noise(r, r.IntN(5_000)))...)
		case 4:
			b = append(b, payload(r, r.IntN(5_000))...)
		}
	}
	return b
}
