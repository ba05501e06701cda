package main

import (
	"bytes"
	"encoding/binary"
	"os"
)

// writeWAV stores a sound as 16-bit mono PCM.
func writeWAV(path string, s sound) error {
	samples := make([]int16, len(s))
	for i, v := range s {
		samples[i] = int16(32767 * max(-1, min(1, v)))
	}
	size := uint32(2 * len(samples))
	var b bytes.Buffer
	for _, field := range []any{
		[]byte("RIFF"), 36 + size, []byte("WAVE"),
		[]byte("fmt "), uint32(16), uint16(1), uint16(1), uint32(rate), uint32(2 * rate), uint16(2), uint16(16),
		[]byte("data"), size, samples,
	} {
		if err := binary.Write(&b, binary.LittleEndian, field); err != nil {
			return err
		}
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
