package workflows_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
)

// waitsInQueue makes a submit, by its number, wait in the queue for more than an hour and then come
// back, since nobody has taken it.
func (w *harness) waitsInQueue(attempt int) {
	var waiting []byte
	w.env.RegisterActivityWithOptions(func(
		ctx context.Context, in activityapi.SubmitSeparationInput,
	) (*activityapi.SubmittedSeparation, error) {
		if in.Attempt == attempt {
			waiting = activity.GetInfo(ctx).TaskToken
			return nil, activity.ErrResultPending
		}
		return w.submit(in)
	}, activity.RegisterOptions{Name: activityapi.ActivitySubmitSeparation, DisableAlreadyRegisteredCheck: true})
	w.env.RegisterDelayedCallback(func() {
		require.NoError(w.t, w.env.CompleteActivity(waiting, nil, neverTaken))
	}, time.Hour+time.Minute)
}

// An hour in the queue is no hour of refusals: of ten thousand runs that begin at once the last
// ones wait for two.
func TestTimeInTheQueueIsNotCountedAsRefusals(t *testing.T) {
	for name, refusal := range map[string]error{
		"refused": failed(activityapi.ActivityErrorSubmitRefused),
		"no turn": failed(activityapi.ActivityErrorSubmitNoTurn),
		"held":    failed(activityapi.ActivityErrorSubmitHeld),
	} {
		for waiting, ends := range map[int][]error{1: {nil, refusal, nil}, 2: {refusal, nil, refusal, nil}} {
			t.Run(name, func(t *testing.T) {
				w := newHarness(t)
				w.answers(ends...)
				w.waitsInQueue(waiting)
				w.run(input())
				require.Equal(t, separationID, w.result().SeparationTaskID)
				require.Greater(t, w.took(), time.Hour)
			})
		}
	}
}

func TestARunFromBeforeCountsTimeInTheQueue(t *testing.T) {
	w := newHarness(t)
	w.env.OnGetVersion("queue-is-no-refusal", workflow.DefaultVersion, workflow.Version(1)).
		Return(workflow.DefaultVersion)
	w.answers(nil, failed(activityapi.ActivityErrorSubmitRefused), nil)
	w.waitsInQueue(1)
	w.run(input())
	kind, _, _ := w.failure()
	require.Equal(t, stemflow.ErrorProviderUnavailable, kind)
}
