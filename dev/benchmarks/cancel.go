package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/kiesim"
)

// cancelLimit is how soon a cancellation must have reached 95 of 100 running transfers.
const cancelLimit = 3 * time.Second

// slowFiles take more than a minute and a half: none of them ends while it is cancelled.
var slowFiles = map[string]kiesim.File{kiesim.AllStems: {Size: 2_000_000, BytesPerSecond: 20_000}}

// downloads records when the first download of each file began and ended.
type downloads struct {
	http.Handler
	mu   sync.Mutex
	file map[string]*download
}

type download struct {
	begin, end   sync.Once
	began, ended chan struct{}
	endedAt      time.Time
}

func newDownloads(files http.Handler) *downloads {
	return &downloads{Handler: files, file: map[string]*download{}}
}

// ServeHTTP implements http.Handler. A download ends when its response does or its client hangs up.
func (d *downloads) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || strings.HasPrefix(r.URL.Path, "/api/") {
		d.Handler.ServeHTTP(w, r)
		return
	}
	this := d.of(r.URL.Path)
	this.begin.Do(func() { close(this.began) })
	defer this.end.Do(func() {
		this.endedAt = time.Now()
		close(this.ended)
	})
	d.Handler.ServeHTTP(w, r)
}

// of returns the first download of a file, which may not have begun.
func (d *downloads) of(path string) *download {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.file[path] == nil {
		d.file[path] = &download{began: make(chan struct{}), ended: make(chan struct{})}
	}
	return d.file[path]
}

// cancels starts so many separations, so many of them at once, cancels each in the middle of its
// two transfers, and returns how long each transfer went on after that.
func (e *engine) cancels(ctx context.Context, runs, atOnce int) ([]time.Duration, error) {
	var mu sync.Mutex
	var all []time.Duration
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for range runs {
		group.Go(func() error {
			took, err := e.cancelOne(ctx)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			return err
		})
	}
	err := group.Wait()
	return all, err
}

func (e *engine) cancelOne(ctx context.Context) ([]time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	run, err := e.separate(ctx, stemflow.SeparateStemsInput{Type: stemflow.SeparateVocal})
	if err != nil {
		return nil, err
	}
	transfers, err := e.transfers(ctx, run, len(stemflow.ExpectedStems(stemflow.SeparateVocal, "")))
	if err != nil {
		return nil, err
	}
	for _, transfer := range transfers {
		if err := await(ctx, transfer.began); err != nil {
			return nil, fmt.Errorf("a transfer did not begin: %w", err)
		}
	}
	// Users cancel at any moment between two heartbeats.
	time.Sleep(2*time.Second + rand.N(4*time.Second))
	cancelled := time.Now()
	if err := e.client.CancelWorkflow(ctx, run.GetID(), run.GetRunID()); err != nil {
		return nil, err
	}
	var took []time.Duration
	for _, transfer := range transfers {
		if err := await(ctx, transfer.ended); err != nil {
			return nil, fmt.Errorf("a transfer went on after its run was cancelled: %w", err)
		}
		took = append(took, transfer.endedAt.Sub(cancelled))
	}
	if _, ok := errors.AsType[*temporal.CanceledError](run.Get(ctx, nil)); !ok {
		return nil, fmt.Errorf("%s was not cancelled", run.GetID())
	}
	return took, nil
}

// transfers waits until so many stems of a run are scheduled, and returns their downloads.
func (e *engine) transfers(ctx context.Context, run client.WorkflowRun, stems int) ([]*download, error) {
	iter := e.client.GetWorkflowHistory(
		ctx,
		run.GetID(),
		run.GetRunID(),
		true,
		enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT,
	)
	var all []*download
	for len(all) < stems && iter.HasNext() {
		event, err := iter.Next()
		if err != nil {
			return nil, err
		}
		scheduled := event.GetActivityTaskScheduledEventAttributes()
		if scheduled.GetActivityType().GetName() != activityapi.ActivityArchiveStem {
			continue
		}
		var in activityapi.ArchiveStemInput
		if err := converter.GetDefaultDataConverter().FromPayloads(scheduled.GetInput(), &in); err != nil {
			return nil, err
		}
		link, err := url.Parse(in.Stem.URL)
		if err != nil {
			return nil, err
		}
		all = append(all, e.downloads.of(link.Path))
	}
	if len(all) < stems {
		return nil, fmt.Errorf("%s ended without %d stems", run.GetID(), stems)
	}
	return all, nil
}

func await(ctx context.Context, reached <-chan struct{}) error {
	select {
	case <-reached:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// cancelTable has the distribution, and the limit of its 95th percentile.
func cancelTable(all []time.Duration) string {
	sorted := slices.Sorted(slices.Values(all))
	percentile := func(p int) time.Duration {
		return sorted[max(0, (len(sorted)*p+99)/100-1)].Round(10 * time.Millisecond)
	}
	verdict := "met"
	if percentile(95) > cancelLimit {
		verdict = "MISSED"
	}
	var b strings.Builder
	fmt.Fprintf(
		&b,
		"%-20s  %8s  %8s  %8s  %8s  %8s  %s\n",
		"cancelled transfers",
		"p50",
		"p90",
		"p95",
		"p99",
		"max",
		"limit of p95",
	)
	fmt.Fprintf(&b, "%-20d  %8s  %8s  %8s  %8s  %8s  %s, %s\n", len(all),
		percentile(50), percentile(90), percentile(95), percentile(99), percentile(100), cancelLimit, verdict)
	return b.String()
}
