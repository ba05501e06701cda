package activities

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/token"
	"stemflow/kiesim"
)

func TestSubmitPaysOnceAndCompletesTheLedger(t *testing.T) {
	h := newHarness(t)
	submitted, err := h.submit()
	require.NoError(t, err)
	require.Equal(t, 1, h.billed())
	require.Equal(t, h.sim.Bill().Charges[0].TaskID, submitted.SeparationTaskID)
	require.False(t, submitted.FromLedger)
	require.False(t, submitted.LedgerBehind)

	ledger := h.ledger()
	require.Equal(t, stemflow.SubmissionPaid, ledger.State)
	require.Equal(t, submitted.SeparationTaskID, ledger.SeparationTaskID)
	require.Equal(t, h.track, ledger.Track)
	require.Equal(t, []any{testWorkflowID, testRunID, 1}, []any{ledger.WorkflowID, ledger.RunID, ledger.Attempt})

	again, err := h.submit(func(in *activityapi.SubmitSeparationInput) { in.Attempt = 2; in.Force = true })
	require.NoError(t, err)
	require.Equal(
		t,
		submitted.SeparationTaskID,
		again.SeparationTaskID,
		"the answer of the first was lost: the ledger has it",
	)
	require.Equal(t, 1, h.billed())
}

// A worker that stops, or a run that is cancelled, does not give up an answer that is worth money.
func TestACallUnderWayIsMadeAndRecordedWhateverBecomesOfTheActivity(t *testing.T) {
	h := newHarness(t)
	ctx, cancel := context.WithCancel(t.Context())
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cancel()
		select {
		case <-r.Context().Done():
		case <-time.After(100 * time.Millisecond):
		}
		h.sim.ServeHTTP(w, r)
	}))
	t.Cleanup(provider.Close)
	h.use(provider.URL, "http://127.0.0.1:1")
	h.env.SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx})
	submitted, err := h.submit()
	require.NoError(t, err)
	require.False(t, submitted.LedgerBehind)
	require.Equal(t, submitted.SeparationTaskID, h.ledger().SeparationTaskID)
	require.Equal(t, 1, h.billed())
}

func TestSubmitRefusedFreesTheLedger(t *testing.T) {
	says := func(code int, message string) kiesim.Fault {
		return kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: code, Message: message}
	}
	for name, c := range map[string]struct {
		fault kiesim.Fault
		want  string
	}{
		"credits":            {kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 402}, stemflow.ErrorInsufficientCredits},
		"credits as 500":     {says(500, kiesim.InsufficientCredits), stemflow.ErrorInsufficientCredits},
		"key":                {kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 401}, stemflow.ErrorUnauthorized},
		"edge":               {kiesim.Fault{Answer: kiesim.AnswerBlocked}, stemflow.ErrorProviderRejected},
		"validation":         {says(422, "不能为空"), stemflow.ErrorProviderRejected},
		"unknown track":      {kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 422}, activityapi.ActivityErrorSubmitNotYet},
		"credits in Chinese": {says(429, "积分不足"), stemflow.ErrorInsufficientCredits},
		"rate limit as 405":  {says(405, "Rate limit exceeded"), activityapi.ActivityErrorSubmitRefused},
		"rate limit":         {kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 429}, activityapi.ActivityErrorSubmitRefused},
		"rate limit by HTTP": {kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 429, Status: 429}, activityapi.ActivityErrorSubmitRefused},
		"maintenance":        {kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 455}, activityapi.ActivityErrorSubmitRefused},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			c.fault.Times = 1
			h.sim.QueueScenarios(h.track.AudioID, kiesim.Scenario{Submit: c.fault})
			_, err := h.submit()
			app := requireType(t, err, c.want)
			var details stemflow.ErrorDetails
			var refusal activityapi.SubmitRefusal
			require.NoError(t, app.Details(&details, &refusal))
			require.False(t, refusal.LedgerBehind)
			require.Zero(t, h.billed())
			require.Equal(t, stemflow.SubmissionRefused, h.ledger().State)

			_, err = h.submit(func(in *activityapi.SubmitSeparationInput) { in.Attempt = 2 })
			require.NoError(t, err, "the ledger is free for another attempt")
			require.Equal(t, 1, h.billed())
		})
	}
}

func TestSubmitToNobodyIsRefusedNotUnknown(t *testing.T) {
	h := newHarness(t)
	closed := httptest.NewServer(nil)
	closed.Close()
	h.use(closed.URL, "")
	_, err := h.submit()
	requireType(t, err, activityapi.ActivityErrorSubmitRefused)
	require.Equal(t, stemflow.SubmissionRefused, h.ledger().State)
}

func TestSubmitOfUnknownOutcomeIsNeverRepeated(t *testing.T) {
	for name, fault := range map[string]kiesim.Fault{
		"server error":  {Answer: kiesim.AnswerRefuse, Code: 500},
		"timeout code":  {Answer: kiesim.AnswerRefuse, Code: 408},
		"edge's error":  {Answer: kiesim.AnswerHTML},
		"time-out":      {Answer: kiesim.AnswerHang},
		"cut":           {Answer: kiesim.AnswerCut},
		"unreadable":    {Answer: kiesim.AnswerUnreadable},
		"cut gzip":      {Answer: kiesim.AnswerCutGzip},
		"no task id":    {Answer: kiesim.AnswerNoData},
		"409 of nobody": {Answer: kiesim.AnswerRefuse, Code: 409},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			fault.Accept = true
			h.sim.SetScenario(h.track.AudioID, kiesim.Scenario{Submit: fault})
			_, err := h.submit()
			require.True(t, requireType(t, err, activityapi.ActivityErrorSubmitUnknown).NonRetryable())
			require.Equal(t, stemflow.SubmissionIntended, h.ledger().State)
			for attempt := 2; attempt < 4; attempt++ {
				_, err = h.submit(func(in *activityapi.SubmitSeparationInput) { in.Attempt = attempt; in.Force = true })
				requireType(t, err, activityapi.ActivityErrorSubmitUnknown)
			}
			require.Equal(t, 1, h.billed())
			require.Equal(t, 1, h.sim.Bill().Requests["generate"])
		})
	}
}

func TestSubmitMeetsAnotherRunsLedger(t *testing.T) {
	before := stemflow.Submission{
		Version:    1,
		WorkflowID: "other",
		RunID:      "other-run",
		Attempt:    1,
		IntendedAt: time.Now(),
	}
	t.Run("a fresh intent is awaited", func(t *testing.T) {
		h := newHarness(t)
		before := before
		before.State = stemflow.SubmissionIntended
		h.write(archive.SubmissionKey(h.loc), before)
		_, err := h.submit()
		requireType(t, err, activityapi.ActivityErrorSubmitHeld)
		require.Zero(t, h.billed())
	})
	t.Run("an intent that is stale ends the run", func(t *testing.T) {
		h := newHarness(t)
		before := before
		before.State, before.IntendedAt = stemflow.SubmissionIntended, time.Now().Add(-time.Hour)
		h.write(archive.SubmissionKey(h.loc), before)
		_, err := h.submit()
		app := requireType(t, err, stemflow.ErrorSubmissionUnknown)
		require.NotContains(t, app.Message(), "start", "its remedy says what to do")
		require.Zero(t, h.billed())

		_, err = h.submit(func(in *activityapi.SubmitSeparationInput) { in.Force = true })
		require.NoError(t, err)
		require.Equal(t, 1, h.billed())
	})
	t.Run("a refused force leaves the receipt of an earlier payment", func(t *testing.T) {
		h := newHarness(t)
		before := before
		before.State, before.SeparationTaskID = stemflow.SubmissionPaid, "paid-before"
		h.write(archive.SubmissionKey(h.loc), before)
		h.sim.SetScenario(
			h.track.AudioID,
			kiesim.Scenario{Submit: kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 402}},
		)
		_, err := h.submit(func(in *activityapi.SubmitSeparationInput) { in.Force = true })
		requireType(t, err, stemflow.ErrorInsufficientCredits)
		require.Equal(t, stemflow.SubmissionPaid, h.ledger().State)
		require.Equal(t, "paid-before", h.ledger().SeparationTaskID)
	})
	t.Run("a payment is taken up", func(t *testing.T) {
		h := newHarness(t)
		before := before
		before.State, before.SeparationTaskID = stemflow.SubmissionPaid, "paid-before"
		h.write(archive.SubmissionKey(h.loc), before)
		submitted, err := h.submit()
		require.NoError(t, err)
		require.True(t, submitted.FromLedger)
		require.Equal(t, "paid-before", submitted.SeparationTaskID)
		require.Zero(t, h.billed())
	})
}

// Of all that submit one track at the same moment one pays, and nobody else even asks the provider.
func TestConcurrentSubmitsPayOnce(t *testing.T) {
	h := newHarness(t)
	var all sync.WaitGroup
	for attempt := range 8 {
		env := newSubmitEnvironment(h)
		all.Go(func() {
			_, _ = env.ExecuteActivity(activityapi.ActivitySubmitSeparation, activityapi.SubmitSeparationInput{
				Location: h.loc, Track: h.track, Attempt: attempt + 1, Deadline: stemflow.DefaultDeadline,
			})
		})
	}
	all.Wait()
	require.Equal(t, 1, h.billed())
	require.Equal(t, 1, h.sim.Bill().Requests["generate"])
}

func TestSubmitWithoutAStorePaysNothing(t *testing.T) {
	h := newHarness(t)
	store, err := archive.New(archive.Options{Endpoint: "127.0.0.1:1", AccessKey: "a", SecretKey: "b"})
	require.NoError(t, err)
	h.set.SubmitSeparation.Store = store
	_, err = h.submit()
	app := requireType(t, err, stemflow.ErrorArchiveUnavailable)
	var refusal activityapi.SubmitRefusal
	require.NoError(t, app.Details(&stemflow.ErrorDetails{}, &refusal))
	require.True(t, refusal.LedgerBehind, "the intent may have been written and its answer lost")
	require.Zero(t, h.sim.Bill().Requests["generate"])
}

// MinIO that was killed within a replacement shows an older version of the object, and answers a
// conditional write as if there were none, until it is healed.
func TestSubmitOnALedgerThatHasToBeHealed(t *testing.T) {
	h := newHarness(t)
	h.write(archive.SubmissionKey(h.loc), stemflow.Submission{
		Version: 1, State: stemflow.SubmissionRefused, Track: h.track, WorkflowID: "other", RunID: "other-run",
	})
	store := serverstest.NewFaultyStore(t, h.storeOptions)
	writes := 0
	store.SetFaults(serverstest.Fault{Answer: func(r *http.Request, _ []byte) *http.Response {
		if !strings.HasSuffix(r.URL.Path, archive.SubmissionKey(h.loc)) || r.Method != http.MethodPut {
			return nil
		}
		writes++
		if r.Header.Get("If-Match") == "" {
			return serverstest.S3Answer(http.StatusPreconditionFailed, "PreconditionFailed")
		}
		return serverstest.S3Answer(http.StatusNotFound, "NoSuchKey")
	}})
	faulty, err := archive.New(store.Options)
	require.NoError(t, err)
	h.set.SubmitSeparation.Store = faulty
	_, err = h.submit()
	app := requireType(t, err, stemflow.ErrorArchiveUnavailable)
	require.Contains(t, app.Error(), "heal the store")
	require.LessOrEqual(t, writes, 10)
	require.Zero(t, h.sim.Bill().Requests["generate"])

	h.set.RecordSubmission.Store = faulty
	_, err = call[activityapi.RecordedSubmission](h, activityapi.ActivityRecordSubmission,
		activityapi.RecordSubmissionInput{Location: h.loc, Submission: stemflow.Submission{
			State: stemflow.SubmissionPaid, Track: h.track, SeparationTaskID: "paid", Attempt: 1,
		}})
	require.Contains(t, requireType(t, err, stemflow.ErrorArchiveUnavailable).Error(), "heal the store")
}

func TestCallbackAddressIsMadeForTheWorkflowAndOutlivesItsDeadline(t *testing.T) {
	h := newHarness(t)
	submitted, err := h.submit()
	require.NoError(t, err)
	record, err := h.set.GetSeparationRecord.Provider.Record(t.Context(), submitted.SeparationTaskID)
	require.NoError(t, err)
	address := h.set.SubmitSeparation.Callback
	require.True(t, address.Names(record.CallbackURL, testNamespace, testWorkflowID, testRunID))
	require.False(t, address.Names(record.CallbackURL, testNamespace, "another", testRunID))
	require.False(t, address.Names(record.CallbackURL, testNamespace, testWorkflowID, "earlier"),
		"an earlier run of the track paid for another separation")
	require.False(t, address.Names(record.CallbackURL, "another", testWorkflowID, testRunID))
	require.False(t, address.Names(placeholderURL, testNamespace, testWorkflowID, testRunID))

	span := trace.NewSpanContext(
		trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled},
	)
	in := activityapi.SubmitSeparationInput{
		Track:     h.track,
		TaskQueue: "separations",
		Deadline:  stemflow.Duration(time.Hour),
	}
	minted := address.Mint(
		trace.ContextWithSpanContext(t.Context(), span),
		testNamespace,
		testWorkflowID,
		testRunID,
		in,
	)
	require.True(t, address.Names(minted, testNamespace, testWorkflowID, testRunID))
	claims, err := address.Keyring.Verify(path.Base(minted), time.Now())
	require.NoError(t, err)
	require.Equal(t, token.Trace{TraceID: [16]byte{1}, SpanID: [8]byte{2}, Flags: 1}, claims.Trace)
	require.Equal(t, h.track, claims.Track)
	require.Equal(t, "separations", claims.TaskQueue)
	require.Equal(t, placeholderURL, CallbackAddress{}.Mint(t.Context(), testNamespace, testWorkflowID, testRunID, in))
	require.IsType(t, &temporal.ApplicationError{}, final("x", "y", nil), "it must be the outermost error")
}
