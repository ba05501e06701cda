package audio

import (
	"encoding/binary"
	"math"
)

// layer3 estimates how loud frames of Layer III are, from the power of their spectra. Reading those
// is the cheap part of decoding, which is mostly filters.
type layer3 struct {
	// main holds the end of the main data of the frames before, and then those of the frame itself.
	main     [maxReservoir + maxFrameSize + bitPadding]byte
	reserved int
	granules [2][2]granule
	found    [2]float64
}

const (
	maxReservoir = 511 // bytes
	bitPadding   = 8   // bytes, which a bitReader may look at behind the last
	headerSize   = 4
	checksumSize = 2
	spectrum     = 576 // values of a granule
	maxFactors   = 39
	maxSideInfo  = 32
)

// fullScale is the level of the spectrum of music whose peaks are at full scale, as measured.
const fullScale = -1

// granule is what the side information says of a granule of a channel.
type granule struct {
	bits, pairs, gain, compress int
	short, mixed                bool
	tables                      [3]int
	ends                        [3]int // of the regions that the tables are for
	subblockGain                [3]int
	preflag                     bool
	// factorShift and factors are the scale factors of the bands.
	factorShift int
	factors     [maxFactors]uint8
}

// bandTable says where the bands of long and short blocks end.
type bandTable struct {
	long  [22]int
	short [13]int
}

// bandTables are by the version and rate bits of the header.
var bandTables = newBandTables()

func newBandTables() (tables [4][3]bandTable) {
	long22 := [22]int{6, 12, 18, 24, 30, 36, 44, 54, 66, 80, 96, 116, 140, 168, 200, 238, 284, 336, 396, 464, 522, 576}
	short16 := [13]int{4, 8, 12, 18, 26, 36, 48, 62, 80, 104, 134, 174, 192}
	mpeg25 := bandTable{long22, short16}
	tables[0] = [3]bandTable{mpeg25, mpeg25, {
		[22]int{12, 24, 36, 48, 60, 72, 88, 108, 132, 160, 192, 232, 280, 336, 400, 476, 566, 568, 570, 572, 574, 576},
		[13]int{8, 16, 24, 36, 52, 72, 96, 124, 160, 162, 164, 166, 192},
	}}
	tables[2] = [3]bandTable{
		{long22, [13]int{4, 8, 12, 18, 24, 32, 42, 56, 74, 100, 132, 174, 192}},
		{
			[22]int{6, 12, 18, 24, 30, 36, 44, 54, 66, 80, 96, 114, 136, 162, 194, 232, 278, 332, 394, 464, 540, 576},
			[13]int{4, 8, 12, 18, 26, 36, 48, 62, 80, 104, 136, 180, 192},
		},
		{long22, short16},
	}
	tables[3] = [3]bandTable{
		{
			[22]int{4, 8, 12, 16, 20, 24, 30, 36, 44, 52, 62, 74, 90, 110, 134, 162, 196, 238, 288, 342, 418, 576},
			[13]int{4, 8, 12, 16, 22, 30, 40, 52, 66, 84, 106, 136, 192},
		},
		{
			[22]int{4, 8, 12, 16, 20, 24, 30, 36, 42, 50, 60, 72, 88, 106, 128, 156, 190, 230, 276, 330, 384, 576},
			[13]int{4, 8, 12, 16, 22, 28, 38, 50, 64, 80, 100, 126, 192},
		},
		{
			[22]int{4, 8, 12, 16, 20, 24, 30, 36, 44, 54, 66, 82, 102, 126, 156, 194, 240, 296, 364, 448, 550, 576},
			[13]int{4, 8, 12, 16, 22, 30, 42, 58, 78, 104, 138, 180, 192},
		},
	}
	return tables
}

// levels are the peaks of the granules of a frame, in decibels below full scale. One is minus
// infinity where it is silent, is not the loudest, or builds upon data that are not there.
func (l *layer3) levels(frame []byte) []float64 {
	low, mono := frame[1]>>3&3 != 3, frame[3]>>6 == 3
	middleSide, intensity := frame[3]>>6 == 1 && frame[3]&0x20 != 0, frame[3]>>6 == 1 && frame[3]&0x10 != 0
	bands := &bandTables[frame[1]>>3&3][frame[2]>>2&3]
	sideAt, sideSize := headerSize, 32
	switch {
	case low && mono:
		sideSize = 9
	case low || mono:
		sideSize = 17
	}
	if frame[1]&1 == 0 {
		sideAt += checksumSize
	}
	levels := l.found[:2]
	if low {
		levels = l.found[:1]
	}
	for g := range levels {
		levels[g] = math.Inf(-1)
	}
	if len(frame) < sideAt+sideSize {
		l.reserved = 0
		return levels
	}
	var side [maxSideInfo + bitPadding]byte
	copy(side[:], frame[sideAt:sideAt+sideSize])
	channels, back, shared := l.sideInformation(bitReader{b: side[:]}, low, mono, bands)

	// Main data may begin in what the frames before have left.
	have := min(back, l.reserved)
	copy(l.main[:], l.main[l.reserved-have:l.reserved])
	size := have + copy(l.main[have:len(l.main)-bitPadding], frame[sideAt+sideSize:])
	if have == back {
		loudest := l.loudest(len(levels), channels)
		r := bitReader{b: l.main[:size+bitPadding]}
		for g := range levels {
			sum, most := 0.0, 0.0
			for c := range channels {
				granule := &l.granules[g][c]
				end := r.pos + granule.bits
				if end > 8*size {
					break // damaged
				}
				if g == 0 {
					granule.readFactors(&r, low, 0, nil)
				} else {
					granule.readFactors(&r, low, shared[c], &l.granules[0][c])
				}
				if g == loudest && (c == 0 || !low || !intensity) {
					p := granule.power(&r, end, bands)
					sum, most = sum+p, max(most, p)
				}
				r.pos = end
			}
			if middleSide {
				most = sum / 2 // what the two make is as loud as they are together
			}
			levels[g] = 10*math.Log10(most) - fullScale
		}
	}
	l.reserved = min(size, maxReservoir)
	copy(l.main[:], l.main[size-l.reserved:size])
	return levels
}

// loudest guesses which granule of the frame is, by how coarse and how large its values are. The
// granules overlap by half, so the spectrum of one is enough.
func (l *layer3) loudest(granules, channels int) int {
	best, most := 0, math.Inf(-1)
	for g := range granules {
		for c := range channels {
			granule := &l.granules[g][c]
			for _, table := range granule.tables {
				if level := float64(granule.gain) + tableLevel[table]; level > most {
					best, most = g, level
				}
			}
		}
	}
	return best
}

// tableLevel is the largest value that a table has, in quarters of a power of two.
var tableLevel = newTableLevel()

func newTableLevel() (levels [32]float64) {
	for number, most := range [32]float64{0, 1, 2, 2, 0, 3, 3, 5, 5, 5, 7, 7, 7, 15, 0, 15} {
		if linbits[number] > 0 {
			most = 14 + float64(int(1)<<linbits[number])
		}
		levels[number] = 4 * 4 / 3.0 * math.Log2(most) // minus infinity for 0
	}
	return levels
}

// sideInformation reads it into the granules. back is how many bytes before the frame's own the
// main data begin, and shared which scale factors of the second granule are those of the first.
func (l *layer3) sideInformation(
	r bitReader, low, mono bool, bands *bandTable,
) (channels, back int, shared [2]int) {
	channels, granules := 2, 2
	if mono {
		channels = 1
	}
	if low {
		granules = 1
		back = r.read(8)
		r.read(channels) // private
	} else {
		back = r.read(9)
		r.read([]int{0, 5, 3}[channels]) // private
		for c := range channels {
			shared[c] = r.read(4)
		}
	}
	for g := range granules {
		for c := range channels {
			l.granules[g][c].read(&r, low, bands)
		}
	}
	return channels, back, shared
}

func (g *granule) read(r *bitReader, low bool, bands *bandTable) {
	g.bits = r.read(12)
	g.pairs = r.read(9)
	g.gain = r.read(8)
	if low {
		g.compress = r.read(9)
	} else {
		g.compress = r.read(4)
	}
	g.short, g.mixed = false, false
	g.subblockGain = [3]int{}
	g.ends[2] = spectrum
	if r.read(1) == 1 { // other windows than the normal ones
		g.short = r.read(2) == 2
		g.mixed = r.read(1) == 1 && g.short
		g.tables = [3]int{r.read(5), r.read(5), 0}
		for i := range g.subblockGain {
			g.subblockGain[i] = r.read(3)
		}
		g.ends[0], g.ends[1] = bands.long[7], spectrum
		if g.short && !g.mixed {
			g.ends[0] = 3 * bands.short[2]
		}
	} else {
		g.tables = [3]int{r.read(5), r.read(5), r.read(5)}
		first := r.read(4)
		second := first + 1 + r.read(3)
		g.ends[0], g.ends[1] = bands.long[min(first, 21)], bands.long[min(second, 21)]
	}
	g.preflag = !low && r.read(1) == 1
	g.factorShift = 1 + r.read(1)
	r.read(1) // the table of small values
}

// Of how many bits scale factors are, by the field that says so: those of low and of high bands.
var factorBits = [2][16]int{
	{0, 0, 0, 0, 3, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4},
	{0, 1, 2, 3, 0, 1, 2, 3, 1, 2, 3, 1, 2, 3, 2, 3},
}

// lowFactors is how many scale factors there are of each size in MPEG-2, for long, short and mixed
// blocks.
var lowFactors = [3][3][4]int{
	{{6, 5, 5, 5}, {9, 9, 9, 9}, {6, 9, 9, 9}},
	{{6, 5, 7, 3}, {9, 9, 12, 6}, {6, 9, 12, 6}},
	{{11, 10, 0, 0}, {18, 18, 0, 0}, {15, 18, 0, 0}},
}

// readFactors reads the scale factors. Groups of them whose bit is set in shared are those of the
// first granule.
func (g *granule) readFactors(r *bitReader, low bool, shared int, first *granule) {
	if low {
		g.readLowFactors(r)
		return
	}
	lowBits, highBits := factorBits[0][g.compress], factorBits[1][g.compress]
	if g.short {
		lowCount := 18
		if g.mixed {
			lowCount = 17
		}
		g.readGroup(r, 0, lowCount, lowBits)
		g.readGroup(r, lowCount, lowCount+18, highBits)
		clear(g.factors[lowCount+18:])
		return
	}
	for i, group := range [4][3]int{{0, 6, lowBits}, {6, 11, lowBits}, {11, 16, highBits}, {16, 21, highBits}} {
		if shared>>(3-i)&1 == 1 {
			copy(g.factors[group[0]:group[1]], first.factors[group[0]:group[1]])
		} else {
			g.readGroup(r, group[0], group[1], group[2])
		}
	}
	clear(g.factors[21:])
}

func (g *granule) readLowFactors(r *bitReader) {
	kind := 0
	switch {
	case g.mixed:
		kind = 2
	case g.short:
		kind = 1
	}
	var sizes [4]int
	var counts [4]int
	switch c := g.compress; {
	case c < 400:
		sizes, counts = [4]int{c >> 4 / 5, c >> 4 % 5, c >> 2 & 3, c & 3}, lowFactors[0][kind]
	case c < 500:
		c -= 400
		sizes, counts = [4]int{c >> 2 / 5, c >> 2 % 5, c & 3, 0}, lowFactors[1][kind]
	default:
		c -= 500
		sizes, counts = [4]int{c / 3, c % 3, 0, 0}, lowFactors[2][kind]
		g.preflag = true
	}
	at := 0
	for i, count := range counts {
		g.readGroup(r, at, at+count, sizes[i])
		at += count
	}
	clear(g.factors[at:])
}

func (g *granule) readGroup(r *bitReader, from, to, size int) {
	for i := from; i < to; i++ {
		g.factors[i] = uint8(r.read(size))
	}
}

// emphasis is added to the scale factors of high bands where preflag says so.
var emphasis = [22]int{11: 1, 1, 1, 1, 2, 2, 3, 3, 3, 2}

// power is that of the spectrum, which is read up to a position. Of short blocks it is three times
// that of the loudest.
func (g *granule) power(r *bitReader, end int, bands *bandTable) float64 {
	var windows [3]float64
	region, at, last := 0, 0, min(2*g.pairs, spectrum)
	long, low := len(bands.long), 0
	if g.short {
		long = 0
		if g.mixed {
			low = 3
			for long < 8 && bands.long[long] <= 36 {
				long++
			}
		}
	}
	table := &huffmanTables[g.tables[0]]
	read := func(to, gain int) float64 {
		sum := 0.0
		for to = min(to, last); at < to && r.pos < end; at += 2 {
			for at >= g.ends[region] {
				region++
				table = &huffmanTables[g.tables[region]]
			}
			sum += table.pair(r)
		}
		return sum * math.Exp2(float64(gain)/2)
	}
	gain := g.gain - 210
	for i := range long {
		factor := int(g.factors[i])
		if g.preflag {
			factor += emphasis[i]
		}
		windows[0] += read(bands.long[i], gain-factor<<g.factorShift)
	}
	if g.short {
		windows[0] /= 3
		windows[1], windows[2] = windows[0], windows[0]
		for i := low; i < len(bands.short); i++ {
			begin := 0
			if i > 0 {
				begin = bands.short[i-1]
			}
			width := bands.short[i] - begin
			for w := range windows {
				factor := int(g.factors[min(long+3*(i-low)+w, maxFactors-1)])
				windows[w] += read(3*begin+(w+1)*width, gain-8*g.subblockGain[w]-factor<<g.factorShift)
			}
		}
		return 3 * max(windows[0], windows[1], windows[2])
	}
	return windows[0]
}

// huffmanTable reads pairs of values.
type huffmanTable struct {
	// fast is by the next bits: the power of a pair, and how many bits it takes with its signs. It
	// takes 0 bits where the code is longer or the values are.
	fast [1 << fastBits]struct {
		power float32
		bits  uint8
	}
	// codes are all, in the order of codes that are written from the highest bit of 32 on.
	codes   []huffmanCode
	linbits int
}

type huffmanCode struct {
	code   uint32
	length uint8
	x, y   uint8
}

const fastBits = 10

// linbits is how many bits more large values have, by table.
var linbits = [32]int{16: 1, 2, 3, 4, 6, 8, 10, 13, 4, 5, 6, 7, 8, 9, 11, 13}

var huffmanTables = newHuffmanTables()

func newHuffmanTables() *[32]huffmanTable {
	tables := new([32]huffmanTable)
	for number := range tables {
		text := huffmanCodes[number]
		switch {
		case number > 24:
			text = huffmanCodes[24]
		case number > 16 && number < 24:
			text = huffmanCodes[16]
		}
		t := &tables[number]
		t.linbits = linbits[number]
		next := uint32(0)
		for ; text != ""; text = text[3:] {
			c := huffmanCode{code: next, length: text[2] - 'a' + 1, x: hexDigit(text[0]), y: hexDigit(text[1])}
			next += 1 << (32 - c.length)
			t.codes = append(t.codes, c)
			t.makeFast(c)
		}
	}
	return tables
}

func hexDigit(c byte) uint8 {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}

func (t *huffmanTable) makeFast(c huffmanCode) {
	length := c.length + min(c.x, 1) + min(c.y, 1)
	if c.length > fastBits || t.linbits > 0 && (c.x == 15 || c.y == 15) {
		return
	}
	from := c.code >> (32 - fastBits)
	for i := range uint32(1) << (fastBits - c.length) {
		t.fast[from+i].power, t.fast[from+i].bits = float32(powers[c.x]+powers[c.y]), length
	}
}

// powers are those of quantized values.
var powers = newPowers()

func newPowers() (powers [16]float64) {
	for i := range powers {
		powers[i] = math.Pow(float64(i), 8/3.0)
	}
	return powers
}

// pair reads a pair of values, and returns their power.
func (t *huffmanTable) pair(r *bitReader) float64 {
	next := r.peek()
	if f := &t.fast[next>>(32-fastBits)]; f.bits > 0 {
		r.pos += int(f.bits)
		return float64(f.power)
	}
	if len(t.codes) == 0 {
		return 0 // all values are 0, and take no bits
	}
	low, high := 0, len(t.codes)
	for high-low > 1 {
		if middle := (low + high) / 2; t.codes[middle].code <= next {
			low = middle
		} else {
			high = middle
		}
	}
	c := t.codes[low]
	r.pos += int(c.length)
	return t.value(r, c.x) + t.value(r, c.y)
}

// value reads what follows the code of a value, and returns the value's power.
func (t *huffmanTable) value(r *bitReader, value uint8) float64 {
	if value == 0 {
		return 0
	}
	power := powers[value]
	if value == 15 && t.linbits > 0 {
		power = math.Pow(float64(15+r.read(t.linbits)), 8/3.0)
	}
	r.pos++ // the sign
	return power
}

// bitReader reads numbers from bytes, the highest bit first. The last bytes are padding.
type bitReader struct {
	b   []byte
	pos int
}

// peek returns the next 32 bits. What is not there is 0.
func (r *bitReader) peek() uint32 {
	at := r.pos >> 3
	if at+bitPadding > len(r.b) {
		return 0
	}
	return uint32(binary.BigEndian.Uint64(r.b[at:]) << (r.pos & 7) >> 32)
}

// read returns the next n bits, at most 32.
func (r *bitReader) read(n int) int {
	value := int(uint64(r.peek()) >> (32 - n))
	r.pos += n
	return value
}
