package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"stemflow"
)

// rateLoad is so many runs, so many of them under way at once.
type rateLoad struct{ runs, underWay int }

// rated is what running a load took.
type rated struct {
	time time.Duration
	// cpu is processor time by program.
	cpu map[string]time.Duration
	// events and bytes are those of the histories' median.
	events, bytes int
}

const (
	stemflowName = "stemflow"
	skeletonName = "skeleton"
)

// programs are whose processor time is told, in the order of the table.
var programs = []string{"Temporal", "worker", "MinIO", "bridge", "provider"}

// rates lets stemflow and the skeleton run the load in turn, so many times over.
func (e *engine) rates(ctx context.Context, l rateLoad, rounds int) (map[string][]rated, error) {
	starts := map[string]func(context.Context) (client.WorkflowRun, error){
		stemflowName: func(ctx context.Context) (client.WorkflowRun, error) {
			return e.separate(ctx, stemflow.SeparateStemsInput{Type: stemflow.SplitStem})
		},
		skeletonName: func(ctx context.Context) (client.WorkflowRun, error) {
			return e.runSkeleton(ctx, len(stemflow.ExpectedStems(stemflow.SplitStem, "")))
		},
	}
	results := map[string][]rated{}
	names := []string{skeletonName, stemflowName}
	for _, name := range names { // what is done once, and caches, are no part of a rate
		if _, err := e.run(ctx, rateLoad{min(l.runs, 10), min(l.underWay, 10)}, starts[name]); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	for range rounds {
		for _, name := range names {
			r, err := e.run(ctx, l, starts[name])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			results[name] = append(results[name], r)
		}
		slices.Reverse(names)
	}
	return results, nil
}

// run keeps the load's number of runs under way until all are done.
func (e *engine) run(
	ctx context.Context,
	l rateLoad,
	start func(context.Context) (client.WorkflowRun, error),
) (rated, error) {
	before, err := e.processorTimes()
	if err != nil {
		return rated{}, err
	}
	began := time.Now()
	runs := make([]client.WorkflowRun, l.runs)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(l.underWay)
	for i := range runs {
		group.Go(func() (err error) {
			if runs[i], err = start(groupCtx); err != nil {
				return err
			}
			return runs[i].Get(groupCtx, nil)
		})
	}
	if err := group.Wait(); err != nil {
		return rated{}, err
	}
	r := rated{time: time.Since(began), cpu: map[string]time.Duration{}}
	after, err := e.processorTimes()
	if err != nil {
		return rated{}, err
	}
	for program := range after {
		r.cpu[program] = after[program] - before[program]
	}
	// The histories of a few: reading them all would take longer than running them.
	var events, bytes []int
	for i := 0; i < len(runs); i += max(len(runs)/20, 1) {
		history, err := e.history(ctx, runs[i])
		if err != nil {
			return rated{}, err
		}
		events, bytes = append(events, len(history)), append(bytes, sizeOf(history))
	}
	r.events, r.bytes = middle(events), middle(bytes)
	return r, nil
}

func (e *engine) processorTimes() (map[string]time.Duration, error) {
	times := map[string]time.Duration{}
	for program, pids := range map[string][]int{
		"Temporal": {e.temporal.PID()}, "worker": {e.worker.PID(), e.skeleton.Process.Pid}, "MinIO": {e.minio.PID()},
		"bridge": {e.bridge.PID()}, "provider": {os.Getpid()},
	} {
		for _, pid := range pids {
			p, err := processOf(pid)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", program, err)
			}
			times[program] += p.cpu
		}
	}
	return times, nil
}

func sizeOf(history []*historypb.HistoryEvent) int {
	bytes := 0
	for _, event := range history {
		bytes += event.Size()
	}
	return bytes
}

func middle[T int | float64 | time.Duration](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// rateTable compares the runs of the median time.
func rateTable(l rateLoad, results map[string][]rated) string {
	var b strings.Builder
	fmt.Fprintf(
		&b,
		"%-24s  %8s  %6s  %5s",
		fmt.Sprintf("%d runs, %d at once", l.runs, l.underWay),
		"a minute",
		"events",
		"KB",
	)
	for _, program := range programs {
		fmt.Fprintf(&b, "  %8s", program)
	}
	fmt.Fprintf(&b, "  CPU ms a run\n")
	medians := map[string]rated{}
	for _, name := range []string{skeletonName, stemflowName} {
		r := slices.SortedFunc(slices.Values(results[name]), func(a,
			b rated) int {
			return int(a.time - b.time)
		})[len(results[name])/2]
		medians[name] = r
		fmt.Fprintf(
			&b,
			"%-24s  %8.0f  %6d  %5.1f",
			name,
			float64(l.runs)/r.time.Minutes(),
			r.events,
			float64(r.bytes)/1e3,
		)
		for _, program := range programs {
			fmt.Fprintf(&b, "  %8.1f", r.cpu[program].Seconds()*1e3/float64(l.runs))
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(
		&b,
		"stemflow reaches %.2f of the skeleton's rate\n",
		float64(medians[skeletonName].time)/float64(medians[stemflowName].time),
	)
	return b.String()
}
