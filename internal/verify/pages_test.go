package verify_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/activityapi"
	"stemflow/internal/allowed"
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
