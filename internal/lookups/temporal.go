package lookups

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"stemflow"
	"stemflow/internal/series"
)

const (
	// page is how many runs one listing may have. Visibility of any kind lists so many at once.
	page = 100
	// bisections bounds how often the oldest of many runs is narrowed down: 2^32 seconds are more
	// than a namespace keeps.
	bisections = 32
	// catalogsAsked is how many open catalogues are asked whether they are paused: each answer is a
	// task for a worker.
	catalogsAsked = 50
	// askTimeout bounds the answer of one catalogue. A stuck one must not use up the time of all.
	askTimeout = 5 * time.Second
)

// Temporal is the part of Temporal's client that is used. Every visibility store can answer: no
// ORDER BY, no GROUP BY, no search attribute but the standard ones.
type Temporal interface {
	CountWorkflow(context.Context, *workflowservice.CountWorkflowExecutionsRequest) (
		*workflowservice.CountWorkflowExecutionsResponse, error)
	ListWorkflow(context.Context, *workflowservice.ListWorkflowExecutionsRequest) (
		*workflowservice.ListWorkflowExecutionsResponse, error)
	QueryWorkflow(ctx context.Context, workflowID, runID, queryType string, args ...any) (converter.EncodedValue, error)
}

// openRuns counts the open runs of a type and finds when the oldest was started.
func (l *Lookups) openRuns(ctx context.Context, workflowType string) (int64, time.Time, error) {
	query := l.query(workflowType)
	open, err := l.count(ctx, query)
	if err != nil || open == 0 {
		return 0, time.Time{}, err
	}
	if open > page {
		if query, err = l.eldest(ctx, query); err != nil {
			return 0, time.Time{}, err
		}
	}
	runs, err := l.list(ctx, query, page)
	if err != nil {
		return 0, time.Time{}, err
	}
	var oldest time.Time
	for _, run := range runs {
		if started := run.GetStartTime().AsTime(); oldest.IsZero() || started.Before(oldest) {
			oldest = started
		}
	}
	return open, oldest, nil
}

// eldest narrows a query of more than one page down to runs among which the oldest is. Not every
// visibility store sorts, but all compare times.
func (l *Lookups) eldest(ctx context.Context, query string) (string, error) {
	before := func(t time.Time) string {
		return query + ` AND StartTime < "` + t.UTC().Format(time.RFC3339) + `"`
	}
	// None was started before the one, and some were before the other.
	none, some := time.Unix(0, 0), l.now().Add(time.Minute)
	for range bisections {
		if some.Sub(none) <= time.Second {
			break
		}
		middle := none.Add(some.Sub(none) / 2).Truncate(time.Second)
		n, err := l.count(ctx, before(middle))
		switch {
		case err != nil:
			return "", err
		case n == 0:
			none = middle
		case n <= page:
			return before(middle), nil
		default:
			some = middle
		}
	}
	return before(some), nil // more than a page within a second: any of them will do
}

// lookAtCatalogs asks open catalogues whether they are paused. What some answered is shown even if
// others did not.
func (l *Lookups) lookAtCatalogs(ctx context.Context) error {
	runs, err := l.list(ctx, l.query(stemflow.WorkflowSeparateCatalog), catalogsAsked)
	if err != nil {
		l.setPaused(nil)
		return err
	}
	paused := map[string]int{}
	for _, reason := range l.PauseReasons {
		paused[reason] = 0
	}
	var unanswered []string
	for _, run := range runs {
		reason, err := l.pauseReason(ctx, run)
		switch {
		case err != nil:
			unanswered = append(unanswered, fmt.Sprintf("%s: %v", run.GetExecution().GetWorkflowId(), err))
		case reason != "" && !slices.Contains(l.PauseReasons, reason):
			paused[series.Other]++
		case reason != "":
			paused[reason]++
		}
	}
	l.setPaused(paused)
	if len(unanswered) > 0 {
		return fmt.Errorf("%d of %d open catalogues do not say whether they are paused: %s",
			len(unanswered), len(runs), strings.Join(unanswered, "; "))
	}
	return nil
}

func (l *Lookups) setPaused(paused map[string]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paused = paused
}

// pauseReason is why a catalogue is paused; empty: it is not, or has ended meanwhile.
func (l *Lookups) pauseReason(ctx context.Context, run *workflowpb.WorkflowExecutionInfo) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	execution := run.GetExecution()
	answer, err := l.Temporal.QueryWorkflow(
		ctx, execution.GetWorkflowId(), execution.GetRunId(), stemflow.QueryProgress,
	)
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		return "", nil
	}
	var progress stemflow.CatalogProgress
	if err == nil {
		err = answer.Get(&progress)
	}
	if err != nil {
		return "", err
	}
	if progress.Paused == nil {
		return "", nil
	}
	return progress.Paused.Reason, nil
}

// query asks for the open runs of a type on the worker's task queue.
func (l *Lookups) query(workflowType string) string {
	return fmt.Sprintf(`ExecutionStatus = "Running" AND WorkflowType = "%s" AND TaskQueue = "%s"`,
		workflowType, escape.Replace(l.TaskQueue))
}

var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func (l *Lookups) count(ctx context.Context, query string) (int64, error) {
	answer, err := l.Temporal.CountWorkflow(
		ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: l.Namespace, Query: query},
	)
	if err != nil {
		return 0, fmt.Errorf("count runs: %w", err)
	}
	return answer.GetCount(), nil
}

func (l *Lookups) list(ctx context.Context, query string, most int32) ([]*workflowpb.WorkflowExecutionInfo, error) {
	answer, err := l.Temporal.ListWorkflow(
		ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: l.Namespace, Query: query, PageSize: most},
	)
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	return answer.GetExecutions(), nil
}
