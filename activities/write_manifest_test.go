package activities

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
)

// reads counts what is read of a store.
type reads struct {
	Store
	n int
}

// ReadJSON implements Store.
func (r *reads) ReadJSON(ctx context.Context, bucket, key string, v any) (string, error) {
	r.n++
	return r.Store.ReadJSON(ctx, bucket, key, v)
}

// A track's first manifest is one request to a store that keeps to conditions. One that is there is
// read before it is replaced, and so it is with a store that has not proved it.
func TestWriteManifestAsksOnlyWhereOneMayBeThere(t *testing.T) {
	for name, proved := range map[string]bool{"proved": true, "not proved": false} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			if proved {
				key := h.loc.Dir + "proof.json"
				etag, err := h.store.CreateJSON(t.Context(), h.loc.Bucket, key, "proof")
				require.NoError(t, err)
				require.NoError(t, h.store.Prove(t.Context(), h.loc.Bucket, key, etag, "proof"))
			}
			store := &reads{Store: h.store}
			h.set.WriteManifest.Store = store
			write := h.writeManifest
			m := stemflow.Manifest{SeparateStemsResult: stemflow.SeparateStemsResult{SeparationTaskID: "sep"}}
			require.Equal(t, "sep", write(m).SeparationTaskID)
			require.Equal(t, !proved, store.n == 1)

			withMIDI := m
			withMIDI.Version, withMIDI.MIDI = 1, []stemflow.MIDI{{MIDITaskID: "midi"}}
			h.write(archive.ManifestKey(h.loc), withMIDI)
			require.Len(t, write(m).MIDI, 1, "what there is of MIDI stays")
			m.SeparationTaskID = "another"
			require.Empty(t, write(m).MIDI)
		})
	}
}

// writeManifest writes a manifest and returns what is stored then.
func (h *harness) writeManifest(m stemflow.Manifest) (written stemflow.Manifest) {
	h.t.Helper()
	m.Version = 1
	_, err := call[stemflow.ObjectRef](h, activityapi.ActivityWriteManifest,
		activityapi.WriteManifestInput{Location: h.loc, Ledger: h.loc, Manifest: m})
	require.NoError(h.t, err)
	_, err = h.store.ReadJSON(h.t.Context(), h.loc.Bucket, archive.ManifestKey(h.loc), &written)
	require.NoError(h.t, err)
	return written
}

// A run that completes an archive reads no song, and knows less of the track than the one before.
func TestWriteManifestKeepsWhatIsKnownOfTheTrack(t *testing.T) {
	h := newHarness(t)
	write := func(separationTaskID string, source stemflow.ManifestSource) stemflow.ManifestSource {
		m := stemflow.Manifest{Source: source}
		m.SeparationTaskID = separationTaskID
		return h.writeManifest(m).Source
	}
	known := stemflow.ManifestSource{
		AudioURL: "https://songs.example/a.mp3", AudioSHA256: "ab", Music: &stemflow.Music{
			Title: "A", Artist: "B", Tags: "C", Tempo: 120, DurationSeconds: 9, CoverURL: "https://songs.example/a.png",
		},
	}
	require.Equal(t, known, write("sep", known))
	require.Equal(t, known, write("sep", stemflow.ManifestSource{}))
	renamed := write("sep", stemflow.ManifestSource{Music: &stemflow.Music{Title: "by the input"}})
	require.Equal(t, "by the input", renamed.Music.Title)
	require.Equal(t, "B", renamed.Music.Artist)
	require.Nil(t, write("another", stemflow.ManifestSource{}).Music)
}
