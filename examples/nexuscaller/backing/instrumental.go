// Package backing is an example: a workflow in a namespace of its own that has tracks separated by
// stemflow in another one.
package backing

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
)

// Endpoint is the Nexus endpoint that leads to stemflow's namespace and task queue.
const Endpoint = "stemflow"

// Instrumental separates the vocals from a track and returns what is left.
func Instrumental(ctx workflow.Context, taskID, audioID string) (*stemflow.Stem, error) {
	var result stemflow.SeparateStemsResult
	err := workflow.NewNexusClient(Endpoint, stemflow.NexusService).
		ExecuteOperation(ctx, stemflow.WorkflowSeparateStems,
			stemflow.SeparateStemsInput{TaskID: taskID, AudioID: audioID},
			workflow.NexusOperationOptions{
				// The stems are tried for half a day while a store is away.
				ScheduleToCloseTimeout: 24 * time.Hour,
				Summary:                "separate " + audioID,
			}).
		Get(ctx, &result)
	if err != nil {
		return nil, err
	}
	for _, stem := range result.Stems {
		if stem.Name == "instrumental" {
			return &stem, nil
		}
	}
	return nil, temporal.NewNonRetryableApplicationError("the track has no instrumental", "NoInstrumental", nil)
}
