package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"golang.org/x/sync/errgroup"

	"stemflow"
	"stemflow/kiesim"
)

// waited is what it took to let many separations wait at once, and to finish them.
type waited struct {
	runs int
	// start is until all were waiting, finish from the first callback to the last end.
	start, finish time.Duration
	// again counts the callbacks that Temporal was too busy to take at once: they were sent again
	// after a second.
	again int
	// idle, waiting and peak are the worker's resident memory in bytes; temporal is the server's
	// peak.
	idle, waiting, peak, temporal int64
}

// atOnce is how many starts and callbacks are under way at the same time.
const atOnce = 64

// patient never polls while it is looked at.
var patient = stemflow.SeparateStemsInput{
	CallbackGrace: stemflow.Duration(12 * time.Hour),
	Deadline:      stemflow.Duration(24 * time.Hour),
}

// wait lets so many separations of two stems wait at once on one worker, and then calls all of them
// back.
func wait(ctx context.Context, runs int) (w waited, err error) {
	// The provider is done at once, and keeps it to itself.
	e, err := newEngine(ctx, onDisk, kiesim.Scenario{Callback: kiesim.Callback{Lost: true}})
	if err != nil {
		return w, err
	}
	defer e.close()
	w.runs = runs
	if err := e.warmUp(ctx); err != nil {
		return w, err
	}
	idle, err := processOf(e.worker.PID())
	if err != nil {
		return w, err
	}

	began := time.Now()
	if err := times(ctx, runs, func(ctx context.Context, _ int) error {
		_, err := e.separate(ctx, patient)
		return err
	}); err != nil {
		return w, err
	}
	if err := e.until(ctx, func() (bool, error) { return len(e.sim.Bill().Charges) == 1+runs, nil }); err != nil {
		return w, err
	}
	w.start = time.Since(began)
	time.Sleep(2 * time.Second) // the last of them note that they are paid for
	waiting, err := processOf(e.worker.PID())
	if err != nil {
		return w, err
	}

	var again atomic.Int64
	charges := e.sim.Bill().Charges[1:]
	began = time.Now()
	if err := times(ctx, runs, func(ctx context.Context, i int) error {
		for {
			status, err := e.sim.SendCallback(ctx, kiesim.CallbackNow{TaskID: charges[i].TaskID})
			if err != nil || status == http.StatusOK {
				return err
			}
			again.Add(1)
			time.Sleep(time.Second)
		}
	}); err != nil {
		return w, err
	}
	if err := e.until(ctx, func() (bool, error) {
		done, err := e.count(ctx, "ExecutionStatus = 'Completed'")
		return done == 1+int64(runs), err
	}); err != nil {
		return w, err
	}
	w.finish = time.Since(began)
	after, err := processOf(e.worker.PID())
	if err != nil {
		return w, err
	}
	server, err := processOf(e.temporal.PID())
	w.again = int(again.Load())
	w.idle, w.waiting, w.peak, w.temporal = idle.resident, waiting.resident, after.peak, server.peak
	return w, err
}

// warmUp separates one track by polling, so that the worker has done what it does once.
func (e *engine) warmUp(ctx context.Context) error {
	run, err := e.separate(
		ctx,
		stemflow.SeparateStemsInput{
			CallbackGrace: stemflow.Duration(time.Second),
			PollInterval:  stemflow.MinPollInterval,
		},
	)
	if err != nil {
		return err
	}
	return run.Get(ctx, nil)
}

func times(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i := range n {
		group.Go(func() error { return do(ctx, i) })
	}
	return group.Wait()
}

// until looks once a second whether something has come about, and whether a run has failed.
func (e *engine) until(ctx context.Context, reached func() (bool, error)) error {
	for {
		if done, err := reached(); done || err != nil {
			return err
		}
		ended, err := e.count(ctx, "ExecutionStatus NOT IN ('Running', 'Completed')")
		if err != nil {
			return err
		}
		if ended > 0 {
			return fmt.Errorf("%d runs have failed", ended)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// count asks Temporal how many separations are in a state.
func (e *engine) count(ctx context.Context, state string) (int64, error) {
	answer, err := e.client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Query: fmt.Sprintf("WorkflowType = '%s' AND %s", stemflow.WorkflowSeparateStems, state),
	})
	return answer.GetCount(), err
}

// waitTable compares numbers of runs.
func waitTable(all []waited) string {
	var b strings.Builder
	fmt.Fprintf(
		&b,
		"%-8s  %9s  %12s  %9s  %12s  %9s  %12s  %9s  %14s  %6s\n",
		"waiting",
		"start",
		"ms each",
		"finish",
		"ms each",
		"idle MiB",
		"waiting MiB",
		"peak MiB",
		"Temporal, MiB",
		"again",
	)
	for _, w := range all {
		each := func(d time.Duration) float64 { return d.Seconds() * 1e3 / float64(w.runs) }
		fmt.Fprintf(
			&b,
			"%-8d  %9s  %12.1f  %9s  %12.1f  %9d  %12d  %9d  %14d  %6d\n",
			w.runs,
			w.start.Round(100*time.Millisecond),
			each(w.start),
			w.finish.Round(100*time.Millisecond),
			each(w.finish),
			w.idle>>20,
			w.waiting>>20,
			w.peak>>20,
			w.temporal>>20,
			w.again,
		)
	}
	return b.String()
}
