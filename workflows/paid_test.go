package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/activityapi"
)

// answers makes the submits of a run end one after another; the last one for good.
func (w *harness) answers(ends ...error) {
	submit := w.submit
	w.submit = func(in activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		if end := ends[min(in.Attempt, len(ends))-1]; end != nil {
			return nil, end
		}
		return submit(in)
	}
}

func TestARunTellsWhetherItPaid(t *testing.T) {
	lost := temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_START_TO_CLOSE, nil)
	neverBegun := temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START, nil)
	noTurn := failed(activityapi.ActivityErrorSubmitNoTurn)
	noLedger := failed(stemflow.ErrorArchiveUnavailable, stemflow.ErrorDetails{}, activityapi.SubmitRefusal{})
	for name, c := range map[string]struct {
		prepare func(*harness)
		paid    bool
	}{
		"its submit is accepted": {prepare: func(w *harness) { w.answers(nil) }, paid: true},
		"after a refusal":        {prepare: func(w *harness) { w.answers(failed(activityapi.ActivityErrorSubmitRefused), nil) }, paid: true},
		"after a lost attempt":   {prepare: func(w *harness) { w.answers(lost, nil) }, paid: true},
		"it is archived before": {prepare: func(w *harness) {
			w.found(activityapi.PreparedArchive{Archived: &stemflow.SeparateStemsResult{Paid: true}})
		}},
		"the ledger has it":          {prepare: func(w *harness) { w.found(activityapi.PreparedArchive{Submission: paidBefore()}) }},
		"the outcome is unknown":     {prepare: func(w *harness) { w.answers(failed(activityapi.ActivityErrorSubmitUnknown)) }, paid: true},
		"it is refused for good":     {prepare: func(w *harness) { w.answers(failed(stemflow.ErrorUnauthorized, stemflow.ErrorDetails{})) }},
		"lost, and refused for good": {prepare: func(w *harness) { w.answers(lost, failed(stemflow.ErrorProviderRejected, stemflow.ErrorDetails{})) }},
		"lost, and then no ledger": {prepare: func(w *harness) {
			w.answers(lost, neverBegun, noLedger)
			w.recorded.Unpaid = false
		}, paid: true},
		"no turn, and then one": {prepare: func(w *harness) { w.answers(noTurn, noTurn, nil) }, paid: true},
		"lost, and then no turn for as long as it tries": {prepare: func(w *harness) {
			w.answers(lost, noTurn)
			w.recorded.Unpaid = false
		}, paid: true},
		"lost, no turn, and cancelled": {prepare: func(w *harness) {
			w.answers(lost, noTurn)
			w.recorded.Unpaid = false
			w.cancelAfter(time.Minute)
		}, paid: true},
		"no turn for as long as it tries": {prepare: func(w *harness) { w.answers(noTurn) }},
		"no ledger":                       {prepare: func(w *harness) { w.answers(noLedger) }},
		"an earlier run cannot tell":      {prepare: func(w *harness) { w.answers(failed(stemflow.ErrorSubmissionUnknown)) }},
		"another run was quicker": {prepare: func(w *harness) {
			w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
				return &activityapi.SubmittedSeparation{SeparationTaskID: separationID, SubmittedAt: w.env.Now(),
					FromLedger: true}, nil
			}
		}},
		"it fails later": {prepare: func(w *harness) {
			w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
				return nil, failed(stemflow.ErrorSeparationFailed, stemflow.ErrorDetails{})
			}
		}, paid: true},
		"it is cancelled while it waits": {prepare: func(w *harness) {
			w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
				return nil, again(activityapi.ActivityErrorPending)
			}
			w.cancelAfter(time.Minute)
		}, paid: true},
		"it is cancelled between two submits": {prepare: func(w *harness) {
			w.answers(failed(activityapi.ActivityErrorSubmitRefused))
			w.cancelAfter(15 * time.Second)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t)
			c.prepare(w)
			w.run(input())
			var app *temporal.ApplicationError
			switch err := w.env.GetWorkflowError(); {
			case err == nil:
				require.Equal(t, c.paid, w.result().Paid)
				if len(w.manifests) > 0 {
					require.Equal(t, c.paid, w.manifests[0].Paid)
				}
			case temporal.IsCanceledError(err):
				require.Equal(t, c.paid, w.cancelled().Paid)
			default:
				require.ErrorAs(t, err, &app)
				_, _, details := w.failure()
				require.Equal(t, c.paid, details.Paid)
			}
		})
	}
}
