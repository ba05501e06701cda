package activities

import (
	"context"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"

	"stemflow"
	"stemflow/internal/span"
)

// subject is what an activity works on, as far as it is known. The activity's span and its log
// lines name it.
type subject struct {
	kind             stemflow.SeparationType
	separationTaskID string
	stem             string
}

func (s subject) annotate(ctx context.Context) {
	span.Annotate(ctx, span.Type, string(s.kind))
	span.Annotate(ctx, span.SeparationTaskID, s.separationTaskID)
	span.Annotate(ctx, span.Stem, s.stem)
}

func (s subject) log(ctx context.Context) log.Logger {
	logger := activity.GetLogger(ctx)
	if s.separationTaskID != "" {
		logger = log.With(logger, "separationTaskId", s.separationTaskID)
	}
	if s.stem != "" {
		logger = log.With(logger, "stem", s.stem)
	}
	return logger
}
