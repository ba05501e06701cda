package activities

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/internal/archive"
	"stemflow/internal/audio"
)

// peaksFailing is a store that takes no peaks.
type peaksFailing struct{ Store }

func (s peaksFailing) PutJSON(ctx context.Context, bucket, key string, v any) error {
	if strings.Contains(key, "/peaks-") {
		return errors.New("the store takes no peaks")
	}
	return s.Store.PutJSON(ctx, bucket, key, v)
}

func TestArchiveStemLeavesPeaks(t *testing.T) {
	h := newHarness(t)
	content := drums(t)
	source := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	})
	h.set.ArchiveStem.Store = peaksFailing{h.store}
	stem, err := h.archiveStem(source)
	require.NoError(t, err, "a stem without peaks is archived all the same")
	key := archive.PeaksKey(h.loc, "sep", "drums")
	var peaks archive.Peaks
	_, err = h.store.ReadJSON(t.Context(), h.loc.Bucket, key, &peaks)
	require.ErrorIs(t, err, archive.ErrNotFound)

	h.set.ArchiveStem.Store = h.store
	again, err := h.archiveStem(source)
	require.NoError(t, err)
	require.Equal(t, stem, again, "it was there")
	etag, err := h.store.ReadJSON(t.Context(), h.loc.Bucket, key, &peaks)
	require.NoError(t, err, "an attempt that finds the stem leaves its peaks")
	require.Equal(t, 1, peaks.Version)
	require.Equal(t, stem.SHA256, peaks.SHA256)
	require.InDelta(t, stem.DurationSeconds, float64(len(peaks.Values))/peaks.PerSecond, 0.3)
	require.Greater(t, int(slices.Max(peaks.Values)), 255-30*audio.OutlineSteps)

	_, err = h.archiveStem(source)
	require.NoError(t, err)
	unchanged, err := h.store.ReadJSON(t.Context(), h.loc.Bucket, key, &peaks)
	require.NoError(t, err)
	require.Equal(t, etag, unchanged)

	h.write(key, archive.Peaks{Version: 1, SHA256: "another"})
	_, err = h.archiveStem(source)
	require.NoError(t, err)
	_, err = h.store.ReadJSON(t.Context(), h.loc.Bucket, key, &peaks)
	require.NoError(t, err)
	require.Equal(t, stem.SHA256, peaks.SHA256, "those of another content are replaced")
}
