package workflows_test

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/workflows"
)

var quiet = log.NewStructuredLogger(slog.New(slog.DiscardHandler))

// Runs that were begun by an earlier version go on under this one. How to record histories stands
// in the integration package's histories_test.go. No later version records some of them:
// catalog-before-breaker.json is of one without the breaker, and of eight tracks that the provider
// failed; cancelled-while-adopting.json, cancelled-while-closing.json and
// midi-called-back-after-the-last-poll.json are of one that did not hear of a cancellation while it
// waited at its end, and MIDI of no callback after its last poll.
func TestRecordedHistoriesReplay(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 32)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			replayer := worker.NewWorkflowReplayer()
			workflows.Register(replayer)
			require.NoError(t, replayer.ReplayWorkflowHistoryFromJSONFile(quiet, file))
		})
	}
}

// The test above can fail: a workflow with one more command does not replay.
func TestReplayNoticesAChange(t *testing.T) {
	replayer := worker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(
		func(ctx workflow.Context, in stemflow.SeparateStemsInput) (*stemflow.SeparateStemsResult, error) {
			if err := workflow.Sleep(ctx, 1); err != nil {
				return nil, err
			}
			return workflows.SeparateStems(ctx, in)
		},
		workflow.RegisterOptions{Name: stemflow.WorkflowSeparateStems},
	)
	require.ErrorContains(t, replayer.ReplayWorkflowHistoryFromJSONFile(quiet, "testdata/callback.json"), "TMPRL1100")
}
