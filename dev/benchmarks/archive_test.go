package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/devservers/serverstest"
)

// The implementations are this binary, too.
func TestMain(m *testing.M) {
	if isImplementation(os.Args) {
		os.Exit(implementationMain(os.Args))
	}
	os.Exit(m.Run())
}

// Each way brings all of a small load into the store; what is missing or doubled fails.
func TestEveryImplementationStoresEverything(t *testing.T) {
	serverstest.SkipIfShort(t)
	s, err := newSuite(t.Context(), inMemory)
	require.NoError(t, err)
	defer s.close()
	s.ways, err = waysOf("", false)
	require.NoError(t, err)
	l := load{3, 100_000}
	results, err := s.compare(t.Context(), l, 1)
	require.NoError(t, err)
	require.Len(t, results, len(order)-1, "all but rclone")
	for name, runs := range results {
		require.Positive(t, runs[0].time, name)
		require.Positive(t, runs[0].peak, name)
	}
	require.Equal(t, len(order)+2, strings.Count(table(l, results), "\n"))
}

func BenchmarkArchive(b *testing.B) {
	s, err := newSuite(b.Context(), inMemory)
	require.NoError(b, err)
	defer s.close()
	s.ways, err = waysOf("", false)
	require.NoError(b, err)
	for _, l := range []load{{12, 5e6}, {12, 100e6}} {
		b.Run(l.String(), func(b *testing.B) {
			for b.Loop() {
				results, err := s.compare(b.Context(), l, 5)
				require.NoError(b, err)
				b.Log("\n" + table(l, results))
				for _, name := range []string{"activities", "worker"} {
					b.ReportMetric(perRound(results[name], results["floor"], ratio), name+"/floor")
				}
			}
		})
	}
}
