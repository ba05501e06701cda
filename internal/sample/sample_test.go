package sample_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/sample"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]sample.Sample{
		"": {}, "all": {Share: 1}, "100%": {Share: 1}, "5%": {Share: 0.05}, "2.5 %": {Share: 0.025},
		"1/7": {Part: 1, Parts: 7}, "7/7": {Part: 7, Parts: 7}, "10G": {Bytes: 10 << 30}, "5m": {Bytes: 5 << 20},
		"1024": {Bytes: 1024}, "3 KiB": {Bytes: 3072},
	} {
		got, err := sample.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{
		"0%", "101%", "-5%", "NaN%", "%", "0/7", "8/7", "1/0", "1/", "/7", "-1/7", "1/2/3", "0", "-1", "10X", "G",
		"9999999999T", "1e3", "1e1%", "0x1p3%", "100.1%", "0.0%", "1_0%", "99999999999/99999999999",
	} {
		_, err := sample.Parse(text)
		require.Error(t, err, text)
	}
}

// The t parts have every object once.
func TestPartsCoverEverythingOnce(t *testing.T) {
	const parts = 7
	sizes := map[int]int{}
	for i := range 7000 {
		key, taken := fmt.Sprintf("a/b/split_stem/c/%d.mp3", i), 0
		for n := 1; n <= parts; n++ {
			s := sample.Sample{Part: n, Parts: parts}
			require.Equal(t, s.Takes("one", key), s.Takes("another", key), "a part does not depend on the seed")
			if s.Takes("", key) {
				taken++
				sizes[n]++
			}
		}
		require.Equal(t, 1, taken)
	}
	for n, size := range sizes {
		require.InDelta(t, 1000, size, 150, n)
	}
}

func TestSharesAreThatLargeAndDifferBySeed(t *testing.T) {
	s, err := sample.Parse("10G")
	require.NoError(t, err)
	require.True(t, s.NeedsTotal())
	require.Equal(t, sample.Sample{Share: 1}, s.Of(1<<30), "there is less than that")
	s = s.Of(100 << 30)
	require.InDelta(t, 0.1, s.Share, 1e-9)
	one, both := 0, 0
	for i := range 20_000 {
		key := fmt.Sprintf("a/b/split_stem/c/%d.mp3", i)
		if s.Takes("one", key) {
			one++
			if s.Takes("two", key) {
				both++
			}
		}
	}
	require.InDelta(t, 2000, one, 250)
	require.InDelta(t, 200, both, 100)
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"all", "5%", "1/7", "10G", "", "%", "1/0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := sample.Parse(text)
		if err != nil {
			return
		}
		if s.Share < 0 || s.Share > 1 || s.Bytes < 0 || s.Parts < 0 || s.Part > s.Parts {
			t.Fatalf("%q is %+v", text, s)
		}
		_ = s.Of(1000).Takes("seed", text)
	})
}
