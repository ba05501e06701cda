package archived

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/audio"
	"stemflow/starter/internal/limit"
)

// peaksTimeout bounds reading the stems for their peaks: a page that has none draws its waveforms
// when it has decoded the stems, which is worth no longer wait.
const peaksTimeout = 30 * time.Second

// Peaks returns those of the manifest's stems, in their order, and nil for a stem that has none, or
// that could not be read in time. What is read is kept beside the manifest for the next page, where
// the store lets this key do so. Nothing depends on it.
func (t *Track) Peaks(ctx context.Context) []*archive.Peaks {
	stems := t.Manifest.Stems
	peaks := make([]*archive.Peaks, len(stems))
	doing := fmt.Sprintf("reading stems for their waveforms from the object store %s", t.store.Endpoint())
	_ = limit.Wait(ctx, peaksTimeout, doing, func(ctx context.Context) error {
		return each(ctx, len(stems), func(ctx context.Context, i int) error {
			peaks[i] = t.peaks(ctx, stems[i])
			return nil
		})
	})
	return peaks
}

func (t *Track) peaks(ctx context.Context, stem stemflow.Stem) *archive.Peaks {
	var kept archive.Peaks
	key := archive.PeaksKey(t.location, t.Manifest.SeparationTaskID, stem.Name)
	_, err := t.store.ReadJSON(ctx, t.location.Bucket, key, &kept)
	if err == nil && kept.SHA256 == stem.SHA256 {
		return &kept
	}
	object, _, err := t.store.Open(ctx, t.location.Bucket, stem.Key)
	if err != nil {
		return nil
	}
	defer object.Close()
	meter, sum := audio.Meter{Outlines: true}, sha256.New()
	_, err = io.Copy(io.MultiWriter(&meter, sum), object)
	if err != nil || hex.EncodeToString(sum.Sum(nil)) != stem.SHA256 {
		return nil // a repair brings back what the peaks would not be of
	}
	meter.End()
	outline := meter.Outline()
	if len(outline.Values) == 0 {
		return nil
	}
	drawn := &archive.Peaks{
		Version: 1, SHA256: stem.SHA256, PerSecond: outline.PerSecond, Values: outline.Values,
	}
	_ = t.store.PutJSON(ctx, t.location.Bucket, key, drawn) // a key that may only read draws them each time
	return drawn
}
