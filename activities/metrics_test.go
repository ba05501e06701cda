package activities

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/kiesim"
)

func TestSubmitsAreCounted(t *testing.T) {
	for outcome, fault := range map[string]kiesim.Fault{
		"accepted":             {},
		"unknown":              {Answer: kiesim.AnswerCut, Accept: true},
		"busy":                 {Answer: kiesim.AnswerRefuse, Code: 429},
		"unauthorized":         {Answer: kiesim.AnswerRefuse, Code: 401},
		"insufficient_credits": {Answer: kiesim.AnswerRefuse, Code: 402},
		"rejected":             {Answer: kiesim.AnswerRefuse, Code: 400},
		"not_yet":              {Answer: kiesim.AnswerRefuse, Code: 422},
	} {
		t.Run(outcome, func(t *testing.T) {
			h := newHarness(t)
			h.sim.SetScenario(h.track.AudioID, kiesim.Scenario{Submit: fault})
			_, err := h.submit()
			require.Equal(t, outcome == "accepted", err == nil, "%v", err)
			want := map[string]int64{"stemflow_submits{outcome=" + outcome + ",type=separate_vocal}": 1}
			if outcome == "accepted" {
				want["stemflow_credits_spent{type=separate_vocal}"] = int64(h.sim.Bill().Charges[0].Credits)
			}
			require.Equal(t, want, h.metrics.Counters())
		})
	}
}

// What the ledger answers is not a paid call.
func TestSubmitsThatNeverReachTheProviderAreNotCounted(t *testing.T) {
	h := newHarness(t)
	h.write(archive.SubmissionKey(h.loc), stemflow.Submission{
		Version: 1, State: stemflow.SubmissionPaid, WorkflowID: "other", RunID: "other-run", Attempt: 1, SeparationTaskID: "paid-before",
	})
	submitted, err := h.submit()
	require.NoError(t, err)
	require.Equal(t, "paid-before", submitted.SeparationTaskID)
	require.Empty(t, h.metrics.Counters())
}

func TestArchivedStemsAreCounted(t *testing.T) {
	content := drums(t)
	h := newHarness(t)
	broken := true
	source := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		if broken {
			rw.WriteHeader(http.StatusBadGateway)
			return
		}
		http.ServeContent(rw, r, "", time.Time{}, bytes.NewReader(content))
	})
	_, err := h.archiveStem(source)
	require.Error(t, err)
	failures := MetricStemFailures + "{reason=" + stemflow.ErrorProviderUnavailable + "}"
	require.Equal(t, map[string]int64{failures: 1}, h.metrics.Counters())

	broken = false
	for range 2 { // the second time it is there already
		_, err = h.archiveStem(source)
		require.NoError(t, err)
		require.Equal(
			t,
			map[string]int64{MetricStemsArchived: 1, MetricBytesArchived: int64(len(content)), failures: 1},
			h.metrics.Counters(),
		)
		require.Len(t, h.metrics.Timers()[MetricStemArchiveLatency], 1)
		require.Positive(t, h.metrics.Timers()[MetricStemArchiveLatency][0])
	}
	require.Len(t, h.metrics.Timers()[MetricStemWaitLatency], 3)
}
