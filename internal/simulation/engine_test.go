package simulation

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
)

const (
	// keepAlive runs as long as its run: while an activity is running, the test environment lets no
	// time pass but the bubble's.
	keepAlive = "simulation-keep-alive"
	// terminate is the signal on which a run ends without another word.
	terminate = "simulation-terminate"
	// forEver is longer than any seed lasts.
	forEver = 10 * 365 * 24 * time.Hour
)

// isSubmit reports whether an activity makes the paid call.
func isSubmit(name string) bool {
	return slices.ContainsFunc(activityapi.Tasks(), func(t *activityapi.Task) bool { return t.Submit == name })
}

// engine stands between the SDK's test environment and the product, and does what Temporal does: it
// gives a run its ids, executes activities, times them out, retries them, and takes them for lost.
type engine struct {
	interceptor.WorkerInterceptorBase
	run *run
}

// InterceptWorkflow implements interceptor.WorkerInterceptor.
func (e *engine) InterceptWorkflow(_ workflow.Context,
	next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &workflowIn{interceptor.WorkflowInboundInterceptorBase{Next: next}, e.run}
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (e *engine) InterceptActivity(_ context.Context,
	next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &activityIn{interceptor.ActivityInboundInterceptorBase{Next: next}, e.run}
}

type workflowIn struct {
	interceptor.WorkflowInboundInterceptorBase
	run *run
}

func (w *workflowIn) Init(out interceptor.WorkflowOutboundInterceptor) error {
	return w.Next.Init(&workflowOut{interceptor.WorkflowOutboundInterceptorBase{Next: out}, w.run})
}

// ExecuteWorkflow runs the workflow beside what ends it when it is terminated.
func (w *workflowIn) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (result any,
	err error) {
	detached, _ := workflow.NewDisconnectedContext(ctx)
	workflow.ExecuteActivity(workflow.WithActivityOptions(detached, workflow.ActivityOptions{
		ScheduleToCloseTimeout: forEver, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1},
	}), keepAlive)
	done, settable := workflow.NewFuture(detached)
	workflow.Go(ctx, func(ctx workflow.Context) {
		result, err = w.Next.ExecuteWorkflow(ctx, in)
		settable.Set(nil, nil)
	})
	workflow.NewSelector(detached).
		AddFuture(done, func(workflow.Future) {}).
		AddReceive(workflow.GetSignalChannel(detached, terminate), func(workflow.ReceiveChannel,
			bool) {
			err = errTerminated
		}).
		Select(detached)
	return result, err
}

var errTerminated = errors.New("terminated")

type workflowOut struct {
	interceptor.WorkflowOutboundInterceptorBase
	run *run
}

func (w *workflowOut) GetInfo(ctx workflow.Context) *workflow.Info {
	info := *w.Next.GetInfo(ctx)
	info.WorkflowExecution = workflow.Execution{ID: w.run.workflowID, RunID: w.run.id}
	info.OriginalRunID, info.FirstRunID = w.run.id, w.run.owner
	if w.run.sim.breakage == ownerIsRun {
		info.FirstRunID = w.run.id
	}
	return &info
}

// ExecuteActivity hands the options to the engine of this package, in place of the test
// environment's.
func (w *workflowOut) ExecuteActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	if name == keepAlive {
		return w.Next.ExecuteActivity(ctx, name, args...)
	}
	opts := workflow.GetActivityOptions(ctx)
	w.run.sim.mu.Lock()
	w.run.options[name] = opts
	w.run.sim.mu.Unlock()
	if opts.WaitForCancellation {
		// The test environment does not wait.
		if err := ctx.Err(); err != nil {
			failed, settable := workflow.NewFuture(ctx)
			settable.SetError(err)
			return failed
		}
		watched := ctx
		ctx, _ = workflow.NewDisconnectedContext(ctx)
		workflow.Go(ctx, func(ctx workflow.Context) {
			watched.Done().Receive(ctx, nil)
			w.run.sim.mu.Lock()
			w.run.cancelRequested = true
			w.run.sim.mu.Unlock()
		})
	}
	return w.Next.ExecuteActivity(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue: opts.TaskQueue, ScheduleToCloseTimeout: forEver,
		RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1},
	}), name, args...)
}

type activityIn struct {
	interceptor.ActivityInboundInterceptorBase
	run *run
}

func (a *activityIn) Init(out interceptor.ActivityOutboundInterceptor) error {
	return a.Next.Init(&activityOut{interceptor.ActivityOutboundInterceptorBase{Next: out}})
}

// outcome is what an execution reports.
type outcome struct {
	result any
	err    error
}

// ExecuteActivity is one activity with all its attempts.
func (a *activityIn) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	info := activity.GetInfo(ctx)
	name := info.ActivityType.Name
	r, s := a.run, a.run.sim
	if name == keepAlive {
		select {
		case <-r.closed:
		case <-s.over:
		}
		return nil, nil
	}
	task := &activityTask{activityIn: a, in: in, name: name, id: r.id + "/" + name + "#" + info.ActivityID,
		scheduledAt: time.Now()}
	if info.IsLocalActivity {
		return task.local(ctx)
	}
	s.mu.Lock()
	task.options = r.options[name]
	s.mu.Unlock()
	result, err := task.untilDone(ctx)
	s.turn(task.id + "/reported")
	r.syncClock()
	return result, err
}

// activityTask is one activity as a run scheduled it.
type activityTask struct {
	*activityIn
	in          *interceptor.ExecuteActivityInput
	name, id    string
	options     workflow.ActivityOptions
	scheduledAt time.Time
	heartbeat   *heartbeat
	// reported is set once the engine knows the outcome of an attempt.
	reported atomic.Bool
}

// local is one attempt within the workflow task, which the SDK gives up when its context ends.
func (t *activityTask) local(ctx context.Context) (any, error) {
	deadline, _ := ctx.Deadline()
	outcomes := make(chan outcome, 1)
	t.execute(ctx, 1, deadline, 0, outcomes)
	select {
	case o := <-outcomes:
		t.run.syncClock()
		return o.result, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-t.run.sim.over:
		runtime.Goexit()
		return nil, nil
	}
}

func (t *activityTask) untilDone(ctx context.Context) (any, error) {
	var expires time.Time
	if d := t.options.ScheduleToCloseTimeout; d > 0 {
		expires = t.scheduledAt.Add(d)
	}
	for attempt := int32(1); ; attempt++ {
		result, err := t.attempt(ctx, attempt)
		pause, retry := backoff(t.options.RetryPolicy, attempt, err)
		if !retry || !expires.IsZero() && time.Now().Add(pause).After(expires) {
			return result, err
		}
		select {
		case <-time.After(pause):
		case <-t.run.closed: // nobody waits for it any more
			return nil, err
		case <-t.run.sim.over:
			runtime.Goexit()
		}
	}
}

func backoff(p *temporal.RetryPolicy, attempt int32, err error) (pause time.Duration, retry bool) {
	var app *temporal.ApplicationError
	switch {
	case err == nil, errors.As(err, &app) && app.NonRetryable(), temporal.IsCanceledError(err):
		return 0, false
	case p == nil:
		p = &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2,
			MaximumInterval: 100 * time.Second}
	case p.MaximumAttempts > 0 && attempt >= p.MaximumAttempts:
		return 0, false
	}
	if app != nil && app.NextRetryDelay() > 0 {
		return app.NextRetryDelay(), true
	}
	seconds := p.InitialInterval.Seconds() * math.Pow(p.BackoffCoefficient, float64(attempt-1))
	most := p.MaximumInterval
	if most == 0 {
		most = 100 * p.InitialInterval
	}
	return time.Duration(min(seconds, most.Seconds()) * float64(time.Second)), true
}

// attempt executes the activity once, and waits for its report as long as the engine does.
func (t *activityTask) attempt(ctx context.Context, attempt int32) (any, error) {
	s := t.run.sim
	defer t.reported.Store(true)
	outcomes := make(chan outcome, 3)
	if isSubmit(t.name) {
		s.turn(fmt.Sprintf("%s/%d/scheduled", t.id, attempt))
		if f := s.due(scopeTask); f != nil {
			s.note("%s: %s", t.id, f.kind)
			switch f.kind {
			case notTaken:
				s.sleep(t.options.ScheduleToStartTimeout)
				if t.cancelled() {
					return nil, temporal.NewCanceledError()
				}
				return nil, temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START, nil)
			case resetTask: // what the execution reports nobody takes any more
				t.execute(ctx, attempt, time.Now().Add(t.options.StartToCloseTimeout), 0, outcomes)
				s.sleep(f.d/7 + t.options.ScheduleToStartTimeout)
				if t.cancelled() {
					return nil, temporal.NewCanceledError()
				}
				return nil, temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START, errors.New("reset"))
			case twice:
				s.spawn(func() {
					s.sleep(f.d / 7)
					s.turn(t.id + "/copy")
					if t.reported.Load() { // the engine begins no task that is over
						return
					}
					t.execute(ctx, attempt, time.Now().Add(t.options.StartToCloseTimeout), 1, outcomes)
				})
			case secondTime:
				s.spawn(func() {
					s.sleep(f.d / 7)
					t.execute(ctx, attempt+1, time.Now().Add(t.options.StartToCloseTimeout), 1, outcomes)
				})
			}
		}
		if t.cancelled() {
			return nil, temporal.NewCanceledError()
		}
	}
	x := t.execute(ctx, attempt, time.Now().Add(t.options.StartToCloseTimeout), 0, outcomes)
	startToClose := time.NewTimer(t.options.StartToCloseTimeout)
	defer startToClose.Stop()
	beat := time.NewTicker(max(t.options.HeartbeatTimeout, time.Second))
	defer beat.Stop()
	for {
		select {
		case o := <-outcomes:
			t.keepHeartbeat(x.latest())
			return o.result, o.err
		case <-startToClose.C:
			s.turn(x.id + "/lost")
			t.keepHeartbeat(x.latest())
			s.note("%s is taken for lost", x.id)
			if s.breakage == lostIsRefused && isSubmit(t.name) {
				return nil, temporal.NewApplicationErrorWithOptions("lost", activityapi.ActivityErrorSubmitRefused,
					temporal.ApplicationErrorOptions{
						NonRetryable: true, Details: []any{stemflow.ErrorDetails{},
							activityapi.SubmitRefusal{LedgerBehind: true, Nonce: s.store.nonceOf(t.run.id,
								t.in.Args[0].(activityapi.SubmitSeparationInput).Attempt)}},
					})
			}
			return nil, temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_START_TO_CLOSE, nil)
		case <-beat.C:
			s.mu.Lock()
			parked := x.parked
			s.mu.Unlock()
			if t.options.HeartbeatTimeout > 0 && parked {
				s.turn(x.id + "/silent")
				t.keepHeartbeat(x.latest())
				s.note("%s does not beat", x.id)
				return nil, temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_HEARTBEAT, nil)
			}
		case <-s.over:
			runtime.Goexit()
		}
	}
}

// keepHeartbeat and lastHeartbeat guard what executions of one task hand on: two may go on at once.
func (t *activityTask) keepHeartbeat(h *heartbeat) {
	t.run.sim.mu.Lock()
	defer t.run.sim.mu.Unlock()
	t.heartbeat = h
}

func (t *activityTask) lastHeartbeat() *heartbeat {
	t.run.sim.mu.Lock()
	defer t.run.sim.mu.Unlock()
	return t.heartbeat
}

func (t *activityTask) cancelled() bool {
	t.run.sim.mu.Lock()
	defer t.run.sim.mu.Unlock()
	return t.run.cancelRequested
}

// execute begins an execution, which goes on whatever becomes of the attempt.
func (t *activityTask) execute(ctx context.Context, attempt int32, deadline time.Time, copied int,
	outcomes chan<- outcome) *execution {
	s := t.run.sim
	x := &execution{
		sim: s, run: t.run, id: fmt.Sprintf("%s.%d", t.id,
			attempt), kind: t.name, attempt: attempt, scheduledAt: t.scheduledAt,
		before: t.lastHeartbeat(), special: &fault{},
	}
	if copied > 0 {
		x.id += "-again"
	}
	s.mu.Lock()
	s.live = append(s.live, x)
	s.mu.Unlock()
	ctx = context.WithValue(context.WithoutCancel(ctx), executionKey{}, x)
	s.spawn(func() {
		defer func() {
			s.mu.Lock()
			s.live = slices.DeleteFunc(s.live, func(o *execution) bool { return o == x })
			s.mu.Unlock()
		}()
		ctx, cancel := context.WithDeadline(ctx, deadline)
		defer cancel()
		x.rim("begins")
		result, err := t.Next.ExecuteActivity(ctx, t.input())
		x.rim("ends")
		outcomes <- outcome{result, err}
	})
	return x
}

// input is what the run scheduled the activity with.
func (t *activityTask) input() *interceptor.ExecuteActivityInput {
	in := *t.in
	if len(in.Args) == 0 {
		return &in
	}
	record, ok := in.Args[0].(activityapi.RecordSubmissionInput)
	if t.run.sim.breakage == takeBackAll && ok && record.Submission.State == stemflow.SubmissionRefused {
		record.Nonces = nil
		for _, e := range t.run.sim.ledger(t.run.in.Type).Entries() {
			record.Nonces = append(record.Nonces, e.Nonce)
		}
		in.Args = []any{record}
	}
	submit, ok := in.Args[0].(activityapi.SubmitSeparationInput)
	if ok && t.run.sim.breakage == sharedLedger && submit.Track.Type == stemflow.TypeWAV {
		submit.Ledger = archive.Locate("stems", "", stemflow.Track{
			TaskID: "music", AudioID: "track", Type: stemflow.SeparateVocal,
		})
		in.Args = []any{submit}
	}
	if write, ok := in.Args[0].(activityapi.WriteManifestInput); ok && t.run.sim.breakage == missingUnnamed {
		write.Manifest.Missing = nil
		in.Args = []any{write}
	}
	return &in
}

// rim is the step at the beginning and at the end of an execution: nothing is done there, and all
// can stop.
func (x *execution) rim(op string) {
	switch f := x.step(op); f.kind {
	case dieBefore, dieAfter, failAfter, hang:
		x.die()
	case freezeBefore, freezeAfter, arriveLate:
		x.freeze(f)
	}
}

// heartbeat is what an execution sent last. It is encoded when it is read: many are sent.
type heartbeat struct{ details []any }

func (x *execution) latest() *heartbeat {
	x.sim.mu.Lock()
	defer x.sim.mu.Unlock()
	if x.beats != nil {
		return x.beats
	}
	return x.before
}

type activityOut struct {
	interceptor.ActivityOutboundInterceptorBase
}

func (a *activityOut) GetInfo(ctx context.Context) activity.Info {
	info := a.Next.GetInfo(ctx)
	if x, ok := ctx.Value(executionKey{}).(*execution); ok {
		info.WorkflowExecution = workflow.Execution{ID: x.run.workflowID, RunID: x.run.id}
		info.Attempt, info.ScheduledTime = x.attempt, x.scheduledAt
	}
	return info
}

func (a *activityOut) RecordHeartbeat(ctx context.Context, details ...any) {
	x := executionOf(ctx)
	x.sim.mu.Lock()
	defer x.sim.mu.Unlock()
	if !x.parked {
		x.beats = &heartbeat{details}
	}
}

func (a *activityOut) HasHeartbeatDetails(ctx context.Context) bool {
	return executionOf(ctx).before != nil
}

func (a *activityOut) GetHeartbeatDetails(ctx context.Context, into ...any) error {
	before := executionOf(ctx).before
	if before == nil {
		return errors.New("no heartbeat details")
	}
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(before.details...)
	if err != nil {
		return err
	}
	return converter.GetDefaultDataConverter().FromPayloads(payloads, into...)
}
