package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"stemflow/internal/activityapi"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"stemflow"
)

const (
	lookInterval = time.Second
	// lookTimeout bounds each question: a query waits for a worker, and there may be none.
	lookTimeout = 3 * time.Second
)

// observation is what can be seen of a run at one moment.
type observation struct {
	// Progress is the run's own answer; nil: it has not answered.
	Progress *stemflow.Progress
	// Trouble is why little can be seen: no worker, no answer. Empty: all is well.
	Trouble string
	// Untaken tells that the first task of the run waits for a worker: for a moment that is always so.
	Untaken bool
	// Activities is what stands between the run's answers: it cannot see it itself.
	Activities activities
}

// activities is what the pending activities tell.
type activities struct {
	// Transfers are the stems under way, Retries those that are tried again, by name.
	Transfers map[string]transfer
	Retries   map[string]failing
	// Submitting is true while the paid call is made, not while it waits for its turn.
	Submitting bool
	// Polls is how often the provider's record has been looked at since polling began.
	Polls int
	// Failing are the other activities that are tried again.
	Failing []failing
}

// failures are all that is tried again, stems in the order of their names.
func (a activities) failures() []failing {
	all := slices.Clone(a.Failing)
	for _, name := range slices.Sorted(maps.Keys(a.Retries)) {
		all = append(all, a.Retries[name])
	}
	return all
}

// transfer is a stem on its way to the archive.
type transfer struct {
	// Bytes are those moved so far, Total is 0 while it is not known.
	Bytes, Total int64
	// Rate is bytes per second since the attempt began; 0: not known yet.
	Rate float64
}

// failing is an activity whose last attempt failed.
type failing struct {
	// What is done, as in "reading the provider's record".
	What    string
	Attempt int
	Message string
}

func (f failing) text() string { return fmt.Sprintf("attempt %d: %s", f.Attempt, f.Message) }

// observe looks at a run every second until ctx ends. What it cannot see is no error: the display says so and goes on.
func observe[O any](ctx context.Context, look func(context.Context, O) O, seen chan<- O) {
	var last O
	for {
		last = look(ctx, last)
		select {
		case seen <- last:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(lookInterval):
		case <-ctx.Done():
			return
		}
	}
}

// look is one observation. It keeps what was last known where there is no answer.
func look(ctx context.Context, c client.Client, queue string, run client.WorkflowRun, last observation) observation {
	g, pending := glanceAt(ctx, c, queue, run.GetID(), run.GetRunID(), glance[stemflow.Progress]{last.Progress, last.Trouble, last.Untaken})
	if pending == nil {
		last.Trouble = g.trouble
		return last
	}
	return observation{Progress: g.progress, Trouble: g.trouble, Untaken: g.untaken, Activities: pendingActivities(pending.GetPendingActivities())}
}

// glance is what can be seen of any kind of run: the fields are those of an observation.
type glance[P any] struct {
	progress *P
	trouble  string
	untaken  bool
}

// glanceAt asks how a run stands; an empty runID is the latest run. There is no description if Temporal does not answer.
func glanceAt[P any](
	ctx context.Context, c client.Client, queue, workflowID, runID string, last glance[P],
) (glance[P], *workflowservice.DescribeWorkflowExecutionResponse) {
	description, err := describe(ctx, c, workflowID, runID)
	if err != nil {
		last.trouble = "Temporal does not answer"
		return last, nil
	}
	now := glance[P]{progress: last.progress}
	task := description.GetPendingWorkflowTask()
	// A query would only wait for the pending task.
	switch now.untaken = last.progress == nil && task.GetState() == enumspb.PENDING_WORKFLOW_TASK_STATE_SCHEDULED; {
	case task.GetAttempt() > 1:
		now.trouble = fmt.Sprintf("the worker fails to go on, attempt %d; its log says why", task.GetAttempt())
		return now, description
	case now.untaken && last.untaken:
		now.trouble = noWorkerYet(queue)
		return now, description
	case now.untaken:
		return now, description
	}
	progress, err := queryProgress[P](ctx, c, workflowID, runID)
	if err != nil {
		now.trouble = "the worker does not answer at the moment"
		return now, description
	}
	now.progress = progress
	return now, description
}

func noWorkerYet(queue string) string {
	return "no worker of task queue " + queue + " has taken it yet"
}

func describe(ctx context.Context, c client.Client, workflowID, runID string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	description, err := c.DescribeWorkflow(ctx, workflowID, runID)
	if err != nil {
		return nil, err
	}
	return description.RawResponse, nil
}

func queryProgress[P any](ctx context.Context, c client.Client, workflowID, runID string) (*P, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	answer, err := c.QueryWorkflow(ctx, workflowID, runID, stemflow.QueryProgress)
	if err != nil {
		return nil, err
	}
	progress := new(P)
	return progress, answer.Get(progress)
}

// doing says what an activity does, for a person.
var doing = map[string]string{
	activityapi.ActivityPrepareArchive:      "looking at the archive",
	activityapi.ActivitySubmitSeparation:    "submitting the track",
	activityapi.ActivityRecordSubmission:    "completing the ledger",
	activityapi.ActivityAdoptCallback:       "recording another run's callback",
	activityapi.ActivityGetSeparationRecord: "reading the provider's record",
	activityapi.ActivityRenewSource:         "renewing a link",
	activityapi.ActivityArchiveStem:         "archiving a stem",
	activityapi.ActivityWriteManifest:       "writing the manifest",

	activityapi.ActivityPrepareCatalog:     "checking the tracks",
	activityapi.ActivityReadCatalog:        "reading the next tracks",
	activityapi.ActivityGetBalance:         "looking at the account's balance",
	activityapi.ActivityAwaitSeparation:    "awaiting a track",
	activityapi.ActivityRecordOutcomes:     "recording outcomes",
	activityapi.ActivityWriteCatalogReport: "writing the report",
}

func pendingActivities(pending []*workflowpb.PendingActivityInfo) activities {
	a := activities{Transfers: map[string]transfer{}, Retries: map[string]failing{}}
	for _, activity := range pending {
		name := activity.GetActivityType().GetName()
		started := activity.GetState() == enumspb.PENDING_ACTIVITY_STATE_STARTED
		beat := heartbeat(activity)
		switch {
		case name == activityapi.ActivitySubmitSeparation:
			a.Submitting = started
		case name == activityapi.ActivityGetSeparationRecord:
			a.Polls = int(activity.GetAttempt()) - 1
		case beat.Name != "" && started:
			a.Transfers[beat.Name] = transfer{Bytes: beat.Bytes, Total: beat.Total, Rate: rate(activity, beat.Bytes)}
		}
		failure := activity.GetLastFailure()
		if failure == nil || isExpected(failure.GetApplicationFailureInfo().GetType()) {
			continue
		}
		f := failing{What: cmp.Or(doing[name], name), Attempt: int(activity.GetAttempt()), Message: failure.GetMessage()}
		if beat.Name != "" {
			f.What = "archiving " + beat.Name
			a.Retries[beat.Name] = f
		} else {
			a.Failing = append(a.Failing, f)
		}
	}
	return a
}

// isExpected tells whether an activity fails so by design: a record that is not done yet, a run that goes on.
func isExpected(kind string) bool {
	return kind == activityapi.ActivityErrorPending || kind == activityapi.ActivityErrorStillRunning
}

// heartbeat is what an [activityapi.ActivityArchiveStem] told last; no name: nothing yet, or it is another activity.
func heartbeat(activity *workflowpb.PendingActivityInfo) activityapi.ArchiveStemHeartbeat {
	var beat activityapi.ArchiveStemHeartbeat
	if activity.GetActivityType().GetName() != activityapi.ActivityArchiveStem || activity.GetHeartbeatDetails() == nil {
		return beat
	}
	if err := converter.GetDefaultDataConverter().FromPayloads(activity.GetHeartbeatDetails(), &beat); err != nil {
		return activityapi.ArchiveStemHeartbeat{}
	}
	return beat
}

// rate is the average since the attempt began, by the server's clock on both ends. A heartbeat of the attempt before has none.
func rate(activity *workflowpb.PendingActivityInfo, bytes int64) float64 {
	if activity.GetLastHeartbeatTime() == nil || activity.GetLastStartedTime() == nil {
		return 0
	}
	took := activity.GetLastHeartbeatTime().AsTime().Sub(activity.GetLastStartedTime().AsTime())
	if took <= 0 {
		return 0
	}
	return float64(bytes) / took.Seconds()
}
