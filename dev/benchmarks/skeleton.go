package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"stemflow"
)

// skeleton is the flow of SeparateStems with nothing in it: activities that do nothing, a signal
// and a timer. It is what the engine takes for a workflow of this shape.
func skeleton(ctx workflow.Context, stems int) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	info := workflow.GetInfo(ctx)
	submitCtx := workflow.WithTaskQueue(ctx, stemflow.SubmitTaskQueue(info.TaskQueueName))

	if err := workflow.ExecuteActivity(ctx, noOp).Get(ctx, nil); err != nil { // prepare
		return err
	}
	if err := workflow.ExecuteActivity(submitCtx, skeletonSubmit, info.WorkflowExecution.ID).Get(ctx, nil); err != nil {
		return err
	}
	timerCtx, stopTimer := workflow.WithCancel(ctx)
	workflow.NewSelector(ctx).
		AddFuture(workflow.NewTimer(timerCtx, time.Duration(stemflow.DefaultCallbackGrace)), func(workflow.Future) {}).
		AddReceive(workflow.GetSignalChannel(ctx, stemflow.SignalSeparationCallback),
			func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, nil) }).
		Select(ctx)
	stopTimer()
	if err := workflow.ExecuteActivity(ctx, noOp).Get(ctx, nil); err != nil { // confirm
		return err
	}
	archives := make([]workflow.Future, stems)
	for i := range archives {
		archives[i] = workflow.ExecuteActivity(ctx, noOp)
	}
	for _, archive := range archives {
		if err := archive.Get(ctx, nil); err != nil {
			return err
		}
	}
	return workflow.ExecuteActivity(ctx, noOp).Get(ctx, nil) // manifest
}

func noOp(context.Context) error { return nil }

// skeletonSubmit is the submit's name: it reports to the benchmark whom to call back.
const skeletonSubmit = "submit"

func tell(address string) func(context.Context, string) error {
	return func(ctx context.Context, workflowID string) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/"+workflowID, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		return response.Body.Close()
	}
}

// serveSkeleton is a worker of the skeleton with the options of stemflow's, until its standard
// input ends.
func serveSkeleton(_ context.Context, j job) error {
	c, err := j.temporal()
	if err != nil {
		return err
	}
	defer c.Close()
	submit := worker.New(c, stemflow.SubmitTaskQueue(j.TaskQueue), worker.Options{
		DisableWorkflowWorker: true, TaskQueueActivitiesPerSecond: submitRate, MaxConcurrentActivityExecutionSize: 8,
	})
	submit.RegisterActivityWithOptions(tell(j.CallMe), activity.RegisterOptions{Name: skeletonSubmit})
	w := worker.New(c, j.TaskQueue, workerOptions)
	w.RegisterWorkflow(skeleton)
	w.RegisterActivity(noOp)
	for _, each := range []worker.Worker{submit, w} {
		if err := each.Start(); err != nil {
			return err
		}
		defer each.Stop()
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// workerOptions are those of stemflow's worker that matter here.
var workerOptions = worker.Options{
	MaxConcurrentActivityTaskPollers: 16, MaxConcurrentWorkflowTaskPollers: 16,
	MaxHeartbeatThrottleInterval: 2 * time.Second,
}

// temporal connects as stemflow's worker does.
func (j job) temporal() (client.Client, error) {
	return client.Dial(client.Options{
		HostPort: j.Temporal, Logger: quiet,
		ConnectionOptions: client.ConnectionOptions{GrpcCompression: &client.GrpcCompressionNone{}},
	})
}
