package audio

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func outlineOf(content []byte, size int) Outline {
	m := Meter{Outlines: true}
	for chunk := range slices.Chunk(content, max(size, 1)) {
		_, _ = m.Write(chunk)
	}
	m.End()
	return m.Outline()
}

// inaudible is 60 dB below full scale, which one does not see either.
const inaudible = 255 - 60*OutlineSteps

// smooth makes an outline of what can be heard in three tenths of a second each.
func smooth(values []byte) (levels []float64) {
	for i := range len(values) - 2 {
		sum := 0.0
		for _, value := range values[i : i+3] {
			sum += float64(max(value, inaudible))
		}
		levels = append(levels, sum/3)
	}
	return levels
}

func correlation(a, b []float64) float64 {
	n := float64(len(a))
	var sumA, sumB, sumAB, sumAA, sumBB float64
	for i := range a {
		x, y := a[i], b[i]
		sumA, sumB, sumAB, sumAA, sumBB = sumA+x, sumB+y, sumAB+x*y, sumAA+x*x, sumBB+y*y
	}
	return (n*sumAB - sumA*sumB) / math.Sqrt((n*sumAA-sumA*sumA)*(n*sumBB-sumB*sumB))
}

// The peaks are those that FFmpeg decodes.
func TestOutlineFollowsThePeaks(t *testing.T) {
	for _, name := range []string{"music", "music_lsf_mono", "music_no_header"} {
		t.Run(name, func(t *testing.T) {
			peaks, err := os.ReadFile(filepath.Join("testdata", name+".peaks"))
			require.NoError(t, err)
			content, err := os.ReadFile(filepath.Join("testdata", name+".mp3"))
			require.NoError(t, err)
			outline := outlineOf(content, 1000)
			require.InDelta(t, 10, outline.PerSecond, 1e-9)
			require.InDelta(t, len(peaks), len(outline.Values), 2)
			n := min(len(peaks), len(outline.Values))
			r := correlation(smooth(peaks[:n]), smooth(outline.Values[:n]))
			require.Greater(t, r, 0.93)
			off := 0.0
			for i := range n {
				peak, drawn := float64(max(peaks[i], inaudible)), float64(max(outline.Values[i], inaudible))
				off += math.Abs(peak-drawn) / OutlineSteps / float64(n)
			}
			require.Less(t, off, 4.0, "decibels")
			require.Equal(t, outline, outlineOf(content, 7))
			t.Logf("correlation %.3f, %.1f dB off", r, off)
		})
	}
}

func TestOutlineIsEmptyWhereThereIsNothingToRead(t *testing.T) {
	for _, name := range []string{"mono.wav", "mono.flac", "vorbis.ogg", "aac.m4a", "adts.aac"} {
		require.Empty(t, outlineOf(fixture(t, name), 1000), name)
	}
	require.Empty(t, outlineOf([]byte("<html>"), 1000))
}

// Frames without a bit of audio are silent, however many there are.
func TestOutlineIsBounded(t *testing.T) {
	stream := frames(100)
	m := Meter{Outlines: true}
	const hours = 1
	count := 0
	for ; count < hours*3600*44100/1152; count += 100 {
		_, _ = m.Write(stream)
	}
	m.End()
	outline := m.Outline()
	require.LessOrEqual(t, len(outline.Values), MaxOutline)
	require.Greater(t, len(outline.Values), MaxOutline/2)
	require.InDelta(t, playingFrames(int64(count)).Seconds(), float64(len(outline.Values))/outline.PerSecond, 1)
	require.Equal(t, make([]byte, len(outline.Values)), outline.Values)
}

func TestHalvingAnOutlineKeepsThePeaks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var o outliner
	levels := make([]float64, MaxOutline*3+17)
	for i := range levels {
		levels[i] = -80 * r.Float64()
		o.add(levels[i], ticksPerSecond/outlinePerSecond)
	}
	require.InDelta(t, 2.5, o.outline().PerSecond, 1e-9)
	for i, value := range o.outline().Values {
		part := levels[4*i : min(4*i+4, len(levels))]
		require.Equal(t, byte(math.Round(255+OutlineSteps*slices.Max(part))), value)
	}
}

func TestHuffmanCodesAreComplete(t *testing.T) {
	for number := range huffmanTables {
		table := &huffmanTables[number]
		if number == 0 || number == 4 || number == 14 {
			require.Empty(t, table.codes)
			continue
		}
		sum, values := 0.0, map[[2]uint8]bool{}
		for _, c := range table.codes {
			sum += math.Exp2(-float64(c.length))
			values[[2]uint8{c.x, c.y}] = true
		}
		require.InDelta(t, 1, sum, 1e-12, "table %d", number)
		side := int(math.Sqrt(float64(len(values))))
		require.Len(t, values, side*side, "table %d", number)
		require.Len(t, table.codes, side*side, "table %d", number)
	}
}

// FuzzLayer3 reads frames of anything.
func FuzzLayer3(f *testing.F) {
	for _, name := range []string{"cbr.mp3", "vbr.mp3", "lsf_mono.mp3", "mpeg25_mono.mp3"} {
		f.Add(fixture(f, name)[:3000], uint16(5), byte(0x3F))
	}
	f.Fuzz(func(t *testing.T, content []byte, at uint16, flip byte) {
		content = append(frames(4), content...)
		content[int(at)%len(content)] ^= flip
		outline := outlineOf(content, 100)
		require.Equal(t, outline, outlineOf(content, 1+int(at)))
		result := measure(content, len(content))
		if outline.PerSecond > 0 {
			played := time.Duration(float64(len(outline.Values)) / outline.PerSecond * float64(time.Second))
			require.LessOrEqual(t, played, result.Duration+time.Second)
		}
	})
}

func BenchmarkOutline(b *testing.B) {
	content, err := os.ReadFile("testdata/music.mp3")
	require.NoError(b, err)
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		outlineOf(content, 32<<10)
	}
}
