package audio

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// rounding is what playing times of many units lose when each is rounded to a nanosecond.
const rounding = 100 * time.Microsecond

func eachSample(t *testing.T, check func(t *testing.T, r *rand.Rand, s sample)) {
	rounds := 400
	if testing.Short() {
		rounds = 100
	}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		s := generators[seed%len(generators)](r)
		t.Run(fmt.Sprintf("%s of seed %d", s.name, seed), func(t *testing.T) { check(t, r, s) })
	}
}

func TestWholeFilesAreMeasured(t *testing.T) {
	eachSample(t, func(t *testing.T, r *rand.Rand, s sample) {
		s = s.behind(genPrefix(r))
		result := measure(s.content, 1+r.IntN(40_000))
		require.Equal(t, s.format, result.Format)
		require.True(t, result.Audio)
		require.False(t, result.Cut)
		require.InDelta(t, s.plays(), result.Duration, float64(s.exact+rounding))
	})
}

func TestCutFilesPlayNoLongerThanWhatTheyHold(t *testing.T) {
	eachSample(t, func(t *testing.T, r *rand.Rand, s sample) {
		s = s.behind(genPrefix(r))
		for range 30 {
			at := r.IntN(len(s.content))
			result := measure(s.content[:at], 1+r.IntN(40_000))
			holds := s.playsUpTo(at)
			require.LessOrEqual(t, result.Duration, holds+rounding, "cut at %d of %d", at, len(s.content))
			if result.Audio {
				require.Equal(t, s.format, result.Format)
			}
			if s.wholeOnly {
				require.Zero(t, result.Duration)
				continue
			}
			// Nothing that is whole is lost either, except in Ogg, where pages are.
			if s.format != ogg && holds > 3*s.unit {
				require.GreaterOrEqual(t, result.Duration, holds-s.exact-rounding, "cut at %d of %d", at, len(s.content))
			}
		}
	})
}

func TestResultsDoNotDependOnTheWrites(t *testing.T) {
	eachSample(t, func(t *testing.T, r *rand.Rand, s sample) {
		s = s.behind(genPrefix(r))
		content := s.content[:r.IntN(len(s.content))]
		if at := r.IntN(len(content) + 1); r.IntN(2) == 0 && at < len(content) {
			content[at] ^= 0xFF
		}
		want, outline := measure(content, len(content)), outlineOf(content, len(content))
		for range 3 {
			size := 1 + r.IntN(5000)
			require.Equal(t, want, measure(content, size))
			require.Equal(t, outline, outlineOf(content, size))
		}
	})
}

// FuzzMeter writes anything, and anything behind what is audio.
func FuzzMeter(f *testing.F) {
	for name := range measured {
		content := fixture(f, name)
		f.Add(content[:min(len(content), 1500)], uint16(1), uint16(0))
	}
	for i, generate := range generators {
		content := generate(rand.New(rand.NewPCG(uint64(i), 2))).content
		f.Add(content[:min(len(content), 3000)], uint16(100), uint16(i))
	}
	f.Fuzz(func(t *testing.T, content []byte, size, cut uint16) {
		result := measure(content, len(content))
		require.GreaterOrEqual(t, result.Duration, time.Duration(0))
		require.True(t, result.Audio || result.Duration == 0)
		require.Equal(t, result, measure(content, int(size)))
		if int(cut) < len(content) {
			shorter := measure(content[:cut], int(size))
			require.True(t, shorter.Audio || shorter.Duration == 0)
		}
	})
}
