package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
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

// undecodedLooks is at how many looks in a row a result must not decode to be given up: a codec's
// server may be away for a while.
const undecodedLooks = 10

// mostEnd bounds what is handed on of a run, in bytes of JSON. Temporal takes four times as much.
const mostEnd = 512 << 10

// Execute fails, to be retried, with ActivityErrorStillRunning: between two looks it occupies no
// worker, whose room the run that is awaited may need. A run that is not one of a separation, or
// whose result cannot be read, has ended with ReasonUnreadable.
func (a *AwaitSeparation) Execute(
	ctx context.Context,
	in activityapi.AwaitSeparationInput,
) (*activityapi.EndedSeparation, error) {
	if a.Client == nil {
		return nil, retryable("", "this host has no client with which to look at "+in.WorkflowID, nil)
	}
	description, err := a.Client.DescribeWorkflow(ctx, in.WorkflowID, in.RunID)
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return &activityapi.EndedSeparation{
			Reason: stemflow.ReasonLost,
			Message: "Temporal does not know the run any more: start the catalogue again, which pays for nothing " +
				"that is paid for",
		}, nil
	}
	if err != nil {
		return nil, err
	}
	info := description.RawResponse.GetWorkflowExecutionInfo()
	if kind := info.GetType().GetName(); kind != stemflow.WorkflowSeparateStems {
		return new(outcome.Unreadable("it is a run of " + bounded.Quote(kind))), nil
	}
	if info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return nil, expected(activityapi.ActivityErrorStillRunning, in.WorkflowID+" goes on")
	}
	run := a.Client.GetWorkflow(ctx, in.WorkflowID, info.GetExecution().GetRunId())
	if err := run.Get(ctx, nil); err != nil { // without decoding anything: how the run ended
		if end, ok := outcome.FromError(err); ok {
			return bounding(end), nil
		}
		return nil, err
	}
	result := &stemflow.SeparateStemsResult{}
	switch err := run.Get(ctx, result); {
	case err == nil && (result.SeparationTaskID == "" || len(result.Stems) == 0):
		return new(outcome.Unreadable("its result names no separation or no stem")), nil
	case err == nil:
		return bounding(activityapi.EndedSeparation{Result: result}), nil
	case errors.Is(err, converter.ErrUnableToDecode):
		return new(outcome.Unreadable(err.Error())), nil
	default:
		return undecoded(ctx, err)
	}
}

// undecoded: the run has a result, and to get or decode it has failed. What Temporal or a codec's
// server says may pass, so it is tried again some times.
func undecoded(ctx context.Context, err error) (*activityapi.EndedSeparation, error) {
	var l looks
	_ = activity.GetHeartbeatDetails(ctx, &l) // there are none at the first look
	l.Undecoded++
	if _, ofTemporal := errors.AsType[serviceerror.ServiceError](err); ofTemporal || ctx.Err() != nil {
		return nil, err
	}
	if l.Undecoded >= undecodedLooks {
		return new(outcome.Unreadable(err.Error())), nil
	}
	activity.RecordHeartbeat(ctx, l)
	return nil, err
}

// bounding is an end that can be handed on. A result of SeparateStems always can.
func bounding(end activityapi.EndedSeparation) *activityapi.EndedSeparation {
	data, err := json.Marshal(end)
	if err != nil || len(data) > mostEnd {
		end = outcome.Unreadable(fmt.Sprintf("what it says is too much: %d bytes", len(data)))
	}
	return &end
}
