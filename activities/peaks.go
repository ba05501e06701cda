package activities

import (
	"context"
	"errors"
	"time"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/audio"
)

// peaksTimeout bounds how long a stem that is archived waits for its peaks, which are not worth a
// wait.
const peaksTimeout = 5 * time.Second

// leavePeaks puts the outline of an archived stem beside the manifest. A stem without one is
// archived all the same, so this fails nothing. again says that an earlier attempt may have done
// so.
func (a *ArchiveStem) leavePeaks(
	ctx context.Context, in activityapi.ArchiveStemInput, stem *stemflow.Stem, outline audio.Outline, again bool,
) {
	if len(outline.Values) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, peaksTimeout)
	defer cancel()
	key := archive.PeaksKey(in.Location, in.SeparationTaskID, in.Stem.Name)
	if again {
		var there archive.Peaks
		_, err := a.Store.ReadJSON(ctx, in.Location.Bucket, key, &there)
		if err == nil && there.SHA256 == stem.SHA256 {
			return
		}
		if err != nil && !errors.Is(err, archive.ErrNotFound) && !errors.Is(err, archive.ErrCorrupt) {
			stemOf(in).log(ctx).Warn("the peaks of a stem cannot be read", "error", err)
			return
		}
	}
	peaks := archive.Peaks{Version: 1, SHA256: stem.SHA256, PerSecond: outline.PerSecond, Values: outline.Values}
	if err := a.Store.PutJSON(ctx, in.Location.Bucket, key, peaks); err != nil {
		stemOf(in).log(ctx).Warn("the peaks of a stem are not kept: its waveform is drawn when it is decoded",
			"error", err)
	}
}
