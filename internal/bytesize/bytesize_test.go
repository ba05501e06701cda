package bytesize

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "1048576": 1 << 20, "1GiB": 1 << 30, "1 gib": 1 << 30, "500MB": 500e6, "3KB": 3000, "7B": 7, "2TiB": 2 << 40,
		"8388607TiB": 8388607 << 40, "10M": 10 << 20, " 1g ": 1 << 30, "3k": 3 << 10, "1T": 1 << 40,
	} {
		got, err := Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{
		"", "0", "-1", "GiB", "G", "1.5GiB", "9223372036854775808", "8388608TiB", "1GiB2", "0x10", "-1GiB", "1 0", "1GG", "1_0",
	} {
		_, err := Parse(text)
		require.ErrorContains(t, err, "is not a size", text)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"1", "1GiB", " 10 m", "9223372036854775807b", "8388608TiB", "-1K"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		size, err := Parse(text)
		if err != nil {
			return
		}
		require.Positive(t, size)
		again, err := Parse(strconv.FormatInt(size, 10))
		require.NoError(t, err)
		require.Equal(t, size, again)
		lower, err := Parse(strings.ToLower(text))
		require.NoError(t, err)
		require.Equal(t, size, lower)
	})
}
