package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/bounded"
	"stemflow/internal/outcome"
)

// AwaitSeparation reports how a run of a separation ended that is not, or no longer, a child of the
// run that asks.
type AwaitSeparation struct {
	// Client is the host's. It may be missing only where no worker runs.
	Client client.Client
}

// Execute fails, to be retried, with ActivityErrorStillRunning: between two looks it occupies no
// worker, whose room the run that is awaited may need. A run that is not one of a separation, or
// whose result cannot be read, has ended with ReasonUnreadable.
func (a *AwaitSeparation) Execute(
	ctx context.Context, in activityapi.AwaitSeparationInput,
) (*activityapi.EndedSeparation, error) {
	l := look[stemflow.SeparateStemsResult, stemflow.ErrorDetails]{
		client: a.Client, kind: stemflow.WorkflowSeparateStems,
		complete: func(r *stemflow.SeparateStemsResult) bool { return r.SeparationTaskID != "" && len(r.Stems) > 0 },
	}
	return l.at(ctx, in)
}

// AwaitCatalog reports how a run of a catalogue ended that is no child of the run that asks.
type AwaitCatalog struct {
	// Client is the host's. It may be missing only where no worker runs.
	Client client.Client
}

// Execute is as that of [AwaitSeparation].
func (a *AwaitCatalog) Execute(
	ctx context.Context, in activityapi.AwaitSeparationInput,
) (*activityapi.EndedCatalog, error) {
	l := look[stemflow.SeparateCatalogResult, stemflow.SeparateCatalogResult]{
		client: a.Client, kind: stemflow.WorkflowSeparateCatalog,
		complete: func(r *stemflow.SeparateCatalogResult) bool { return r.Tracks > 0 },
	}
	return l.at(ctx, in)
}

const (
	// undecodedLooks is at how many looks a result must not have decoded to be given up: a codec's
	// server may be away for a while.
	undecodedLooks = 10
	// mostEnd bounds what is handed on of a run, in bytes of JSON. Temporal takes four times as
	// much.
	mostEnd = 512 << 10
)

// look looks at runs of a kind, whose results are complete or else something else.
type look[R, D any] struct {
	client   client.Client
	kind     string
	complete func(*R) bool
}

func (l look[R, D]) at(ctx context.Context, in activityapi.AwaitSeparationInput) (*activityapi.Ended[R, D], error) {
	if l.client == nil {
		return nil, retryable("", "this host has no client with which to look at "+in.WorkflowID, nil)
	}
	description, err := l.client.DescribeWorkflow(ctx, in.WorkflowID, in.RunID)
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return &activityapi.Ended[R, D]{
			Reason: stemflow.ReasonLost,
			Message: "Temporal does not know the run any more: start it again, which pays for nothing that is " +
				"paid for",
		}, nil
	}
	if err != nil {
		return nil, err
	}
	info := description.RawResponse.GetWorkflowExecutionInfo()
	if in.CancelFor != "" {
		if own, err := l.cancel(ctx, info, in.CancelFor); err != nil {
			return nil, err
		} else if !own {
			return &activityapi.Ended[R, D]{
				Reason: stemflow.ReasonCanceled, Message: "another caller's run of the track goes on", Details: new(D),
			}, nil
		}
	}
	if in.RunID != "" && info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED {
		// A reset terminates a run, and another one of its chain goes on, as a parent of it learns.
		latest, err := l.client.DescribeWorkflow(ctx, in.WorkflowID, "")
		if err != nil {
			return nil, err
		}
		following := latest.RawResponse.GetWorkflowExecutionInfo()
		if first := info.GetFirstRunId(); first != "" && following.GetFirstRunId() == first {
			info = following
		}
	}
	if kind := info.GetType().GetName(); kind != l.kind {
		return unreadable[R, D]("it is a run of " + bounded.Quote(kind))
	}
	if outcome.IsOpen(info.GetStatus()) {
		return nil, expected(activityapi.ActivityErrorStillRunning, in.WorkflowID+" goes on")
	}
	run := l.client.GetWorkflow(ctx, in.WorkflowID, info.GetExecution().GetRunId())
	if err := run.Get(ctx, nil); err != nil { // without decoding anything: how the run ended
		if end, ok := outcome.Failed[R, D](err); ok {
			return reportableEnd(end)
		}
		return nil, err
	}
	result := new(R)
	switch err := run.Get(ctx, result); {
	case err == nil && !l.complete(result):
		return unreadable[R, D]("its result names nothing that was made")
	case err == nil:
		return reportableEnd(activityapi.Ended[R, D]{Result: result})
	case errors.Is(err, converter.ErrUnableToDecode):
		return unreadable[R, D](err.Error())
	default:
		return undecoded[R, D](ctx, err)
	}
}

// cancel cancels a run if it is a child of the asking workflow: of this run or of one before it in
// its chain. It reports whether it is.
func (l look[R, D]) cancel(
	ctx context.Context, info *workflowpb.WorkflowExecutionInfo, owner string,
) (own bool, err error) {
	parent := info.GetParentExecution()
	if parent.GetWorkflowId() != activity.GetInfo(ctx).WorkflowExecution.ID {
		return false, nil
	}
	begunBy, err := l.client.DescribeWorkflow(ctx, parent.GetWorkflowId(), parent.GetRunId())
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return false, nil
	}
	if err != nil || begunBy.RawResponse.GetWorkflowExecutionInfo().GetFirstRunId() != owner {
		return false, err
	}
	if outcome.IsOpen(info.GetStatus()) {
		err = l.client.CancelWorkflow(ctx, info.GetExecution().GetWorkflowId(), info.GetExecution().GetRunId())
	}
	if _, ended := errors.AsType[*serviceerror.NotFound](err); ended {
		err = nil
	}
	return true, err
}

func unreadable[R, D any](why string) (*activityapi.Ended[R, D], error) {
	return new(outcome.Unreadable[R, D](why)), nil
}

// undecoded: the run has a result, and to get or decode it has failed. What Temporal or a codec's
// server says may pass, so it is tried again some times.
func undecoded[R, D any](ctx context.Context, err error) (*activityapi.Ended[R, D], error) {
	if _, ofTemporal := errors.AsType[serviceerror.ServiceError](err); ofTemporal || ctx.Err() != nil {
		return nil, err
	}
	l := looksSoFar(ctx)
	l.Undecoded++
	if l.Undecoded >= undecodedLooks {
		return unreadable[R, D](err.Error())
	}
	activity.RecordHeartbeat(ctx, l)
	return nil, err
}

// reportableEnd is an end that can be handed on. That of stemflow's own runs always can.
func reportableEnd[R, D any](end activityapi.Ended[R, D]) (*activityapi.Ended[R, D], error) {
	data, err := json.Marshal(end)
	if err != nil || len(data) > mostEnd {
		return unreadable[R, D](fmt.Sprintf("what it says is too much: %d bytes", len(data)))
	}
	return &end, nil
}
