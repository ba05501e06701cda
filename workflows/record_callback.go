package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
)

// RecordCallback puts a separation on the ledger whose callback came when its run was over, so that
// the next start of the track resumes it.
//
// There is one run of it for each run that submitted, and not for each separation that a callback
// names: anyone with a token can name any number of them. It ends as soon as one of them is
// proved to be the run's own, since a run pays for one. Temporal starts no other one then. When
// none is, it fails, and a later callback starts it again.
func RecordCallback(ctx workflow.Context, in activityapi.RecordCallbackInput) (*activityapi.RecordedCallback, error) {
	l := &lateCallbacks{in: in, selector: workflow.NewSelector(ctx), open: true}
	looks, stopLooks := workflow.WithCancel(ctx)
	defer stopLooks()
	callbacks := workflow.GetSignalChannel(ctx, stemflow.SignalSeparationCallback)
	window := workflow.NewTimerWithOptions(looks, lateCallbackWindow, workflow.TimerOptions{
		Summary: "collecting callbacks for " + in.WorkflowID,
	})
	l.selector.
		AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {}).
		AddFuture(window, func(workflow.Future) { l.open = false }).
		AddReceive(callbacks, func(c workflow.ReceiveChannel, _ bool) {
			var callback stemflow.Callback
			if c.ReceiveAsync(&callback) { // else it did not decode
				l.hear(looks, callback.TaskID)
			}
		})
	for l.recorded == nil && ctx.Err() == nil && (l.open || l.pending > 0 || callbacks.Len() > 0) {
		l.selector.Select(ctx)
	}
	for callbacks.Len() > 0 { // a signal that nobody has read would keep the run from ending
		callbacks.ReceiveAsync(&stemflow.Callback{})
	}
	switch {
	case l.recorded != nil:
		return l.recorded, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	default:
		return nil, l.failure()
	}
}

// lateCallbacks are the callbacks for one run that is over.
type lateCallbacks struct {
	in       activityapi.RecordCallbackInput
	selector workflow.Selector
	// open is true while callbacks are collected. pending are the separations that are being looked
	// at.
	open    bool
	pending int
	// heard are the separations that callbacks named, by a bounded number.
	heard    []string
	recorded *activityapi.RecordedCallback
	last     error
}

func (l *lateCallbacks) hear(ctx workflow.Context, separationTaskID string) {
	if slices.Contains(l.heard, separationTaskID) {
		return
	}
	if len(l.heard) == lateCallbackIDs {
		workflow.GetLogger(ctx).Warn("a callback is one too many to be recorded", "callbackTaskId", separationTaskID)
		return
	}
	l.heard = append(l.heard, separationTaskID)
	l.pending++
	adoption := workflow.ExecuteActivity(adoptOptions(ctx, scheduleToCloseArchive), activityapi.ActivityAdoptCallback,
		activityapi.AdoptCallbackInput{
			SeparationTaskID: separationTaskID, WorkflowID: l.in.WorkflowID, Owner: l.in.Owner, Track: l.in.Track,
		})
	l.selector.AddFuture(adoption, func(f workflow.Future) {
		l.pending--
		var recorded activityapi.RecordedCallback
		if err := f.Get(ctx, &recorded); err != nil {
			l.last = err
			return
		}
		l.recorded = &recorded
	})
}

func (l *lateCallbacks) failure() error {
	kind, reason := stemflow.ErrorSubmissionUnknown, ""
	if last, app := applicationError(l.last); app != nil {
		reason = ": " + app.Message()
		if isErrorType(last) {
			kind = last
		}
	}
	message := fmt.Sprintf("callbacks for run %s of %s named %s, and none could be recorded as its own: look the "+
		"track up in the provider's log; if one of them is there, start again with it as %s%s",
		l.in.Owner, l.in.WorkflowID, strings.Join(l.heard, ", "), activityapi.TaskOf(l.in.Track.Type).Field, reason)
	return temporal.NewApplicationErrorWithOptions(message, kind, temporal.ApplicationErrorOptions{NonRetryable: true})
}
