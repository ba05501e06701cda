package workflows

import (
	"cmp"
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/ledger"
)

// ownership says how sure a run is that a separation task is its own.
type ownership int

const (
	// unknown: there is no task id yet.
	unknown ownership = iota
	// unverified: a callback named the task; the provider's record has not proved yet that this run
	// submitted it.
	unverified
	// fromInput: the input named the task; the provider's record has not shown yet that it is of
	// this track.
	fromInput
	// verified: the submit, the ledger or the record says so.
	verified
)

// payOrResume ends with a separation that is paid for: one that the input or the ledger names, or
// else a new one. When the outcome of the paid call is unknown it ends without a task id, for
// awaitSettlement to learn it from the callback.
func (s *separation) payOrResume(ctx workflow.Context) error {
	paid := paidSubmission(s.archive)
	switch {
	case s.in.SeparationTaskID != "" && (paid == nil || paid.SeparationTaskID != s.in.SeparationTaskID):
		s.resumed = true
		s.startDeadline(workflow.Now(ctx))
		s.ownership = fromInput
		s.setSeparationTask(ctx, s.in.SeparationTaskID)
		return nil
	case paid != nil && (!s.in.Force || s.in.SeparationTaskID != ""):
		s.resumePaid(ctx, paid.SeparationTaskID, paid.SubmittedAt)
		return nil
	default:
		if err := s.prepareSong(ctx); err != nil {
			return err
		}
		return s.submit(ctx)
	}
}

func (s *separation) resumePaid(ctx workflow.Context, separationTaskID string, submittedAt time.Time) {
	s.resumed = true
	s.submittedAt = submittedAt
	s.startDeadline(workflow.Now(ctx))
	s.ownership = verified
	s.setSeparationTask(ctx, separationTaskID)
}

// submit makes the one paid call. The activity is never retried by the engine, which retries
// time-outs too: each attempt here follows one that surely was not accepted, or one that was lost
// and about which the ledger tells the next attempt.
func (s *separation) submit(ctx workflow.Context) error {
	s.enter(ctx, stemflow.PhaseSubmitting)
	err := s.submitUntilKnown(ctx)
	if err == nil && s.separationTaskID == "" {
		return nil // the callback says it
	}
	if s.separationTaskID == "" {
		s.paid = s.submits.MayHavePaid()
	}
	if s.separationTaskID == "" && s.submits.MustClose() || len(s.submits.Refused) > 0 {
		s.closeLedger(ctx)
	}
	return err
}

func (s *separation) submitUntilKnown(ctx workflow.Context) error {
	retry := newSubmitRetry(ctx)
	for {
		if err := s.renewSong(ctx); err != nil {
			return err
		}
		s.submits.Begin()
		var submitted activityapi.SubmittedSeparation
		err := workflow.ExecuteActivity(submitOptions(ctx, s.task, s.archive.SubmitTaskQueue),
			s.task.Submit, s.submitInput(ctx)).
			Get(ctx, &submitted)
		outcome, nonce := submitOutcome(submitted, err)
		doubt := s.submits.MustClose()
		switch s.submits.After(outcome, nonce) {
		case ledger.Proceed:
			s.paid = outcome == ledger.Accepted
			s.submitted(ctx, submitted)
			return ctx.Err() // a cancellation that came while the call was under way waited for the id
		case ledger.AwaitCallback:
			return s.awaitID(ctx, err)
		case ledger.Stop:
			s.storeAway = !doubt
			return s.withoutLedger(err)
		}

		if temporal.IsCanceledError(err) {
			return err
		}
		if s.existsAlready(err) && s.resumeExisting(ctx) {
			return nil
		}
		switch outcome {
		case ledger.Lost, ledger.Repeated:
			if outcome == ledger.Lost && s.pausesForWorker(ctx, err) {
				if err := retry.pauseForWorker(ctx, err, s.task); err != nil {
					return err
				}
			}
			continue // what it wrote, if it wrote, is in the ledger
		case ledger.NeverBegun:
			if err := s.findSubmitQueue(ctx); err != nil {
				return err
			}
			retry.since = time.Time{}
			continue
		}
		if err := retry.pause(ctx, err); err != nil {
			return err
		}
	}
}

func (s *separation) submitInput(ctx workflow.Context) activityapi.SubmitSeparationInput {
	return activityapi.SubmitSeparationInput{
		Location: s.archive.Location, Ledger: s.archive.Ledger, Track: s.in.Track(), AudioURL: s.song.URL,
		Force:    s.in.Force,
		Deadline: s.in.Deadline,
		Owner:    s.owner, TaskQueue: workflow.GetInfo(ctx).TaskQueueName,
		Attempt: s.submits.Attempt, RefusedNonces: s.submits.Refused,
	}
}

// owner is the first run of the chain that resets and retries make of this run: to the ledger they
// are one.
func owner(ctx workflow.Context) string {
	info := workflow.GetInfo(ctx)
	return cmp.Or(info.FirstRunID, info.OriginalRunID, info.WorkflowExecution.RunID)
}

// submitOutcome is what the end of a submit says, and the nonce of its execution where its intent
// may have to be taken back. What nobody thought of, like a panic, is a lost one: the execution may
// have paid before it. So are the cancellation of a task and a time-out that has a cause: an
// operator may have let the engine execute the task more than once.
func submitOutcome(submitted activityapi.SubmittedSeparation, err error) (outcome ledger.Outcome, nonce string) {
	var timeout *temporal.TimeoutError
	kind, app := applicationError(err)
	if app != nil {
		var refusal activityapi.SubmitRefusal
		_ = app.Details(&stemflow.ErrorDetails{}, &refusal) // those without have nothing to take back
		nonce = refusal.Nonce
	}
	switch {
	case err == nil && submitted.FromLedger:
		return ledger.Resumed, ""
	case err == nil:
		return ledger.Accepted, ""
	case errors.As(err, &timeout) && timeout.TimeoutType() == enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START &&
		timeout.Unwrap() == nil:
		return ledger.NeverBegun, ""
	case kind == activityapi.ActivityErrorSubmitUnknown:
		return ledger.Unknown, ""
	case kind == activityapi.ActivityErrorSubmitHeld, kind == stemflow.ErrorSubmissionUnknown:
		return ledger.Held, ""
	case kind == activityapi.ActivityErrorSubmitNoTurn: // which has not looked at the ledger
		return ledger.Held, ""
	case kind == stemflow.ErrorArchiveUnavailable:
		return ledger.Unavailable, nonce
	case kind == activityapi.ActivityErrorSubmitRefused,
		kind == activityapi.ActivityErrorSubmitNotYet,
		isErrorType(kind):
		return ledger.Refused, nonce
	case kind == activityapi.ActivityErrorSubmitRepeated:
		return ledger.Repeated, ""
	default:
		return ledger.Lost, ""
	}
}

// existsAlready reports whether the provider has refused a submit because it has made such a task
// before.
func (s *separation) existsAlready(err error) bool {
	kind, _ := applicationError(err)
	return s.task.Exists != "" && kind == s.task.Exists
}

// resumeExisting takes up the task that the provider has made before and makes no second time, if
// the ledger names it: whoever paid for it, and even by force, since there is no other.
func (s *separation) resumeExisting(ctx workflow.Context) bool {
	_, paid := s.readLedger(ctx)
	if paid == nil {
		return false
	}
	s.log(ctx).Info("the provider makes no second "+s.task.Name+": the one that is paid for is taken up",
		"taskId", paid.SeparationTaskID)
	s.resumePaid(ctx, paid.SeparationTaskID, paid.SubmittedAt)
	return true
}

// withoutLedger is the ending for a submit that could not write the ledger. It did not call, but
// one before it may have.
func (s *separation) withoutLedger(err error) error {
	err = activityFailure(err, stemflow.ErrorArchiveUnavailable)
	var e *ending
	if errors.As(err, &e) {
		e.message += "; start the track again once the store is back, which never pays for what is paid for"
	}
	return err
}

// findSubmitQueue asks where submits are to be scheduled, after one that nobody took in time: the
// host may have moved its queue. All else stays as it was prepared. Above all the ledger does,
// which knows of submits that were lost.
func (s *separation) findSubmitQueue(ctx workflow.Context) error {
	prepared := s.archive
	if err := s.prepareArchive(ctx); err != nil {
		return err
	}
	prepared.SubmitTaskQueue = s.archive.SubmitTaskQueue
	s.archive = prepared
	s.enter(ctx, stemflow.PhaseSubmitting)
	return nil
}

// awaitID makes the run wait for the callback, which alone can tell the id of a submit whose
// outcome is unknown. Where none can come the run ends.
func (s *separation) awaitID(ctx workflow.Context, err error) error {
	s.paid = true
	if !s.archive.CallbacksExpected {
		return endWith(
			stemflow.ErrorSubmissionUnknown,
			"the outcome of the submit is unknown, and without a callback bridge nothing can tell it. "+
				"It may have been accepted and paid ("+err.Error()+")",
		)
	}
	s.log(ctx).Warn("the outcome of the submit is unknown: waiting for the callback to tell", "error", err)
	s.progress.SubmissionUnknown = true
	s.startDeadline(workflow.Now(ctx))
	return nil
}

func (s *separation) submitted(ctx workflow.Context, submitted activityapi.SubmittedSeparation) {
	if submitted.FromLedger {
		s.resumePaid(ctx, submitted.SeparationTaskID, submitted.SubmittedAt)
		return
	}
	s.submittedAt = submitted.SubmittedAt
	s.startDeadline(submitted.SubmittedAt)
	s.ownership = verified
	s.setSeparationTask(ctx, submitted.SeparationTaskID)
	if s.ledgerBehind = submitted.LedgerBehind; s.ledgerBehind {
		s.recordSubmission(ctx, stemflow.Submission{State: stemflow.SubmissionPaid})
	}
}

func (s *separation) startDeadline(from time.Time) {
	s.deadline = from.Add(time.Duration(s.in.Deadline))
	s.progress.Deadline = s.deadline
}

// setSeparationTask makes the separation task id visible on the execution, where it outlives
// failure, cancellation and termination.
func (s *separation) setSeparationTask(ctx workflow.Context, separationTaskID string) {
	s.separationTaskID = separationTaskID
	s.progress.SeparationTaskID = separationTaskID
	s.progress.SubmissionUnknown = false
	if err := workflow.UpsertMemo(ctx, map[string]any{s.task.Memo: separationTaskID}); err != nil {
		s.log(ctx).Error("the memo could not be written", "error", err)
	}
	if s.task == activityapi.Separation {
		s.label(ctx, stemflow.SearchAttributeSeparationTaskID, separationTaskID)
	}
}
