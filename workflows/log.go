package workflows

import (
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/workflow"
)

// log is the run's log, silent in a replay. Its lines name the separation once it is known.
func (s *separation) log(ctx workflow.Context) log.Logger {
	logger := workflow.GetLogger(ctx)
	if s.separationTaskID != "" {
		logger = log.With(logger, "separationTaskId", s.separationTaskID)
	}
	return logger
}
