package program

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSamplerCountsWhatItLeavesOut(t *testing.T) {
	var s Sampler
	now := time.Unix(1_800_000_000, 0)
	logged := 0
	for range 1000 {
		if leftOut, ok := s.Admit("stranger", now); ok {
			require.Zero(t, leftOut)
			logged++
		}
	}
	require.Equal(t, sampledPerSecond, logged)
	leftOut, ok := s.Admit("other kind", now)
	require.True(t, ok, "kinds are counted apart")
	require.Zero(t, leftOut)
	leftOut, ok = s.Admit("stranger", now.Add(time.Second))
	require.True(t, ok)
	require.Equal(t, 1000-sampledPerSecond, leftOut)
	leftOut, _ = s.Admit("stranger", now.Add(time.Second))
	require.Zero(t, leftOut, "each is counted once")
}
