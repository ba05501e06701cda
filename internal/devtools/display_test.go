package devtools

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLinesAreFewAndHaveNoCursorMovement(t *testing.T) {
	var said []string
	display := NewLines(func(line string) { said = append(said, line) })
	s := Status{What: "temporal, minio", Packages: 1800}
	for ; s.Begun < s.Packages; s.Begun += 2 {
		s.Elapsed += 100 * time.Millisecond
		s.Share = float64(s.Begun) / float64(s.Packages)
		s.Left = 90*time.Second - s.Elapsed
		display.Show(s)
	}
	display.Close(s)
	require.Less(t, len(said), 10)
	require.Equal(t, "building temporal, minio", said[0])
	require.Regexp(t, `^  building  18 %, package 338 of 1800, 17s, about 70 s left$`, said[1])
	require.Equal(t, "built 1800 packages in 1m30s", said[len(said)-1])
	require.NotContains(t, strings.Join(said, "\n"), "\r")
}

func TestABuildThatTakesNoTimeIsNotWorthAWord(t *testing.T) {
	var out bytes.Buffer
	for _, display := range []Display{
		&movingLine{out: &out}, NewLines(func(line string) { out.WriteString(line) }),
	} {
		for _, s := range []Status{
			{What: "worker", Packages: 3, Begun: 3, Share: 0.9, Elapsed: time.Second},
			{What: "worker", Elapsed: quietLook - 1},
			{What: "worker", Elapsed: time.Minute, planned: true},
		} {
			display.Show(s)
			display.Close(s)
			require.Empty(t, out.String())
		}
	}
}

func TestMovingLineIsWrittenOverItself(t *testing.T) {
	var out bytes.Buffer
	display := &movingLine{out: &out}
	s := Status{What: "minio", Elapsed: 3 * time.Second, Downloaded: 12}
	display.Show(s)
	s = Status{What: "minio", Elapsed: 5 * time.Second, Packages: 1000, Begun: 999, Share: 0.999, Left: time.Second}
	display.Show(s)
	display.Close(s) // interrupted
	text := out.String()
	require.True(t, strings.HasPrefix(text, "building minio\n\r  downloading modules: 12 so far, 3s"), text)
	require.Contains(t, text, "\r  building  99 %, package 999 of 1000, 5s, about 10 s left")
	require.NotContains(t, text, "built")
	for _, line := range regexp.MustCompile(`[\r\n]`).Split(text, -1) {
		require.LessOrEqual(t, len([]rune(line)), maxWidth)
	}
}

func TestWhatIsNoTerminalGetsLines(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/log")
	require.NoError(t, err)
	defer file.Close()
	require.IsType(t, &lines{}, NewDisplay(file))
	t.Setenv("TERM", "dumb")
	require.IsType(t, &lines{}, NewDisplay(os.Stdout))
}

func TestRoughlyPromisesLittle(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Second:       "10 s",
		34 * time.Second:  "30 s",
		89 * time.Second:  "90 s",
		91 * time.Second:  "2 min",
		200 * time.Second: "3 min",
	} {
		require.Equal(t, want, roughly(d))
	}
}
