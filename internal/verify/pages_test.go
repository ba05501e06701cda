package verify_test

import (
	"context"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/activityapi"
	"stemflow/internal/allowed"
	"stemflow/internal/archive"
	"stemflow/internal/verify"
)

// The pages of a check may be looked at by workers of other configurations: one that was started
// again since may know fewer places.
func TestPlaceThatIsNotAllowedAnyMore(t *testing.T) {
	at := allowed.PlaceOf("stems", "music")
	c := verify.New(verify.Options{At: at, Ledger: at, Homes: []allowed.Place{at}})
	page, err := c.Next(t.Context(), activityapi.VerifyState{Phase: "places", At: at, Again: true, Home: 1, After: "k"})
	require.NoError(t, err)
	require.Equal(t, "again", page.State.Phase)
	require.Empty(t, page.State.After)
}

func TestPhaseOfALaterRelease(t *testing.T) {
	at := allowed.PlaceOf("stems", "music")
	c := verify.New(verify.Options{At: at, Ledger: at, Homes: []allowed.Place{at}})
	_, err := c.Next(t.Context(), activityapi.VerifyState{Phase: "parity", At: at})
	require.ErrorContains(t, err, `"parity"`, "the same page for ever")
}

// walked is a store with nothing in it that knows which bucket was looked through.
type walked struct {
	verify.Store
	bucket string
}

func (w *walked) Walk(_ context.Context, bucket, _, _ string) iter.Seq2[archive.Info, error] {
	w.bucket = bucket
	return func(func(archive.Info, error) bool) {}
}

func TestCheckStaysWhereItBegan(t *testing.T) {
	began, now := allowed.PlaceOf("stems", "music"), allowed.PlaceOf("new", "")
	store := &walked{}
	c := verify.New(verify.Options{Store: store, At: now, Ledger: now, Homes: []allowed.Place{now}})
	_, err := c.Next(t.Context(), activityapi.VerifyState{Phase: "tracks", At: began, After: "music/k"})
	require.NoError(t, err)
	require.Equal(t, "stems", store.bucket, "the result names the place of the first page")
}
