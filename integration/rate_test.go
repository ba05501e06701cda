package integration

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"stemflow"
	"stemflow/plugin"
)

// The provider takes 20 new tasks in 10 seconds from one account. The default rate keeps all
// workers of a submit queue below it together, with no coordination of their own.
func TestSubmitRateHoldsOverAllWorkers(t *testing.T) {
	t.Parallel()
	s := newStack(t, func(s *stack) {
		s.cfg.SubmitRate = 0 // the default
		s.cfg.SubmitTaskQueue = s.queue + "-shared-submit"
	})
	p, err := plugin.New(s.cfg)
	require.NoError(t, err)
	second := worker.New(s.client, s.queue+"-second", worker.Options{Plugins: []worker.Plugin{p}})
	require.NoError(t, second.Start())
	defer second.Stop()

	const tracks = 40
	runs := make([]client.WorkflowRun, tracks)
	for i := range runs {
		host := *s
		if i%2 == 1 {
			host.queue += "-second"
		}
		runs[i] = host.start(track(stemflow.SeparateVocal))
	}
	for _, run := range runs {
		s.result(run)
	}
	charges := s.sim.Bill().Charges
	require.Len(t, charges, tracks)
	for i := range charges {
		within := 0
		for _, later := range charges[i:] {
			if later.At.Sub(charges[i].At) < 10*time.Second {
				within++
			}
		}
		require.LessOrEqual(t, within, 20)
	}
	require.Equal(t, tracks, s.sim.Bill().Requests["generate"], "not one was refused")
}
