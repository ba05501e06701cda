package midi

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gitlab.com/gomidi/midi/v2/smf"
)

// readNote is a note as a reader of the file finds it.
type readNote struct {
	channel, pitch, velocity uint8
	start, end               uint32
}

// readTrack is a track of a file.
type readTrack struct {
	name  string
	notes []readNote
	open  int
}

// readBack reads a file with the library's reader.
func readBack(t require.TestingT, data []byte) (tracks []readTrack) {
	file, err := smf.ReadFrom(bytes.NewReader(data))
	require.NoError(t, err)
	require.Equal(t, uint16(1), file.Format())
	require.Equal(t, smf.MetricTicks(480), file.TimeFormat)
	for i, track := range file.Tracks {
		var read readTrack
		at := uint32(0)
		sounding := map[[2]uint8][]int{}
		for _, e := range track {
			at += e.Delta
			var channel, pitch, velocity uint8
			var bpm float64
			switch {
			case e.Message.GetMetaTempo(&bpm):
				require.Equal(t, 0, i)
				require.InDelta(t, 120, bpm, 1e-9)
			case e.Message.GetMetaTrackName(&read.name):
			case e.Message.GetNoteStart(&channel, &pitch, &velocity):
				key := [2]uint8{channel, pitch}
				sounding[key] = append(sounding[key], len(read.notes))
				read.notes = append(read.notes, readNote{channel: channel, pitch: pitch, velocity: velocity, start: at})
			case e.Message.GetNoteEnd(&channel, &pitch):
				key := [2]uint8{channel, pitch}
				require.NotEmpty(t, sounding[key], "a note ends that has not begun")
				read.notes[sounding[key][0]].end = at
				sounding[key] = sounding[key][1:]
			}
		}
		for _, open := range sounding {
			read.open += len(open)
		}
		tracks = append(tracks, read)
	}
	return tracks
}

func written(t require.TestingT, s Score) ([]readTrack, File) {
	var buffer bytes.Buffer
	file, err := s.WriteSMF(&buffer)
	require.NoError(t, err)
	return readBack(t, buffer.Bytes()), file
}

func note(pitch, start, end, velocity float64) Note {
	return Note{Pitch: pitch, Start: start, End: end, Velocity: velocity}
}

func TestTracksChannelsAndNames(t *testing.T) {
	s := Score{}
	for i := range 17 {
		s.Instruments = append(s.Instruments, Instrument{Name: fmt.Sprintf("Violin %d", i), Notes: []Note{note(60, 0, 1, 1)}})
	}
	s.Instruments = append(s.Instruments,
		Instrument{Name: "Drums", Notes: []Note{note(36, 0, 1, 0.5)}}, Instrument{Name: "Drums"},
		Instrument{Name: "Контрабас 低音 \U0001f3bb", Notes: []Note{note(30, 0.5, 0.25, 64)}}, Instrument{})
	tracks, file := written(t, s)
	require.Len(t, tracks, 1+len(s.Instruments))
	require.Empty(t, tracks[0].name)
	for i, instrument := range s.Instruments {
		require.Equal(t, instrument.Name, tracks[i+1].name)
		require.Equal(t, len(instrument.Notes), file.Notes[i])
	}
	for i := range 17 {
		want := []uint8{0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 0, 1}[i]
		require.Equal(t, want, tracks[i+1].notes[0].channel)
	}
	require.Equal(t, []readNote{{channel: 9, pitch: 36, velocity: 64, start: 0, end: 960}}, tracks[18].notes)
	require.Equal(t, []readNote{{channel: 2, pitch: 30, velocity: 64, start: 480, end: 481}}, tracks[20].notes)
}

func TestNothingIsAFileToo(t *testing.T) {
	for _, s := range []Score{{}, {Instruments: []Instrument{{Name: "Drums"}}}} {
		tracks, file := written(t, s)
		require.Len(t, tracks, 1+len(s.Instruments))
		require.Len(t, file.Notes, len(s.Instruments))
	}
}

func TestPercussionIsKnownByItsName(t *testing.T) {
	for name, want := range map[string]bool{
		"Drums": true, "DRUM KIT": true, "Kick": true, "snare 2": true, "Hi-Hat": true, "hihat": true,
		"Percussion": true, "Crash Cymbal": true, "Hand Claps": true, "Floor Tom": true, "toms": true,
		"Electric Bass (finger)": false, "Acoustic Grand Piano": false, "": false, "Custom Lead": false,
		"Bottom End": false, "Chat": false, "Percussive Organ": false, "Steel Drums": false,
	} {
		require.Equal(t, want, IsPercussion(name), name)
	}
}

func TestWhatNoFileCanHoldIsLeftOut(t *testing.T) {
	nan := math.NaN()
	out := []Note{
		note(-1, 0, 1, 1), note(128, 0, 1, 1), note(60.5, 0, 1, 1), note(nan, 0, 1, 1), note(60, nan, 1, 1),
		note(60, -0.1, 1, 1), note(60, 1e300, 1e301, 1), note(60, 0, 1e9, 1), note(math.Inf(1), 0, 1, 1),
	}
	in := []Note{
		note(0, 0, 0, 0), note(127, 1, 1, 200), note(60, 2, nan, nan), note(61, 3, 1, -4), note(62, 4, 5, 1.0001),
	}
	tracks, file := written(t, Score{Instruments: []Instrument{{Name: "Piano", Notes: append(out, in...)}}})
	require.Equal(t, []int{len(in)}, file.Notes)
	require.Equal(t, []readNote{
		{pitch: 0, velocity: 1, start: 0, end: 1}, {pitch: 127, velocity: 127, start: 960, end: 961},
		{pitch: 60, velocity: 127, start: 1920, end: 1921}, {pitch: 61, velocity: 1, start: 2880, end: 2881},
		{pitch: 62, velocity: 1, start: 3840, end: 4800},
	}, tracks[1].notes)
}

// A note that is struck again as it ends sounds as long as it should, both times.
func TestARepeatedNoteEndsBeforeItBegins(t *testing.T) {
	tracks, _ := written(t, Score{Instruments: []Instrument{{Notes: []Note{
		note(60, 1, 2, 1), note(60, 0, 1, 1), note(60, 2, 2, 1), note(60, 3, 3.0001, 1),
	}}}})
	require.Equal(t, []readNote{
		{velocity: 127, pitch: 60, start: 0, end: 960}, {velocity: 127, pitch: 60, start: 960, end: 1920},
		{velocity: 127, pitch: 60, start: 1920, end: 1921}, {velocity: 127, pitch: 60, start: 2880, end: 2881},
	}, tracks[1].notes)
}

// Whatever the grid of the provider's times: as many notes, of the same pitches, each within a
// tick.
func TestNotesReadBackWithinATick(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 1))
		grid := []float64{192, 960, 100, 44100, 7, 1e6}[random.IntN(6)]
		var s Score
		for range random.IntN(20) {
			instrument := Instrument{Name: fmt.Sprint("part ", random.IntN(5))}
			// One voice for each pitch, so that a reader knows which end belongs to which
			// beginning.
			ends := map[int]float64{}
			for range random.IntN(300) {
				pitch := random.IntN(128)
				start := ends[pitch] + math.Floor(random.Float64()*5*grid)/grid
				end := start + math.Ceil((0.01+random.Float64())*grid)/grid
				ends[pitch] = end
				instrument.Notes = append(instrument.Notes, note(float64(pitch), start, end, random.Float64()))
			}
			random.Shuffle(len(instrument.Notes), func(i, j int) {
				instrument.Notes[i], instrument.Notes[j] = instrument.Notes[j], instrument.Notes[i]
			})
			s.Instruments = append(s.Instruments, instrument)
		}
		tracks, file := written(t, s)
		require.Len(t, tracks, 1+len(s.Instruments))
		for i, instrument := range s.Instruments {
			track := tracks[i+1]
			require.Zero(t, track.open)
			require.Equal(t, instrument.Name, track.name)
			require.Equal(t, len(instrument.Notes), file.Notes[i])
			require.Len(t, track.notes, len(instrument.Notes))
			left := track.notes
			for _, n := range instrument.Notes {
				found := -1
				for k, read := range left {
					if float64(read.pitch) == n.Pitch && math.Abs(float64(read.start)/960-n.Start) <= 1.0/960 &&
						math.Abs(float64(read.end)/960-n.End) <= 1.0/960 {
						found = k
						break
					}
				}
				require.GreaterOrEqual(t, found, 0, "seed %d: %v is not in the file", seed, n)
				left = append(left[:found:found], left[found+1:]...)
			}
		}
	}
}

// The provider's grid is exact.
func TestTheProvidersGridIsKept(t *testing.T) {
	for n := range 10_000 {
		begin, end, ok := note(60, float64(n)/192, float64(n+1)/192, 1).ticks()
		require.True(t, ok)
		require.Equal(t, []uint32{uint32(5 * n), uint32(5*n + 5)}, []uint32{begin, end})
	}
}

func TestAWriterThatFailsIsReported(t *testing.T) {
	broken := errors.New("the disk is full")
	_, err := Score{Instruments: []Instrument{{Name: "Piano", Notes: []Note{note(60, 0, 1, 1)}}}}.
		WriteSMF(failing{broken})
	require.ErrorIs(t, err, broken)
	require.ErrorIs(t, Score{}.WriteJSON(failing{broken}, Head{}), broken)
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
