package session

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

const testRate = 44100

// ffmpeg runs the encoder, or skips the test.
func ffmpeg(t *testing.T, in []byte, args ...string) []byte {
	t.Helper()
	program, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("ffmpeg is not on the PATH")
	}
	cmd := exec.Command(program, append([]string{"-v", "error"}, args...)...)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	require.NoError(t, err)
	return out
}

// encode makes a file of samples.
func encode(t *testing.T, samples []float32, args ...string) []byte {
	t.Helper()
	var raw bytes.Buffer
	require.NoError(t, binary.Write(&raw, binary.LittleEndian, samples))
	file := filepath.Join(t.TempDir(), "out")
	rate := strconv.Itoa(testRate)
	ffmpeg(
		t,
		raw.Bytes(),
		append(append([]string{"-f", "f32le", "-ar", rate, "-ac", "1", "-i", "-"}, args...), file)...)
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	return content
}

// decoded is what a file plays from a time on, as FFmpeg decodes it.
func decoded(t *testing.T, content []byte, skip float64) []float32 {
	t.Helper()
	out := ffmpeg(t, content, "-i", "-", "-f", "f32le", "-ac", "1", "-ar", strconv.Itoa(testRate), "-")
	samples := make([]float32, len(out)/4)
	require.NoError(t, binary.Read(bytes.NewReader(out[:4*len(samples)]), binary.LittleEndian, samples))
	return samples[min(int(math.Round(skip*testRate)), len(samples)):]
}

// lag is by how many samples b comes after a, where they are most alike.
func lag(a, b []float32) int {
	const most, from, length = 2400, 20_000, 10_000
	best, at := math.Inf(-1), 0
	for shift := -most; shift <= most; shift++ {
		sum := 0.0
		for i := from; i < from+length; i++ {
			sum += float64(a[i]) * float64(b[i+shift])
		}
		if sum > best {
			best, at = sum, shift
		}
	}
	return at
}

// voices are four parts of which none looks like another, and their sum.
func voices() (parts [4][]float32, mix []float32) {
	random := rand.New(rand.NewPCG(7, 7))
	mix = make([]float32, 2*testRate)
	for v := range parts {
		parts[v] = make([]float32, len(mix))
		level := 0.0
		for i := range parts[v] {
			if i%(2000+300*v) == 0 {
				level = 0.2 * random.Float64()
			}
			level *= 0.9997
			tone := math.Sin(2*math.Pi*float64(110*(v+2)*i)/testRate) + 0.5*(random.Float64()-0.5)
			parts[v][i] = float32(level * tone)
			mix[i] += parts[v][i]
		}
	}
	return parts, mix
}

// The sum of the stems, each from where the session has it begin, is where the mix is: whatever
// each of them says of the delay of its encoder.
func TestTheStemsLineUpWithTheMix(t *testing.T) {
	if testing.Short() {
		t.Skip("it encodes and decodes")
	}
	parts, mix := voices()
	tagged := []string{"-c:a", "libmp3lame", "-b:a", "192k", "-f", "mp3"}
	untagged := append([]string{"-write_xing", "0"}, tagged...)
	variable := []string{"-c:a", "libmp3lame", "-q:a", "2", "-f", "mp3"}
	wav := []string{"-f", "wav"}
	for name, c := range map[string]struct {
		stems [4][]string
		mix   []string
	}{
		"all say their delay":        {[4][]string{tagged, variable, tagged, variable}, wav},
		"none does, and no mix":      {[4][]string{untagged, untagged, untagged, untagged}, untagged},
		"some do, and some need not": {[4][]string{tagged, untagged, wav, untagged}, wav},
	} {
		t.Run(name, func(t *testing.T) {
			a, m := archive{}, newManifest()
			for i, stem := range []string{"vocals", "drums", "bass", "guitar"} {
				ext := "mp3"
				if c.stems[i][0] == "-f" {
					ext = "wav"
				}
				a.addStem(&m, stem, ext, encode(t, parts[i], c.stems[i]...))
			}
			_, r := written(t, Session{Format: DAWproject, Manifest: m, Stems: m.Stems}, a)
			sum := make([]float32, len(mix))
			for _, lane := range readProject(t, r).Arrangement.Lanes.Tracks {
				c := lane.Clips.Clip
				require.Zero(t, c.Time)
				played := decoded(t, entry(t, r, c.Audio.File.Path), float64(c.PlayStart))
				require.InDelta(
					t,
					float64(len(played))/testRate,
					float64(c.Duration),
					0.06,
					"it ends where the file does",
				)
				for i := range min(len(sum), len(played)) {
					sum[i] += played[i]
				}
			}
			require.LessOrEqual(t, math.Abs(float64(lag(decoded(t, encode(t, mix, c.mix...), 0), sum))), 1.0)
		})
	}
}
