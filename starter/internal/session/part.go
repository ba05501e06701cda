package session

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"stemflow/internal/audio"
)

// part is an object that was measured.
type part struct {
	File
	crc    uint32
	signal audio.Signal
	// skip is how much of what decoders play of a stem is passed over, so that it begins with the
	// others.
	skip time.Duration
}

// What a stem is taken to have whose format does not say it. A workstation looks into the file.
const (
	usualSampleRate = 44100
	usualChannels   = 2
)

// maxObject is how long an object in a zip file is without extensions, which not every reader has.
const maxObject = 1<<32 - 2

// measure reads an object, and compares it with the manifest.
func measure(ctx context.Context, file File, open Open) (part, error) {
	p := part{File: file}
	if file.Size > maxObject {
		return p, fmt.Errorf("%s is longer than 4 GiB, which is more than a session holds: leave it out with --stems",
			file.Key)
	}
	in, err := open(file.Key)
	if err != nil {
		return p, err
	}
	defer in.Close()
	sum, crc := sha256.New(), crc32.NewIEEE()
	var meter audio.Meter
	n, err := io.Copy(io.MultiWriter(sum, crc, &meter), contextReader{ctx, io.LimitReader(in, file.Size+1)})
	if err != nil {
		return p, err
	}
	if n != file.Size || hex.EncodeToString(sum.Sum(nil)) != file.SHA256 {
		return p, damaged(file, "is not what was archived: its SHA-256 differs from the manifest's")
	}
	meter.End()
	p.crc, p.signal = crc.Sum32(), meter.Signal()
	p.signal.SampleRate = cmp.Or(p.signal.SampleRate, usualSampleRate)
	p.signal.Channels = cmp.Or(p.signal.Channels, usualChannels)
	said := time.Duration(file.DurationSeconds * float64(time.Second))
	p.signal.Duration = cmp.Or(p.signal.Duration, max(said, 0))
	return p, nil
}

// lineUp has all stems begin together. What decoders leave out by themselves needs nothing. What
// they cannot leave out is passed over as far as other stems have less of it: where all have the
// same, and so has the mix that they were made with, they line up as they are.
func lineUp(stems []part) error {
	if len(stems) == 0 {
		return nil
	}
	least, longest := stems[0].signal.Lead, time.Duration(0)
	for _, stem := range stems {
		least, longest = min(least, stem.signal.Lead), max(longest, stem.signal.Duration)
	}
	for i := range stems {
		stem := &stems[i]
		stem.signal.Duration = cmp.Or(stem.signal.Duration, longest)
		if stem.skip = stem.signal.Lead - least; stem.skip >= stem.signal.Duration {
			stem.skip = 0
		}
		if stem.signal.Duration == 0 {
			return fmt.Errorf("nobody knows how long the stem %s plays: leave it out with --stems", stem.Stem.Name)
		}
	}
	return nil
}

// contextReader ends with its context.
type contextReader struct {
	ctx context.Context
	io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
