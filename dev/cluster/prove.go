package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/dev/internal/proving"
	"stemflow/kiesim"
)

const (
	// fullProof is the number of tracks whose separation takes long enough for all faults.
	fullProof = 300
	// kind is that of all tracks: twelve stems, the most work.
	kind = stemflow.SplitStem
	// deadline ends the runs whose submit has an unknown outcome, and is far above what the
	// provider takes. Everything else is as by default.
	deadline = 3 * time.Minute
	// proofWithin is how long all of it may take, on a slow machine.
	proofWithin = 2 * time.Hour
	catalogName = "proof"
)

// track is one that the proof follows to its end.
type track struct {
	in         stemflow.SeparateStemsInput
	catalogued bool
	// scenario is how the provider behaves towards it, and remedy what its submit needs that is cut
	// on purpose.
	scenario kiesim.Scenario
	remedy   string
	// ends are how its runs ended, and what was done about them.
	ends     []string
	archived bool
}

func (t *track) end(format string, args ...any) {
	t.ends = append(t.ends, fmt.Sprintf(format, args...))
}

// proof is one run of it.
type proof struct {
	*cluster
	tracks []*track
	begun  time.Time
	calm   bool
}

// proveOn brings a cluster up, separates the tracks, and returns all that can be said about it.
func proveOn(ctx context.Context, server server, tracks int, calm bool) (found evidence, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, proofWithin, fmt.Errorf("the proof took more than %v", proofWithin))
	defer cancel()
	c, err := newCluster(server)
	if err != nil {
		return found, err
	}
	defer c.close()
	defer func() {
		failed := err != nil || len(judge(found)) > 0
		if interrupted := errors.Is(context.Cause(ctx), context.Canceled); failed && !interrupted {
			proving.KeepLogs(c.logs(), "stemflow-cluster-logs-")
		}
	}()
	fmt.Printf("a cluster with Temporal's %s server, in %s\n", server, c.dir)
	if err := c.up(ctx, defaultSeparationTime); err != nil {
		return found, err
	}
	p := &proof{cluster: c, begun: time.Now(), tracks: newTracks(tracks, calm), calm: calm}
	if err := p.setScenarios(ctx); err != nil {
		return found, err
	}
	return p.run(ctx)
}

func (p *proof) run(ctx context.Context) (evidence, error) {
	// The faults and the tracks end each other: without the one the other proves nothing.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var faults []fault
	done := make(chan struct{})
	var striking sync.WaitGroup
	striking.Go(func() {
		if p.calm {
			return
		}
		var err error
		if faults, err = p.strike(ctx, done); err != nil {
			cancel(err)
		}
	})
	err := p.awaitTracks(ctx)
	took := time.Since(p.begun)
	close(done)
	striking.Wait()
	if err != nil {
		return evidence{}, errors.Join(err, context.Cause(ctx))
	}
	fmt.Printf("ok  %5.1fs  every track has come to its end\n", took.Seconds())
	for _, t := range p.tracks {
		if len(t.ends) > 1 {
			fmt.Printf("    the track %s ended with %s\n", t.in.AudioID, strings.Join(t.ends, ", then "))
		}
	}
	return p.collect(ctx, faults, took)
}

// startCatalog starts the half of the tracks that are a catalogue, as an operator does.
func (p *proof) startCatalog(ctx context.Context) error {
	var list strings.Builder
	list.WriteString("taskId,audioId,deadline\n")
	for _, t := range p.tracks {
		if t.catalogued {
			fmt.Fprintf(&list, "%s,%s,%s\n", t.in.TaskID, t.in.AudioID, t.in.Deadline)
		}
	}
	file := filepath.Join(p.dir, catalogName+".csv")
	if err := os.WriteFile(file, []byte(list.String()), 0o600); err != nil {
		return err
	}
	answer, err := p.stemflow(ctx, "catalog", "--file", file, "--name", catalogName, "--type", string(kind),
		"--yes", "--json")
	if err == nil && answer.Error != nil {
		err = answer.Error
	}
	if err != nil {
		return fmt.Errorf("start the catalogue: %w", err)
	}
	return nil
}

// awaitTracks starts all tracks and follows them to their end. First come those whose submit is
// cut: kiesim knows of that only until it is killed.
func (p *proof) awaitTracks(ctx context.Context) error {
	var waiting sync.WaitGroup
	errs := make([]error, len(p.tracks)+1)
	start := func(isCut bool) error {
		for i, t := range p.tracks {
			if t.catalogued || isCut != (t.remedy != "") {
				continue
			}
			run, err := p.startTrack(ctx, t)
			if err != nil {
				return err
			}
			waiting.Go(func() {
				if errs[i] = p.awaitRun(ctx, t, run); errs[i] == nil {
					errs[i] = p.follow(ctx, t)
				}
			})
		}
		return nil
	}
	err := start(true)
	if err == nil {
		err = p.awaitCuts(ctx)
	}
	if err == nil {
		err = p.startCatalog(ctx)
	}
	if err == nil {
		waiting.Go(func() { errs[len(p.tracks)] = p.awaitCatalog(ctx) })
		err = start(false)
	}
	if err != nil {
		return err
	}
	waiting.Wait()
	return errors.Join(errs...)
}

// awaitCuts waits until the provider has cut all that it is to cut.
func (p *proof) awaitCuts(ctx context.Context) error {
	toCut := 0
	for _, t := range p.tracks {
		if t.remedy != "" {
			toCut++
		}
	}
	return proving.Eventually(ctx, "the first submits are cut", func(ctx context.Context) error {
		bill, err := p.bill(ctx)
		if err == nil && bill.Requests["generate"] < toCut {
			err = fmt.Errorf("%d of %d are", bill.Requests["generate"], toCut)
		}
		return err
	})
}

// startTrack starts a track as a program does that uses stemflow.
func (p *proof) startTrack(ctx context.Context, t *track) (run client.WorkflowRun, err error) {
	err = proving.Eventually(ctx, "a track is started", func(ctx context.Context) error {
		run, err = p.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
			ID: stemflow.WorkflowID(t.in), TaskQueue: stemflow.TaskQueue,
			WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		}, stemflow.WorkflowSeparateStems, t.in)
		return err
	})
	return run, err
}

// awaitRun waits for the end of a run, whatever becomes of the connection.
func (p *proof) awaitRun(ctx context.Context, t *track, run client.WorkflowRun) error {
	for {
		err := run.Get(ctx, nil)
		if err == nil {
			t.end("archived")
			t.archived = true
			return nil
		}
		if failed, ok := errors.AsType[*temporal.ApplicationError](err); ok {
			t.end("%s", failed.Type())
			return nil
		}
		if ended, ok := errors.AsType[*temporal.WorkflowExecutionError](err); ok {
			return fmt.Errorf("the run %s ended as none may: %w", run.GetID(), ended)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Second):
		}
	}
}

// awaitCatalog waits for the catalogue's end, resumes it where it has paused by itself, and follows
// the tracks that its report says are not archived.
func (p *proof) awaitCatalog(ctx context.Context) error {
	id := stemflow.CatalogWorkflowID(stemflow.SeparateCatalogInput{Name: catalogName})
	for {
		asking, cancel := context.WithTimeout(ctx, 10*time.Second)
		var progress stemflow.CatalogProgress
		answer, err := p.client.QueryWorkflow(asking, id, "", stemflow.QueryProgress)
		if err == nil {
			err = answer.Get(&progress)
		}
		cancel()
		switch {
		case err != nil: // whoever answers is away
		case progress.Phase == stemflow.CatalogDone:
			return p.followCatalog(ctx)
		case progress.Phase == stemflow.CatalogFailed || progress.Phase == stemflow.CatalogCancelled:
			return fmt.Errorf("the catalogue has %s: %+v", progress.Phase, progress.Failure)
		case progress.Paused != nil && progress.Running == 0:
			fmt.Printf("    the catalogue has paused for %s, and is resumed\n", progress.Paused.Reason)
			_, _ = p.stemflow(ctx, "catalog", "resume", "--name", catalogName, "--json") // or with the next look
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(2 * time.Second):
		}
	}
}

func (p *proof) followCatalog(ctx context.Context) error {
	var report stemflow.CatalogReport
	if err := proving.Eventually(ctx, "the catalogue's report is read", func(ctx context.Context) error {
		out, err := p.stemflowOutput(ctx, "catalog", "report", "--name", catalogName, "--json")
		if err != nil {
			return err
		}
		return json.Unmarshal(out, &report)
	}); err != nil {
		return err
	}
	outcomes := map[string]stemflow.TrackOutcome{}
	for _, outcome := range report.Outcomes {
		outcomes[outcome.AudioID] = outcome
	}
	var following sync.WaitGroup
	errs := make([]error, len(p.tracks))
	for i, t := range p.tracks {
		if !t.catalogued {
			continue
		}
		switch outcome, found := outcomes[t.in.AudioID]; {
		case !found:
			return fmt.Errorf("the catalogue's report does not speak of the track %s", t.in.AudioID)
		case outcome.Status == stemflow.TrackArchived:
			t.end("archived")
			t.archived = true
		case outcome.Reason != "":
			t.end("%s", outcome.Reason)
		default:
			t.end("%s", outcome.Status)
		}
		following.Go(func() { errs[i] = p.follow(ctx, t) })
	}
	following.Wait()
	return errors.Join(errs...)
}

// bill is the provider's.
func (c *cluster) bill(ctx context.Context) (kiesim.Bill, error) {
	var bill kiesim.Bill
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.kiesim+"/sim/bill", nil)
	if err != nil {
		return bill, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return bill, err
	}
	defer response.Body.Close()
	return bill, json.NewDecoder(response.Body).Decode(&bill)
}
