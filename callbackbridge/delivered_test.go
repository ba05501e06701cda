package callbackbridge

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDeliveredRemembersTheLatestRuns(t *testing.T) {
	d := newDelivered()
	run := func(i int) runKey { return runKey{"music", "stems", strconv.Itoa(i)} }
	said := news{"task", 200, 2}
	for i := range 3 * rememberedRuns {
		require.True(t, d.reserve(run(i), said))
		require.True(t, d.has(run(0), said), "what is asked for stays")
	}
	for i := range rememberedRuns/2 - 10 {
		require.True(t, d.has(run(3*rememberedRuns-1-i), said))
	}
	require.LessOrEqual(t, len(d.current)+len(d.previous), rememberedRuns)
	require.False(t, d.has(run(1), said))
}
