package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
)

// stalePoller is how long a worker that waits for tasks may not be heard of: it asks again once a
// minute.
const stalePoller = 2 * time.Minute

// pollers are the workers that ask for a kind of tasks.
type pollers struct {
	list []*taskqueuepb.PollerInfo
	// routed is the version that the tasks go to; empty: to workers without one.
	routed string
}

func (d *doctor) pollers(ctx context.Context, queue string, kind enumspb.TaskQueueType) (pollers, error) {
	answer, err := d.temporal.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
		Namespace: d.namespace(), TaskQueue: &taskqueuepb.TaskQueue{Name: queue}, TaskQueueType: kind,
	})
	if err != nil {
		return pollers{}, err
	}
	p := pollers{list: answer.GetPollers()}
	if version := answer.GetVersioningInfo().GetCurrentDeploymentVersion(); version != nil {
		p.routed = version.GetDeploymentName() + "." + version.GetBuildId()
	}
	return p, nil
}

// versionOf is a worker's version; empty if it has none.
func versionOf(p *taskqueuepb.PollerInfo) string {
	o := p.GetDeploymentOptions()
	if o.GetWorkerVersioningMode() != enumspb.WORKER_VERSIONING_MODE_VERSIONED {
		return ""
	}
	return o.GetDeploymentName() + "." + o.GetBuildId()
}

// checkWorkers looks for workers that take workflow and activity tasks.
func (d *doctor) checkWorkers(ctx context.Context, r *Result) {
	queue := d.Survey.Starter.TaskQueue
	remedy := "start a worker, with this TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE and STEMFLOW_TASK_QUEUE=" + queue
	for _, kind := range []enumspb.TaskQueueType{
		enumspb.TASK_QUEUE_TYPE_WORKFLOW, enumspb.TASK_QUEUE_TYPE_ACTIVITY,
	} {
		d.checkPollers(ctx, r, queue, kind, remedy)
	}
	r.ok("workflow and activity tasks of %q are polled for", queue)
}

// checkPaidQueue looks for workers that take the paid call.
func (d *doctor) checkPaidQueue(ctx context.Context, r *Result) {
	queue := d.Survey.Worker.SubmitTaskQueue
	d.checkPollers(ctx, r, queue, enumspb.TASK_QUEUE_TYPE_ACTIVITY,
		"start a worker whose paid queue this is, or set STEMFLOW_SUBMIT_TASK_QUEUE to that of the workers: until "+
			"then runs "+
			"wait before they pay")
	r.ok("the paid calls of %q are polled for", queue)
}

func (d *doctor) checkPollers(
	ctx context.Context, r *Result, queue string, kind enumspb.TaskQueueType, remedy string,
) {
	what := strings.ToLower(kind.String())
	p, err := d.pollers(ctx, queue, kind)
	if err != nil {
		r.fail(fmt.Sprintf("the task queue %q: %v", queue, err), reachTemporal)
		return
	}
	if len(p.list) == 0 {
		r.fail(fmt.Sprintf("no worker polls the task queue %q for %s tasks", queue, what), remedy)
		return
	}
	var latest time.Time
	versions := map[string]bool{}
	identities := map[string]bool{}
	for _, poller := range p.list {
		if at := poller.GetLastAccessTime().AsTime(); at.After(latest) {
			latest = at
		}
		versions[versionOf(poller)] = true
		identities[poller.GetIdentity()] = true
	}
	ago := max(time.Since(latest), 0).Round(time.Second)
	fact := fmt.Sprintf("%s: %d, last heard of %v ago: %s", what, len(identities), ago,
		strings.Join(slices.Sorted(maps.Keys(identities)), ", "))
	delete(versions, "")
	if len(versions) > 0 {
		fact += " (versions " + strings.Join(slices.Sorted(maps.Keys(versions)), ", ") + ")"
	}
	r.fact("%s", fact)
	if ago > stalePoller {
		r.fail(fmt.Sprintf("no worker has polled the task queue %q for %s tasks for %v", queue, what, ago), remedy)
		return
	}
	if !p.reachesAWorker() {
		r.fail(fmt.Sprintf("tasks of the queue %q go to %s, and no worker that polls is that", queue, p.routedText()),
			"temporal worker deployment set-current-version --deployment-name NAME --build-id BUILD, with the "+
				"version of the "+
				"workers that run (docs/deploying.md)")
	}
}

// reachesAWorker reports whether some worker is of the version that tasks are routed to.
func (p pollers) reachesAWorker() bool {
	return slices.ContainsFunc(p.list, func(poller *taskqueuepb.PollerInfo) bool {
		return versionOf(poller) == p.routed
	})
}

func (p pollers) routedText() string {
	if p.routed == "" {
		return "workers without a version"
	}
	return "the version " + p.routed
}
