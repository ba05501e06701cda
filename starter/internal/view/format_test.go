package view

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestByteText(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 96_192: "96.2 kB", 999_949: "999.9 kB", 1_000_000: "1.0 MB",
		4_812_345: "4.8 MB", 1 << 30: "1.1 GB", 5e12: "5.0 TB", 5e15: "5.0 PB",
	} {
		require.Equal(t, want, byteText(n))
	}
}

func TestPlayingTime(t *testing.T) {
	for seconds, want := range map[float64]string{0: "-", -1: "-", 12.024: "0:12", 59.6: "1:00", 312.4: "5:12", 3912: "1:05:12", 1e300: "-"} {
		require.Equal(t, want, playingTime(seconds))
	}
	require.Equal(t, "0:00", clockTime(-time.Second), "clocks differ")
}

func TestClip(t *testing.T) {
	for _, c := range []struct {
		text string
		most int
		want string
	}{
		{"drums", 5, "drums"}, {"drums", 4, "dru…"}, {"drums", 1, "…"}, {"drums", 0, ""}, {"", 0, ""},
		{"人声分离失败", 12, "人声分离失败"}, {"人声分离失败", 11, "人声分离失…"}, {"人声分离失败", 10, "人声分离…"},
		{"e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"},
	} {
		require.Equal(t, c.want, clip(c.text, c.most), "%s in %d", c.text, c.most)
	}
}

func TestColumns(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "drums": 5, "人声": 4, "ｄ": 2, "e\u0301": 1, "می\u200cخواهم": 7,
		"한글": 4, "\u1112\u1161\u11ab\u1100\u1173\u11af": 4,
	} {
		require.Equal(t, want, columns(text), "%q", text)
	}
}

func TestPrintable(t *testing.T) {
	require.Equal(t, "a [31mb  c  ü人", Printable("a\x1b[31mb\r\nc\x7f\u009bü人"))
	require.Equal(t, "a\nb c", Printable("a\nb\rc", '\n'))
	require.Equal(t, "می\u200cخواهم 👩\u200d🎤  abc", Printable("می\u200cخواهم 👩\u200d🎤 \u202eabc"))
}
