package workflows

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"stemflow"
)

func TestSizesReadWell(t *testing.T) {
	for bytes, want := range map[int64]string{
		0: "", 5: "5 B", 999: "999 B", 1000: "1.0 kB", 4_812_345: "4.8 MB", 999_960: "1.0 MB", 999_949: "999.9 kB",
		7_000_000_000: "7.0 GB", 2_500_000_000_000: "2.5 TB",
	} {
		require.Equal(t, want, sizeText(bytes))
	}
}

func TestMarkdownOfOthersIsShownAsItIs(t *testing.T) {
	require.Equal(t, `\!\[x\](http://evil) \<b\>a\*b \| c\`+"`", plainText("![x](http://evil)\n\n<b>a*b | c`\x1b"))
}

// Temporal refuses a command with a summary of more than 400 bytes, which would hold the run up for
// ever.
func FuzzSummariesFit(f *testing.F) {
	for _, title := range []string{
		"A song", "", strings.Repeat("<", 300), strings.Repeat("ü", 300), "two\nlines\x00", strings.Repeat("\u2028", 200), "\xff",
		strings.Repeat("\U0001F3B5", 100),
	} {
		f.Add(title)
	}
	f.Fuzz(func(t *testing.T, title string) {
		in := stemflow.SeparateStemsInput{
			AudioID: "e231", Type: stemflow.SplitStemAdvanced, StemName: "Lead Vocal", Title: title,
		}
		text := trackSummary("await ", in)
		data, err := json.Marshal(text)
		require.NoError(t, err)
		require.LessOrEqual(t, len(data), 400)
		require.True(t, utf8.ValidString(text))
		require.NotContains(t, text, "\n")
		require.True(t, strings.HasPrefix(text, "await split_stem_advanced (Lead Vocal) of e231"))
	})
}
