package audio

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Tags are what a file says of the song in it, as far as it does.
type Tags struct {
	Title, Artist string
	// Tempo is in quarters a minute: that of ID3v2, FLAC and Ogg.
	Tempo float64
}

const (
	// maxTagText is how many bytes of a text are read, and maxTagRunes how many characters of it
	// are kept.
	maxTagText  = 4 << 10
	maxTagRunes = 200
	// maxComments bounds a block of Vorbis comments, which may have a picture in it, and maxParts
	// how many frames, boxes, chunks or comments are looked at.
	maxComments = 1 << 20
	maxParts    = 10_000
)

// ReadTags reads the tags of a stream from its beginning: ID3v2, those of FLAC, Ogg and MP4, and
// chunks of WAV and AIFF. It reads no further than it must, and its memory is bounded whatever the
// stream contains. What cannot be read is left out.
func ReadTags(r io.Reader) Tags {
	s := &tagStream{r: r}
	s.read()
	return Tags{Title: tidy(s.tags.Title), Artist: tidy(s.tags.Artist), Tempo: tempo(s.tempo)}
}

// Tempos that music may have. Other numbers are no tempo, like the 0 of programs that know none.
const minTempo, maxTempo = 20, 400

// tempo is the number in a text, 0 where it is no tempo.
func tempo(text string) float64 {
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(n >= minTempo && n <= maxTempo) {
		return 0
	}
	return math.Round(n*1000) / 1000
}

// tagStream is a stream that is passed over piece by piece. After its end every piece is empty.
type tagStream struct {
	r    io.Reader
	over bool
	tags Tags
	// tempo is as the stream says it.
	tempo string
}

// next reads n bytes, nil if there are not as many.
func (s *tagStream) next(n int64) []byte {
	if s.over || n < 0 || n > maxComments {
		s.over = true
		return nil
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(s.r, b); err != nil {
		s.over = true
		return nil
	}
	return b
}

func (s *tagStream) skip(n int64) {
	if s.over || n <= 0 {
		s.over = s.over || n < 0
		return
	}
	if _, err := io.CopyN(io.Discard, s.r, n); err != nil {
		s.over = true
	}
}

// head reads the beginning of a piece of n bytes, and passes over the rest.
func (s *tagStream) head(n, most int64) []byte {
	b := s.next(min(n, most))
	s.skip(n - min(n, most))
	return b
}

// set takes a text, unless there is one or it is empty.
func (s *tagStream) set(to *string, text string) {
	if *to == "" {
		*to = text
	}
}

func (s *tagStream) done() bool { return s.over || s.tags.Title != "" && s.tags.Artist != "" }

func (s *tagStream) read() {
	for range maxParts {
		b := s.next(id3v2HeaderSize)
		if b == nil {
			return
		}
		switch size, isID3 := id3v2Size(b); {
		case isID3:
			s.id3(b, size-id3v2HeaderSize)
			if s.done() {
				return
			}
			continue // what follows may have tags of its own
		case bytes.HasPrefix(b, []byte("fLaC")):
			s.r = io.MultiReader(bytes.NewReader(b[4:]), s.r)
			s.flac()
		case bytes.HasPrefix(b, []byte("OggS")):
			s.r = io.MultiReader(bytes.NewReader(b), s.r)
			s.ogg()
		case slices.Contains([]string{"RIFF", "RF64", "BW64", "FORM"}, string(b[:4])):
			s.skip(2)
			s.chunks(b[0] == 'F')
		case string(b[4:8]) == "ftyp":
			s.r = io.MultiReader(bytes.NewReader(b), s.r)
			s.boxes(toEnd, "")
		}
		return
	}
}

// id3 reads the frames of an ID3v2 tag of so many bytes behind its header.
func (s *tagStream) id3(header []byte, size int64) {
	content := io.LimitReader(s.r, size)
	inside := &tagStream{r: content, tags: s.tags, tempo: s.tempo}
	if header[3] < 4 && header[5]&unsynchronized != 0 {
		inside.r = &synchronizer{r: content} // the sizes of its frames are without the zeros
	}
	inside.frames(header[3], header[5])
	s.tags, s.tempo = inside.tags, inside.tempo
	_, _ = io.Copy(io.Discard, content) // its end is that of the stream, which is found next
}

// unsynchronized is the flag of tags in which a zero follows upon each byte of ones that looked
// like the start of a frame of MP3.
const unsynchronized = 0x80

// synchronizer leaves out those zeros.
type synchronizer struct {
	r io.Reader
	// ones says that the last byte was such a one.
	ones bool
}

func (s *synchronizer) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	kept := p[:0]
	for _, c := range p[:n] {
		if s.ones && c == 0 {
			s.ones = false
			continue
		}
		kept, s.ones = append(kept, c), c == 0xFF
	}
	return len(kept), err
}

func (s *tagStream) frames(version, flags byte) {
	if version >= 3 && flags&0x40 != 0 {
		b := s.next(4)
		if b == nil {
			return
		}
		if extended := int64(binary.BigEndian.Uint32(b)); version == 3 {
			s.skip(extended)
		} else {
			s.skip(syncSafe(b) - 4)
		}
	}
	for range maxParts {
		if s.over || s.done() && s.tempo != "" {
			return
		}
		id, size, frameFlags := s.frame(version)
		if size < 0 {
			return
		}
		var to *string
		switch id {
		case "TIT2", "TT2":
			to = &s.tags.Title
		case "TPE1", "TP1":
			to = &s.tags.Artist
		case "TBPM", "TBP":
			to = &s.tempo
		default:
			s.skip(size)
			continue
		}
		b := s.head(size, maxTagText)
		if version == 4 && frameFlags&0x0C != 0 {
			continue // compressed or encrypted
		}
		if version == 4 && frameFlags&0x01 != 0 && len(b) >= 4 {
			b = b[4:] // the length of its data
		}
		if version == 4 && (flags&unsynchronized != 0 || frameFlags&0x02 != 0) {
			b = bytes.ReplaceAll(b, []byte{0xFF, 0}, []byte{0xFF})
		}
		s.set(to, id3Text(b))
	}
}

// frame reads the header of a frame; the size is negative where there is none.
func (s *tagStream) frame(version byte) (id string, size int64, flags byte) {
	if version == 2 {
		b := s.next(6)
		if b == nil || b[0] == 0 {
			return "", -1, 0
		}
		return string(b[:3]), int64(b[3])<<16 | int64(b[4])<<8 | int64(b[5]), 0
	}
	b := s.next(10)
	if b == nil || b[0] == 0 {
		return "", -1, 0
	}
	size = int64(binary.BigEndian.Uint32(b[4:]))
	if version == 4 && (b[4]|b[5]|b[6]|b[7])&0x80 == 0 { // some write it as in version 3
		size = syncSafe(b[4:])
	}
	return string(b[:4]), size, b[9]
}

func syncSafe(b []byte) int64 {
	return int64(b[0])<<21 | int64(b[1])<<14 | int64(b[2])<<7 | int64(b[3])
}

// id3Text reads a text frame: a byte for the encoding, and then the text. Of several the first.
func id3Text(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	encoding, b := b[0], b[1:]
	switch encoding {
	case 0:
		return latin1(b)
	case 1, 2:
		return utf16Text(b)
	case 3:
		first, _, _ := bytes.Cut(b, []byte{0})
		return string(first)
	}
	return ""
}

// latin1 is Latin-1, or the UTF-8 that many have written in its place.
func latin1(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	if utf8.Valid(b) {
		return string(b)
	}
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}

// utf16Text is UTF-16 by its byte order mark, and without one with the high byte first.
func utf16Text(b []byte) string {
	var order binary.ByteOrder = binary.BigEndian
	if len(b) >= 2 && b[0] == 0xFF && b[1] == 0xFE {
		order = binary.LittleEndian
	}
	var units []uint16
	for ; len(b) >= 2; b = b[2:] {
		unit := order.Uint16(b)
		if unit == 0 {
			break
		}
		if unit != 0xFEFF {
			units = append(units, unit)
		}
	}
	return string(utf16.Decode(units))
}

// flac reads metadata blocks behind the magic.
func (s *tagStream) flac() {
	for range maxParts {
		b := s.next(4)
		if b == nil {
			return
		}
		size := int64(b[1])<<16 | int64(b[2])<<8 | int64(b[3])
		if b[0]&flacTypeMask == flacComments {
			s.comments(s.head(size, maxComments))
			return
		}
		s.skip(size)
		if b[0]&^flacTypeMask != 0 { // the last
			return
		}
	}
}

const flacComments = 4

// ogg reads the second packet of the first stream, which has the comments.
func (s *tagStream) ogg() {
	var packet []byte
	packets := 0
	for range maxParts {
		b := s.next(27)
		if b == nil || string(b[:4]) != "OggS" {
			return
		}
		lacing := s.next(int64(b[26]))
		for _, length := range lacing {
			piece := s.next(int64(length))
			if packets == 1 && len(packet) < maxComments {
				packet = append(packet, piece...)
			}
			if length == 255 || s.over {
				continue
			}
			if packets++; packets == 2 {
				s.oggComments(packet)
				return
			}
		}
		if s.over {
			return
		}
	}
}

func (s *tagStream) oggComments(packet []byte) {
	for _, magic := range []string{"\x03vorbis", "OpusTags"} {
		if rest, ok := bytes.CutPrefix(packet, []byte(magic)); ok {
			s.comments(rest)
			return
		}
	}
	if len(packet) > 4 && packet[0]&flacTypeMask == flacComments {
		s.comments(packet[4:])
	}
}

// comments reads a block of Vorbis comments: the writer's name, and then "NAME=text" each.
func (s *tagStream) comments(b []byte) {
	piece := func() (text []byte, ok bool) {
		if len(b) < 4 {
			return nil, false
		}
		size := int64(binary.LittleEndian.Uint32(b))
		if size > int64(len(b)-4) {
			return nil, false
		}
		text, b = b[4:4+size], b[4+size:]
		return text, true
	}
	if _, ok := piece(); !ok || len(b) < 4 {
		return
	}
	b = b[4:] // how many there are
	for range maxParts {
		text, ok := piece()
		if !ok {
			return
		}
		name, value, _ := bytes.Cut(text[:min(len(text), maxTagText)], []byte("="))
		switch strings.ToUpper(string(name)) {
		case "TITLE":
			s.set(&s.tags.Title, string(value))
		case "ARTIST":
			s.set(&s.tags.Artist, string(value))
		case "BPM", "TEMPO":
			s.set(&s.tempo, string(value))
		}
	}
}

// chunks reads those of WAV, or with isAIFF those of AIFF.
func (s *tagStream) chunks(isAIFF bool) {
	for range maxParts {
		b := s.next(8)
		if b == nil || s.done() {
			return
		}
		size := int64(binary.LittleEndian.Uint32(b[4:]))
		if isAIFF {
			size = int64(binary.BigEndian.Uint32(b[4:]))
		}
		padded := size + size&1
		switch id := string(b[:4]); {
		case isAIFF && id == "NAME":
			s.set(&s.tags.Title, latin1(s.head(padded, maxTagText)))
		case isAIFF && id == "AUTH":
			s.set(&s.tags.Artist, latin1(s.head(padded, maxTagText)))
		case strings.EqualFold(id, "id3 ") && size > id3v2HeaderSize:
			header := s.next(id3v2HeaderSize)
			if _, ok := id3v2Size(header); ok {
				s.id3(header, padded-id3v2HeaderSize)
			} else {
				s.skip(padded - id3v2HeaderSize)
			}
		case !isAIFF && id == "LIST":
			s.info(s.head(padded, maxComments))
		default:
			s.skip(padded)
		}
	}
}

// info reads a list of a WAV file.
func (s *tagStream) info(b []byte) {
	b, isInfo := bytes.CutPrefix(b, []byte("INFO"))
	if !isInfo {
		return
	}
	for len(b) >= 8 {
		id, size := string(b[:4]), int64(binary.LittleEndian.Uint32(b[4:]))
		b = b[8:]
		size = min(size, int64(len(b)))
		switch id {
		case "INAM":
			s.set(&s.tags.Title, latin1(b[:min(size, maxTagText)]))
		case "IART":
			s.set(&s.tags.Artist, latin1(b[:min(size, maxTagText)]))
		}
		b = b[min(size+size&1, int64(len(b))):]
	}
}

// boxes reads so many bytes of boxes of an MP4 within one of a type. It goes into those that lead
// to the texts.
func (s *tagStream) boxes(room int64, within string) {
	for room >= 8 && !s.done() {
		b := s.next(8)
		if b == nil {
			return
		}
		size, kind := int64(binary.BigEndian.Uint32(b)), string(b[4:8])
		room -= 8
		switch size {
		case 1:
			long := s.next(8)
			if long == nil {
				return
			}
			room -= 8
			size = int64(binary.BigEndian.Uint64(long)&(1<<62-1)) - 16
		case 0: // to the end
			size = room
		default:
			size -= 8
		}
		if size < 0 || size > room {
			s.over = true
			return
		}
		room -= size
		switch path := within + "/" + kind; path {
		case "/moov", "/moov/udta", "/moov/udta/meta/ilst",
			"/moov/udta/meta/ilst/\xA9nam", "/moov/udta/meta/ilst/\xA9ART":
			s.boxes(size, path)
		case "/moov/udta/meta":
			s.skip(min(size, 4)) // version and flags
			s.boxes(size-min(size, 4), path)
		case "/moov/udta/meta/ilst/\xA9nam/data":
			s.set(&s.tags.Title, dataText(s.head(size, maxTagText)))
		case "/moov/udta/meta/ilst/\xA9ART/data":
			s.set(&s.tags.Artist, dataText(s.head(size, maxTagText)))
		default:
			s.skip(size)
		}
	}
	if !s.done() {
		s.skip(max(room, 0))
	}
}

// dataText is the text behind type and language.
func dataText(b []byte) string {
	if len(b) < 8 {
		return ""
	}
	return string(b[8:])
}

// tidy makes a text of one line that can be shown, cut where it is too long.
func tidy(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError || unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, " "))
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > maxTagRunes {
		text = strings.TrimSpace(string(runes[:maxTagRunes]))
	}
	return text
}

// Tagger reads the tags of the stream that is written to it, while it comes.
type Tagger struct {
	stream *io.PipeWriter
	found  chan Tags
}

// NewTagger returns one, which needs a call of End.
func NewTagger() *Tagger {
	r, w := io.Pipe()
	t := &Tagger{stream: w, found: make(chan Tags, 1)}
	go func() {
		tags := ReadTags(r)
		_ = r.Close() // the rest is of no interest
		t.found <- tags
	}()
	return t
}

// Write takes the next bytes. It never fails.
func (t *Tagger) Write(p []byte) (int, error) {
	_, _ = t.stream.Write(p) // it takes no more once all is known
	return len(p), nil
}

// End says that the stream is over and returns what was found.
func (t *Tagger) End() Tags {
	_ = t.stream.Close() // it cannot fail
	return <-t.found
}
