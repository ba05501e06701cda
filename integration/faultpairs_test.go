package integration

import (
	"context"
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/internal/devservers/serverstest"
)

var (
	pairsMatch = flag.String(
		"pairs",
		"",
		"the fault pairs that BenchmarkFaultPairs runs, as a regular expression; all if empty",
	)
	pairsAtOnce = flag.Int("pairs-at-once", 12, "how many fault pairs BenchmarkFaultPairs runs at the same time")
)

// TestFaultPairs plays the pairs that would cost money first. BenchmarkFaultPairs plays all of
// them.
func TestFaultPairs(t *testing.T) {
	serverstest.SkipIfShort(t)
	t.Parallel()
	for _, pair := range tellingPairs {
		t.Run(pair.String(), func(t *testing.T) {
			t.Parallel()
			outcome := playPair(t, pair)
			require.Empty(t, outcome.broken, outcome.String())
			t.Log(outcome)
		})
	}
}

// Every pair is there once, and its second fault does not come before its first.
func TestFaultPairsAreWellFormed(t *testing.T) {
	order := map[runMoment]int{}
	for i, m := range moments {
		order[m] = i
	}
	seen := map[string]bool{}
	for _, pair := range faultPairs() {
		require.False(t, seen[pair.String()], pair)
		seen[pair.String()] = true
		require.LessOrEqual(t, order[pair.first.at], order[pair.second.at], pair)
	}
	for _, pair := range tellingPairs {
		require.True(t, seen[pair.String()], pair)
	}
}

// BenchmarkFaultPairs runs all pairs of faults, each at its moments, and prints a table in
// Markdown.
//
//	go test ./integration -run '^$' -bench FaultPairs -benchtime 1x -timeout 2h
//
// -pairs and -pairs-at-once may follow.
func BenchmarkFaultPairs(b *testing.B) {
	wanted, err := regexp.Compile(*pairsMatch)
	require.NoError(b, err)
	var pairs []faultPair
	for _, pair := range faultPairs() {
		if wanted.MatchString(pair.String()) {
			pairs = append(pairs, pair)
		}
	}
	require.NotEmpty(b, pairs, "no pair matches %q", *pairsMatch)
	for b.Loop() {
		begun := time.Now()
		outcomes := make([]pairOutcome, len(pairs))
		next := make(chan int)
		var players sync.WaitGroup
		var done sync.Mutex
		count := 0
		for range min(*pairsAtOnce, len(pairs)) {
			players.Go(func() {
				for i := range next {
					outcomes[i] = playAlone(b, pairs[i])
					done.Lock()
					count++
					fmt.Fprintf(os.Stderr, "%d/%d %s: %s\n", count, len(pairs), pairs[i], outcomes[i])
					done.Unlock()
				}
			})
		}
		for i := range pairs {
			next <- i
		}
		close(next)
		players.Wait()
		fmt.Print(pairTable(pairs, outcomes, time.Since(begun)))
		for i, outcome := range outcomes {
			if outcome.failed() {
				b.Errorf("%s: %s", pairs[i], outcome)
			}
		}
	}
}

// pairOutcome is an outcome, or what kept it from being one.
type pairOutcome struct {
	faultOutcome
	failure string
}

func (o pairOutcome) failed() bool { return o.failure != "" || len(o.broken) > 0 }

func (o pairOutcome) String() string {
	text := o.faultOutcome.String()
	if o.failure != "" {
		text += ": " + o.failure
	}
	if o.failed() {
		return "FAILED: " + text
	}
	return text
}

// pairTable is the table of the documents.
func pairTable(pairs []faultPair, outcomes []pairOutcome, took time.Duration) string {
	var table strings.Builder
	failed := 0
	fmt.Fprintln(&table, "| first fault | at | second fault | at | billed | runs | how they ended | s |")
	fmt.Fprintln(&table, "|---|---|---|---|---|---|---|---|")
	for i, pair := range pairs {
		o := outcomes[i]
		ended := strings.Join(o.ended, ", then ")
		if o.failed() {
			failed++
			wrong := strings.Join(append(o.broken[:len(o.broken):len(o.broken)], o.failure), "; ")
			wrong = strings.Join(strings.Fields(strings.ReplaceAll(wrong, "|", "/")), " ") // one cell, one line
			ended += " **FAILED**: " + strings.TrimSuffix(wrong, ";")
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %s | %d | %d | %s | %.0f |\n",
			pair.first.fault, pair.first.at, pair.second.fault, pair.second.at,
			o.billed, len(o.ended), ended, o.took.Seconds())
	}
	fmt.Fprintf(&table, "\n%d pairs, %d failed, in %v.\n", len(pairs), failed, took.Round(time.Minute))
	return table.String()
}

// soloT lets one pair fail without the others: it collects what a test would report, and cleans up
// by itself.
type soloT struct {
	testing.TB
	ctx context.Context

	mu       sync.Mutex
	failures []string
	cleanups []func()
}

// playAlone plays a pair in a goroutine of its own, which a requirement that is not met ends.
func playAlone(b *testing.B, pair faultPair) pairOutcome {
	ctx, cancel := context.WithCancel(b.Context())
	t := &soloT{TB: b, ctx: ctx}
	begun := time.Now()
	var outcome pairOutcome
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer t.cleanUp()
		defer cancel()
		outcome.faultOutcome = playPair(t, pair)
	}()
	<-done
	outcome.took = time.Since(begun)
	outcome.failure = strings.Join(t.failures, "; ")
	return outcome
}

func (t *soloT) Context() context.Context { return t.ctx }

func (t *soloT) Helper() {}

func (t *soloT) Errorf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures = append(t.failures, fmt.Sprintf(format, args...))
}

// FailNow ends the pair's goroutine, and leaves the benchmark alone.
func (t *soloT) FailNow() { runtime.Goexit() }

func (t *soloT) Cleanup(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cleanups = append(t.cleanups, f)
}

func (t *soloT) cleanUp() {
	for len(t.cleanups) > 0 {
		last := len(t.cleanups) - 1
		f := t.cleanups[last]
		t.cleanups = t.cleanups[:last]
		f()
	}
}

func (t *soloT) TempDir() string {
	dir, err := os.MkdirTemp("", "stemflow-pair-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
