package integration

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"stemflow"
	"stemflow/kiesim"
	"stemflow/plugin"
)

// The provider takes 20 new tasks in 10 seconds from one account. The workers of a submit queue
// take turns, and stay below it together at the default rate. They use it up: the last ones of a
// backlog come no slower, on whatever partitions of the queue Temporal has put them.
func TestSubmitRateHoldsOverAllWorkers(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 3} {
		t.Run(fmt.Sprint(workers), func(t *testing.T) {
			t.Parallel()
			s := newStack(t, func(s *stack) {
				s.cfg.SubmitRate = 0 // the default
				s.cfg.SubmitTaskQueue = s.queue + "-shared-submit"
			})
			hosts := []*stack{s}
			for i := 1; i < workers; i++ {
				p, err := plugin.New(s.cfg)
				require.NoError(t, err)
				host := *s
				host.queue = fmt.Sprint(s.queue, "-", i)
				w := worker.New(s.client, host.queue, worker.Options{Plugins: []worker.Plugin{p}})
				require.NoError(t, w.Start())
				defer w.Stop()
				hosts = append(hosts, &host)
			}
			const tracks = 40
			runs := make([]client.WorkflowRun, tracks)
			for i := range runs {
				runs[i] = hosts[i%workers].start(track(stemflow.SeparateVocal))
			}
			for _, run := range runs {
				s.result(run)
			}
			bill := s.sim.Bill()
			require.Len(t, bill.Charges, tracks)
			require.Equal(t, tracks, bill.Requests["generate"], "not one was refused")
			requireRate(t, bill.Charges)
		})
	}
}

func requireRate(t *testing.T, charges []kiesim.Charge) {
	t.Helper()
	at := make([]time.Time, len(charges))
	for i, c := range charges {
		at[i] = c.At
	}
	slices.SortFunc(at, time.Time.Compare)
	most, first := 0, 0
	for i := range at {
		for at[i].Sub(at[first]) >= 10*time.Second {
			first++
		}
		most = max(most, i-first+1)
	}
	took := at[len(at)-1].Sub(at[0]) // which says as much of the machine as of the turns
	t.Logf("%d in %v: %.1f a minute, at most %d in 10 s", len(at), took, float64(len(at)-1)/took.Minutes(), most)
	require.LessOrEqual(t, most, 20)
}
