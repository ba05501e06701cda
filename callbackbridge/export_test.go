package callbackbridge

import (
	"context"

	"stemflow"
	"stemflow/internal/activityapi"
)

// RecordingSignaler is a Signaler that also records callbacks, with a function.
type RecordingSignaler struct {
	Signaler
	Record func(
		ctx context.Context, namespace, taskQueue string, in activityapi.RecordCallbackInput,
		callback stemflow.Callback,
	) error
}

func (s RecordingSignaler) RecordCallback(
	ctx context.Context, namespace, taskQueue string, in activityapi.RecordCallbackInput, callback stemflow.Callback,
) error {
	return s.Record(ctx, namespace, taskQueue, in, callback)
}
