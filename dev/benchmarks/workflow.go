package main

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"stemflow/internal/activityapi"
)

// archiveAll archives stems in parallel, as SeparateStems does once they are there.
func archiveAll(ctx workflow.Context, stems []activityapi.ArchiveStemInput) error {
	ctx = workflow.WithActivityOptions(
		ctx,
		workflow.ActivityOptions{StartToCloseTimeout: time.Hour, HeartbeatTimeout: 30 * time.Second},
	)
	var pending []workflow.Future
	for _, stem := range stems {
		pending = append(pending, workflow.ExecuteActivity(ctx, activityapi.ActivityArchiveStem, stem))
	}
	for _, p := range pending {
		if err := p.Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}
