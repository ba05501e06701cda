package signalgate

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"google.golang.org/protobuf/types/known/emptypb"
)

func TestWhatAWorkflowMayBeSignalled(t *testing.T) {
	now := time.Unix(0, 0)
	f := newFlood()
	f.now = func() time.Time { return now }
	taken := func(workflow workflowKey, size int) (n int) {
		for f.take(workflow, size) {
			n++
		}
		return n
	}
	run := keyOf("music", "stems:1")
	require.Equal(t, 4, taken(run, 1<<20))
	require.False(t, f.take(run, 1))
	require.True(t, f.take(keyOf("other", "stems:1"), 1), "one of another namespace")
	f.giveBack(run, 1<<20)
	require.Equal(t, 256, taken(run, 100), "small ones are counted, too")

	signals, bytes := 0, 0
	for range 14 * 24 { // the longest deadline
		now = now.Add(time.Hour)
		signals += taken(run, 1)
	}
	require.Less(t, 2*(1024+signals), 10_000)
	for range 14 {
		now = now.Add(24 * time.Hour)
		bytes += taken(run, 1<<20) << 20
	}
	require.Less(t, 2*(burst+bytes), 50<<20)
	now = now.Add(time.Hour)
	require.True(t, f.take(run, 20_000), "a callback gets through soon")
}

func TestWorkflowsAreForgotten(t *testing.T) {
	now := time.Unix(0, 0)
	f := newFlood()
	f.now = func() time.Time { return now }
	run := func(i int) workflowKey { return keyOf("music", fmt.Sprint(i)) }
	require.True(t, f.take(run(-1), 1))
	f.giveBack(run(-1), 1)
	require.Empty(t, f.buckets, "what Temporal does not know")

	require.True(t, f.take(run(0), burst))
	for i := 1; i < rememberedWorkflows; i++ {
		require.True(t, f.take(run(i), 1))
	}
	require.False(t, f.take(run(-1), 1), "there is no room for more")
	require.False(t, f.take(run(0), 1), "nothing is forgotten")
	require.True(t, f.take(run(1), 1))
	now = now.Add(time.Hour)
	require.True(t, f.take(run(-1), 1))
	require.Len(t, f.buckets, 2, "the others are full again")
	require.False(t, f.take(run(0), burst/2))
}

// Whoever has taken over a bridge can send ids of a megabyte, and signals that Temporal refuses.
func TestLongIDsTakeNoMemory(t *testing.T) {
	f := newFlood()
	heap := func() int {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return int(stats.HeapAlloc)
	}
	before := heap()
	for i := range 100 {
		require.True(t, f.take(keyOf("music", strings.Repeat("x", 1<<20)+fmt.Sprint(i)), 1))
	}
	require.Less(t, heap()-before, 10<<20)
	require.Len(t, f.buckets, 100)
}

func TestWhatTemporalSurelyHasNotIsGivenBack(t *testing.T) {
	run := keyOf("music", "stems:1")
	for _, c := range []struct {
		err  error
		left int
	}{
		{nil, 1},
		{serviceerror.NewUnavailable("away"), 1},
		{serviceerror.NewNotFound("no such run"), 0},
		{serviceerror.NewInvalidArgument("the request id is too long"), 0},
	} {
		f := newFlood()
		_, err := bounded(f, run, &emptypb.Empty{}, func() (int, error) { return 0, c.err })
		require.Equal(t, c.err, err)
		require.Len(t, f.buckets, c.left, "%v", c.err)
	}
}
