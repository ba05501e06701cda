package observe

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPace(t *testing.T) {
	var p Pace
	require.Zero(t, p.PerMinute())
	p = p.With(noon, 100)
	p = p.With(noon.Add(5*time.Second), 110)
	require.Zero(t, p.PerMinute(), "not known yet")
	p = p.With(noon.Add(time.Minute), 160)
	require.InDelta(t, 60, p.PerMinute(), 0.001)
	require.Equal(t, 2*time.Minute, p.Left(120))
	p = p.With(noon.Add(10*time.Minute), 160)
	require.Zero(t, p.PerMinute(), "what was long ago does not count")
	require.Zero(t, p.Left(120))
}
