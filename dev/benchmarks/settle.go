package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"

	"stemflow"
	"stemflow/internal/activityapi"
)

// settled is where the time went from the callback's arrival to the end of a run.
type settled struct {
	// confirm is until the record was read and the stems were scheduled, dispatch until the first
	// of them was begun, archive until the last of them was reported, and manifest until it was
	// written and the run closed.
	confirm, dispatch, archive, manifest time.Duration
}

func (s settled) total() time.Duration { return s.confirm + s.dispatch + s.archive + s.manifest }

// settles separates tracks one after the other, and reports for each where the time went.
func (e *engine) settles(ctx context.Context, runs int) ([]settled, error) {
	var all []settled
	for range runs {
		run, err := e.separate(ctx, stemflow.SeparateStemsInput{Type: stemflow.SplitStem})
		if err != nil {
			return nil, err
		}
		if err := run.Get(ctx, nil); err != nil {
			return nil, err
		}
		history, err := e.history(ctx, run)
		if err != nil {
			return nil, err
		}
		s, err := settledBy(history)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// settlesSkeleton is the same of the skeleton: what the engine takes for twelve activities that do
// nothing, with a look before them and a write behind.
func (e *engine) settlesSkeleton(ctx context.Context, runs int) ([]time.Duration, error) {
	var all []time.Duration
	for range runs {
		run, err := e.runSkeleton(ctx, len(stemflow.ExpectedStems(stemflow.SplitStem, "")))
		if err != nil {
			return nil, err
		}
		if err := run.Get(ctx, nil); err != nil {
			return nil, err
		}
		history, err := e.history(ctx, run)
		if err != nil {
			return nil, err
		}
		var arrived time.Time
		for _, event := range history {
			if event.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED {
				arrived = event.GetEventTime().AsTime()
			}
		}
		all = append(all, history[len(history)-1].GetEventTime().AsTime().Sub(arrived))
	}
	return all, nil
}

// settledBy reads the times of a history that a callback settled. Events of activities do not stand
// in the order in which they happened.
func settledBy(history []*historypb.HistoryEvent) (settled, error) {
	var arrived, scheduled, first, last, closed time.Time
	stems := map[int64]bool{}
	for _, event := range history {
		at := event.GetEventTime().AsTime()
		switch event.GetEventType() {
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
			arrived = at
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			if event.GetActivityTaskScheduledEventAttributes().
				GetActivityType().
				GetName() ==
				activityapi.ActivityArchiveStem {
				stems[event.GetEventId()] = true
				scheduled = at
			}
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED:
			if stems[event.GetActivityTaskStartedEventAttributes().GetScheduledEventId()] &&
				(first.IsZero() || at.Before(first)) {
				first = at
			}
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
			if stems[event.GetActivityTaskCompletedEventAttributes().GetScheduledEventId()] && at.After(last) {
				last = at
			}
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
			closed = at
		}
	}
	if arrived.IsZero() || first.IsZero() || closed.IsZero() {
		return settled{}, errors.New("the run was not settled by its callback")
	}
	return settled{
		confirm: scheduled.Sub(arrived), dispatch: first.Sub(scheduled), archive: last.Sub(first),
		manifest: closed.Sub(last),
	}, nil
}

// settleTable has the median of each part.
func settleTable(all []settled, skeleton []time.Duration) string {
	part := func(of func(settled) time.Duration) string {
		values := make([]time.Duration, len(all))
		for i, s := range all {
			values[i] = of(s)
		}
		return middle(values).Round(100 * time.Microsecond).String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-28s  %10s  %10s  %10s  %10s  %10s\n", fmt.Sprintf("medians of %d separations", len(all)),
		"confirm", "dispatch", "archive", "manifest", "total")
	fmt.Fprintf(
		&b,
		"%-28s  %10s  %10s  %10s  %10s  %10s\n",
		"from the callback on",
		part(
			func(s settled) time.Duration { return s.confirm },
		),
		part(func(s settled) time.Duration { return s.dispatch }),
		part(
			func(s settled) time.Duration { return s.archive },
		),
		part(func(s settled) time.Duration { return s.manifest }),
		part(settled.total),
	)
	fmt.Fprintf(&b, "the skeleton's total: %s\n", middle(skeleton).Round(100*time.Microsecond))
	return b.String()
}
