// Package observe reads runs and what is known of them out of Temporal.
package observe

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"stemflow"
	"stemflow/internal/activityapi"
)

const (
	// Interval is the pause between two observations.
	Interval = time.Second
	// observeTimeout bounds each request of an observation: a query waits for a worker, and there
	// may be none.
	observeTimeout = 3 * time.Second
)

// Observation is what can be seen of a separation at one moment.
type Observation struct {
	// Progress is the run's own answer; nil: it has not answered.
	Progress *stemflow.Progress
	// Trouble is why little can be seen: no worker, no answer. Empty: all is well.
	Trouble string
	// Untaken reports whether the first task of the run waits for a worker: for a moment that is
	// always so.
	Untaken bool
	// Activities is what the run itself cannot see.
	Activities Activities
}

// Activities is what the pending activities show.
type Activities struct {
	// Transfers are the stems under way, Retries those that are tried again, by name.
	Transfers map[string]Transfer
	Retries   map[string]Failing
	// Submitting is true while the paid call is made, not while it waits for its turn.
	Submitting bool
	// Idle is true while nothing at all is pending: the run waits for a timer or a signal.
	Idle bool
	// Polls is how often the provider's record has been read since polling began.
	Polls int
	// Failing are the other activities that are tried again.
	Failing []Failing
}

// Failures returns all that is tried again, stems in the order of their names.
func (a Activities) Failures() []Failing {
	all := slices.Clone(a.Failing)
	for _, name := range slices.Sorted(maps.Keys(a.Retries)) {
		all = append(all, a.Retries[name])
	}
	return all
}

// Transfer is a stem on its way to the archive.
type Transfer struct {
	// Bytes are those moved so far, Total is 0 while it is not known.
	Bytes, Total int64
	// Rate is bytes per second since the attempt began; 0: not known yet.
	Rate float64
}

// Failing is an activity whose last attempt failed.
type Failing struct {
	// What is done, as in "reading the provider's record".
	What    string
	Attempt int
	Message string
}

// Separation makes one observation. It keeps what was last known where there is no answer.
func Separation(
	ctx context.Context,
	c client.Client,
	run client.WorkflowRun,
	last Observation,
) Observation {
	s, description := takeSnapshot(ctx, c, run.GetID(), run.GetRunID(), snapshot[stemflow.Progress]{
		progress: last.Progress, trouble: last.Trouble, untaken: last.Untaken,
	})
	if description == nil {
		last.Trouble = s.trouble
		return last
	}
	activities := pendingActivities(description.GetPendingActivities())
	activities.Idle = len(description.GetPendingActivities()) == 0 && description.GetPendingWorkflowTask() == nil
	return Observation{Progress: s.progress, Trouble: s.trouble, Untaken: s.untaken, Activities: activities}
}

// snapshot is what can be seen of any kind of run: the fields are those of an observation.
type snapshot[P any] struct {
	progress *P
	trouble  string
	untaken  bool
}

// takeSnapshot asks for the state of a run; an empty runID is the latest run. There is no
// description if Temporal does not answer.
func takeSnapshot[P any](
	ctx context.Context, c client.Client, workflowID, runID string, last snapshot[P],
) (snapshot[P], *workflowservice.DescribeWorkflowExecutionResponse) {
	description, err := describe(ctx, c, workflowID, runID)
	if err != nil {
		last.trouble = "Temporal does not answer"
		return last, nil
	}
	now := snapshot[P]{progress: last.progress}
	task := description.GetPendingWorkflowTask()
	// A query would only wait for the pending task.
	switch now.untaken = last.progress == nil && task.GetState() == enumspb.PENDING_WORKFLOW_TASK_STATE_SCHEDULED; {
	case task.GetAttempt() > 1:
		now.trouble = fmt.Sprintf("the worker fails to go on, attempt %d; its log says why", task.GetAttempt())
		return now, description
	case now.untaken && last.untaken:
		now.trouble = noWorkerYet(description)
		return now, description
	case now.untaken:
		return now, description
	}
	progress, err := QueryProgress[P](ctx, c, workflowID, runID)
	if err != nil {
		now.trouble = "the worker does not answer at the moment"
		return now, description
	}
	now.progress = progress
	return now, description
}

// noWorkerYet names the queue of the run, which may be another than the one that is set here.
func noWorkerYet(description *workflowservice.DescribeWorkflowExecutionResponse) string {
	return "no worker of task queue " + description.GetWorkflowExecutionInfo().GetTaskQueue() + " has taken it yet"
}

// describe describes a run for an observation; a command that depends on it has more patience: see
// [Temporal.Describe].
func describe(
	ctx context.Context,
	c client.Client,
	workflowID, runID string,
) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, observeTimeout)
	defer cancel()
	description, err := c.DescribeWorkflow(ctx, workflowID, runID)
	if err != nil {
		return nil, err
	}
	return description.RawResponse, nil
}

// QueryProgress asks a run for its state.
func QueryProgress[P any](ctx context.Context, c client.Client, workflowID, runID string) (*P, error) {
	ctx, cancel := context.WithTimeout(ctx, observeTimeout)
	defer cancel()
	answer, err := c.QueryWorkflow(ctx, workflowID, runID, stemflow.QueryProgress)
	if err != nil {
		return nil, err
	}
	progress := new(P)
	return progress, answer.Get(progress)
}

// QueryOutcomes asks a catalogue for the outcomes that are not in the store yet.
func QueryOutcomes(ctx context.Context, c client.Client, workflowID string) (*[]stemflow.TrackOutcome, error) {
	ctx, cancel := context.WithTimeout(ctx, observeTimeout)
	defer cancel()
	answer, err := c.QueryWorkflow(ctx, workflowID, "", stemflow.QueryOutcomes)
	if err != nil {
		return nil, err
	}
	outcomes := new([]stemflow.TrackOutcome)
	return outcomes, answer.Get(outcomes)
}

// doing says what an activity does, for a person.
var doing = map[string]string{
	activityapi.ActivityPrepareArchive:      "looking at the archive",
	activityapi.ActivitySubmitSeparation:    "submitting the track",
	activityapi.ActivityRecordSubmission:    "completing the ledger",
	activityapi.ActivityAdoptCallback:       "recording another run's callback",
	activityapi.ActivityGetSeparationRecord: "reading the provider's record",
	activityapi.ActivityGetMusicRecord:      "asking what the track is called",
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

func pendingActivities(pending []*workflowpb.PendingActivityInfo) Activities {
	a := Activities{Transfers: map[string]Transfer{}, Retries: map[string]Failing{}}
	for _, activity := range pending {
		name := activity.GetActivityType().GetName()
		started := activity.GetState() == enumspb.PENDING_ACTIVITY_STATE_STARTED
		heartbeat := lastHeartbeat(activity)
		switch {
		case name == activityapi.ActivitySubmitSeparation:
			a.Submitting = started
		case name == activityapi.ActivityGetSeparationRecord:
			a.Polls = int(activity.GetAttempt()) - 1
		case heartbeat.Name != "" && started:
			a.Transfers[heartbeat.Name] = Transfer{
				Bytes: heartbeat.Bytes,
				Total: heartbeat.Total,
				Rate:  rate(activity, heartbeat.Bytes),
			}
		}
		failure := activity.GetLastFailure()
		if failure == nil || isExpected(failure.GetApplicationFailureInfo().GetType()) {
			continue
		}
		f := Failing{
			What:    cmp.Or(doing[name], name),
			Attempt: int(activity.GetAttempt()),
			Message: failure.GetMessage(),
		}
		if heartbeat.Name != "" {
			f.What = "archiving " + heartbeat.Name
			a.Retries[heartbeat.Name] = f
		} else {
			a.Failing = append(a.Failing, f)
		}
	}
	return a
}

// isExpected reports whether an activity fails by design: a record that is not done yet, a run that
// goes on.
func isExpected(kind string) bool {
	return kind == activityapi.ActivityErrorPending || kind == activityapi.ActivityErrorStillRunning
}

// lastHeartbeat is that of an [activityapi.ActivityArchiveStem]. It has no name before the first
// one, and for other activities.
func lastHeartbeat(activity *workflowpb.PendingActivityInfo) activityapi.ArchiveStemHeartbeat {
	var heartbeat activityapi.ArchiveStemHeartbeat
	if activity.GetActivityType().GetName() != activityapi.ActivityArchiveStem ||
		activity.GetHeartbeatDetails() == nil {
		return heartbeat
	}
	if err := converter.GetDefaultDataConverter().FromPayloads(activity.GetHeartbeatDetails(), &heartbeat); err != nil {
		return activityapi.ArchiveStemHeartbeat{}
	}
	return heartbeat
}

// rate is the average since the attempt began, by the server's clock on both ends. A heartbeat of
// the attempt before has none.
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
