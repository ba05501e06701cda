package audio

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func signalOf(content []byte, size int) Signal {
	var m Meter
	for chunk := range slices.Chunk(content, max(size, 1)) {
		_, _ = m.Write(chunk)
	}
	m.End()
	return m.Signal()
}

func samples(n, rate int64) time.Duration { return playingTime(n, rate) }

func TestSignalsOfTheFixtures(t *testing.T) {
	for name, want := range map[string]Signal{
		// What was encoded is 1.7 seconds, and ten. A file that says the encoder's delay is as long
		// when it is decoded.
		"cbr.mp3":         {SampleRate: 44100, Channels: 2, Duration: 1700 * time.Millisecond},
		"vbr.mp3":         {SampleRate: 44100, Channels: 2, Duration: 1700 * time.Millisecond},
		"lsf_mono.mp3":    {SampleRate: 22050, Channels: 1, Duration: samples(37487, 22050)},
		"tags.mp3":        {SampleRate: 44100, Channels: 1, Duration: 1700 * time.Millisecond},
		"mpeg25_mono.mp3": {SampleRate: 11025, Channels: 1, Duration: samples(18743, 11025)},
		"cbr_no_header.mp3": {
			SampleRate: 44100, Channels: 1, Lead: samples(1105, 44100), Duration: samples(67*1152, 44100),
		},
		"music.mp3":           {SampleRate: 44100, Channels: 2, Duration: samples(441000, 44100)},
		"music_no_header.mp3": {SampleRate: 44100, Channels: 2, Duration: samples(383*1152, 44100)},
		"mono.wav":            {SampleRate: 8000, Channels: 1, Duration: 300 * time.Millisecond},
		"streamed.wav":        {SampleRate: 16000, Channels: 1, Duration: 100 * time.Millisecond},
		"mono.flac":           {SampleRate: 16000, Channels: 1, Duration: 100 * time.Millisecond},
		"vorbis.ogg":          {SampleRate: 44100, Channels: 1, Duration: 300 * time.Millisecond},
		"pcm.aiff":            {SampleRate: 8000, Channels: 1, Duration: 100 * time.Millisecond},
		"aac.m4a":             {SampleRate: 44100, Duration: 323219954},
		"adts.aac":            {SampleRate: 44100, Channels: 1, Duration: 325079365},
		"tag_only.mp3":        {},
	} {
		t.Run(name, func(t *testing.T) {
			content := fixture(t, name)
			got := signalOf(content, len(content))
			require.Equal(t, got, signalOf(content, 7), "however it is cut")
			require.Equal(t, want, got)
		})
	}
}
