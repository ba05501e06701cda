// Package remix is an example: it calls stemflow as an SDK of another language would, by names and
// plain JSON. It imports nothing of stemflow.
package remix

import (
	"errors"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Drums separates a track and returns the key of its drums in the bucket. TaskQueue is where
// stemflow is hosted, "stemflow" for its own worker; empty: by the worker of this workflow.
func Drums(ctx workflow.Context, taskID, audioID, taskQueue string) (string, error) {
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: "stems:split_stem:" + taskID + ":" + audioID,
		TaskQueue:  taskQueue,
	})
	var result struct {
		Stems []struct {
			Name string `json:"name"`
			Key  string `json:"key"`
		} `json:"stems"`
	}
	err := workflow.ExecuteChildWorkflow(ctx, "SeparateStems", map[string]any{
		"taskId": taskID, "audioId": audioID, "type": "split_stem", "deadline": "1h",
	}).Get(ctx, &result)
	if failure, ok := errors.AsType[*temporal.ApplicationError](err); ok && failure.Type() == "SeparationTimedOut" {
		// The next run takes the paid separation up.
		return "", workflow.NewContinueAsNewError(ctx, Drums, taskID, audioID, taskQueue)
	}
	if err != nil {
		return "", err
	}
	for _, stem := range result.Stems {
		if stem.Name == "drums" {
			return stem.Key, nil
		}
	}
	return "", temporal.NewNonRetryableApplicationError("the track has no drums", "NoDrums", nil)
}
