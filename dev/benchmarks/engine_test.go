package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/internal/devservers/serverstest"
	"stemflow/kiesim"
)

func TestRatesAndWhereTheTimeGoes(t *testing.T) {
	serverstest.SkipIfShort(t)
	e, err := newEngine(t.Context(), onDisk, kiesim.Scenario{Delay: providerDelay})
	require.NoError(t, err)
	defer e.close()
	l := rateLoad{runs: 4, underWay: 2}
	results, err := e.rates(t.Context(), l, 1)
	require.NoError(t, err)
	for _, name := range []string{skeletonName, stemflowName} {
		require.Len(t, results[name], 1)
		require.Greater(t, results[name][0].events, 50, name)
	}
	require.Contains(t, rateTable(l, results), "of the skeleton's rate")

	all, err := e.settles(t.Context(), 1)
	require.NoError(t, err)
	require.Positive(t, all[0].confirm)
	require.Positive(t, all[0].archive)
	bones, err := e.settlesSkeleton(t.Context(), 1)
	require.NoError(t, err)
	require.Positive(t, bones[0])
	require.Equal(t, 3, strings.Count(settleTable(all, bones), "\n"))
}

func TestSeparationsWaitAndFinish(t *testing.T) {
	serverstest.SkipIfShort(t)
	w, err := wait(t.Context(), 3)
	require.NoError(t, err)
	require.Positive(t, w.finish)
	require.Equal(t, 2, strings.Count(waitTable([]waited{w}), "\n"))
}

func TestACancelledTransferIsMeasured(t *testing.T) {
	serverstest.SkipIfShort(t)
	e, err := newEngine(t.Context(), inMemory, kiesim.Scenario{Files: slowFiles})
	require.NoError(t, err)
	defer e.close()
	all, err := e.cancels(t.Context(), 2, 2)
	require.NoError(t, err)
	require.Len(t, all, 4, "two transfers of each separation")
	for _, took := range all {
		require.Positive(t, took)
	}
}

func TestTheCancelTableHoldsTheDistributionAgainstItsLimit(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100-i) * 30 * time.Millisecond
	}
	require.Regexp(t, `100 +1\.5s +2\.7s +2\.85s +2\.97s +3s +3s, met`, cancelTable(hundred))
	hundred[0] = time.Minute
	require.Contains(t, cancelTable(hundred), "met", "one of a hundred may be late")
	require.Contains(t, cancelTable(hundred[:1]), "MISSED")
}

func BenchmarkEngine(b *testing.B) {
	e, err := newEngine(b.Context(), onDisk, kiesim.Scenario{Delay: providerDelay})
	require.NoError(b, err)
	defer e.close()
	l := rateLoad{runs: 300, underWay: 100}
	for b.Loop() {
		results, err := e.rates(b.Context(), l, 1)
		require.NoError(b, err)
		b.Log("\n" + rateTable(l, results))
		b.ReportMetric(
			float64(results[skeletonName][0].time)/float64(results[stemflowName][0].time),
			"stemflow/skeleton",
		)
	}
}

func BenchmarkWaiting(b *testing.B) {
	for b.Loop() {
		w, err := wait(b.Context(), 1000)
		require.NoError(b, err)
		b.Log("\n" + waitTable([]waited{w}))
	}
}
