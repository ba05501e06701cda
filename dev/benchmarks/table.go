package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// median of the times, with what else that run used.
func median(runs []usage) usage {
	sorted := slices.SortedFunc(slices.Values(runs), func(a, b usage) int { return int(a.time - b.time) })
	return sorted[len(sorted)/2]
}

// perRound is the median of what compares two of the same round, which a machine whose speed
// changes from minute to minute distorts least.
func perRound[T float64 | time.Duration](a, b []usage, compare func(a, b time.Duration) T) T {
	values := make([]T, len(a))
	for round := range a {
		values[round] = compare(a[round].time, b[round].time)
	}
	return middle(values)
}

// cpuOf is the median of processor times.
func cpuOf(runs []usage, of func(usage) time.Duration) time.Duration {
	values := make([]time.Duration, len(runs))
	for i, u := range runs {
		values[i] = of(u)
	}
	return middle(values).Round(10 * time.Millisecond)
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

// table has the runs of the median time, and what they are of the floor's.
func table(l load, results map[string][]usage) string {
	var b strings.Builder
	fmt.Fprintf(
		&b,
		"%-20s  %8s  %7s  %9s  %8s  %9s  %9s  %9s\n",
		l,
		"time",
		"x floor",
		"MB/s",
		"CPU",
		"store CPU",
		"peak MiB",
		"idle MiB",
	)
	for _, name := range order {
		if len(results[name]) == 0 {
			continue
		}
		u := median(results[name])
		idle := ""
		if u.idle > 0 {
			idle = fmt.Sprint(u.idle >> 20)
		}
		fmt.Fprintf(
			&b,
			"%-20s  %8s  %7.2f  %9.0f  %8s  %9s  %9d  %9s\n",
			name,
			u.time.Round(time.Millisecond),
			perRound(results[name], results["floor"], ratio),
			float64(l.stems)*float64(l.size)/1e6/u.time.Seconds(),
			cpuOf(results[name], func(u usage) time.Duration { return u.cpu }),
			cpuOf(results[name], func(u usage) time.Duration { return u.storeCPU }),
			u.peak>>20,
			idle,
		)
	}
	more := func(a, b time.Duration) time.Duration { return a - b }
	for _, name := range []string{"worker", sharedDiskName} {
		if len(results[name]) > 0 {
			share := perRound(results[name], results["activities"], more).Round(time.Millisecond)
			fmt.Fprintf(&b, "the engine's share, %s: %s\n", name, share)
		}
	}
	return b.String()
}
