package workflows

import (
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
)

// ownership says how sure a run is that a separation task is its own.
type ownership int

const (
	// notKnown: there is no task id yet.
	notKnown ownership = iota
	// claimed: a callback named the task; the provider's record has not proved yet that this run submitted it.
	claimed
	// given: the input named the task; the provider's record has not shown yet that it is of this track.
	given
	// proved: the submit, the ledger or the record says so.
	proved
)

// payOrResume ends with a separation that is paid for: one that the input or the ledger names, or else a new one. When the
// outcome of the paid call is unknown it ends without a task id, for awaitSettlement to learn it from the callback.
func (s *separation) payOrResume(ctx workflow.Context) error {
	paid := s.archive.Submission
	if paid != nil && (paid.State != stemflow.SubmissionPaid || paid.SeparationTaskID == "") {
		paid = nil
	}
	switch {
	case s.in.SeparationTaskID != "":
		if paid != nil && paid.SeparationTaskID == s.in.SeparationTaskID {
			s.submittedAt = paid.SubmittedAt
		}
		s.resumed = true
		s.startDeadline(workflow.Now(ctx))
		s.ownership = given
		s.know(ctx, s.in.SeparationTaskID)
		return nil
	case paid != nil && !s.in.Force:
		s.resumePaid(ctx, paid.SeparationTaskID, paid.SubmittedAt)
		return nil
	default:
		return s.submit(ctx)
	}
}

func (s *separation) resumePaid(ctx workflow.Context, taskID string, submittedAt time.Time) {
	s.resumed = true
	s.submittedAt = submittedAt
	s.startDeadline(workflow.Now(ctx))
	s.ownership = proved
	s.know(ctx, taskID)
}

// submit makes the one paid call. The activity is never retried by the engine, which retries time-outs too: each attempt here
// follows one that surely was not accepted, or one that was lost and about which the ledger tells the next attempt.
func (s *separation) submit(ctx workflow.Context) error {
	s.enter(ctx, stemflow.PhaseSubmitting)
	var refusedSince time.Time
	refused := 0
	for attempt := 1; ; attempt++ {
		var submitted stemflow.SubmittedSeparation
		err := workflow.ExecuteActivity(submitOptions(ctx, s.archive.SubmitTaskQueue), stemflow.ActivitySubmitSeparation,
			stemflow.SubmitSeparationInput{
				Location: s.archive.Location, Track: s.track(), Force: s.in.Force, Deadline: s.in.Deadline,
				Attempt: attempt, Refused: refused,
			}).Get(ctx, &submitted)
		if err == nil {
			s.paid = !submitted.FromLedger
			s.submitted(ctx, submitted)
			return ctx.Err() // a cancellation that came while the call was under way waited for the id
		}

		var timeout *temporal.TimeoutError
		s.learnPaid(err)
		pause := heldPause
		switch kind, _ := applicationError(err); {
		case errors.As(err, &timeout):
			if err := s.afterTimeout(ctx, timeout); err != nil {
				return err
			}
			continue
		case kind == stemflow.ActivityErrorSubmitUnknown:
			s.log(ctx).Warn("the outcome of the submit is unknown: waiting for the callback to tell", "error", err)
			s.progress.SubmissionUnknown = true
			s.startDeadline(workflow.Now(ctx))
			return nil
		case kind == stemflow.ActivityErrorSubmitRefused:
			refused = attempt
			pause = submitPause(attempt)
		case kind == stemflow.ActivityErrorSubmitHeld:
		default:
			s.takeIntentBack(ctx, attempt, err)
			return activityFailure(err, stemflow.ErrorProviderUnavailable)
		}

		if refusedSince.IsZero() {
			refusedSince = workflow.Now(ctx)
		}
		if workflow.Now(ctx).Sub(refusedSince) > submitPatience {
			s.takeIntentBack(ctx, attempt, err)
			return endWith(stemflow.ErrorProviderUnavailable,
				fmt.Sprintf("the provider took no submit for %v, nothing was paid; start the track again later: %v", submitPatience, err))
		}
		if cancelled := workflow.Sleep(ctx, pause); cancelled != nil {
			s.takeIntentBack(ctx, attempt, err)
			return cancelled
		}
	}
}

// afterTimeout prepares another attempt. One that nobody took in time was never begun: the host may have moved its submit queue,
// which the archive's preparation tells. One that was begun is lost with its worker: if it had written its intent, the next
// attempt finds that and submits nothing.
func (s *separation) afterTimeout(ctx workflow.Context, timeout *temporal.TimeoutError) error {
	if timeout.TimeoutType() != enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START {
		return nil
	}
	if err := s.prepareArchive(ctx); err != nil {
		return err
	}
	s.enter(ctx, stemflow.PhaseSubmitting)
	return nil
}

// learnPaid learns from a submit that failed whether this run may have paid. A lost attempt may have, until another one has seen the ledger.
func (s *separation) learnPaid(err error) {
	var timeout *temporal.TimeoutError
	switch kind, _ := applicationError(err); {
	case errors.As(err, &timeout):
		s.paid = s.paid || timeout.TimeoutType() != enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START
	case kind == stemflow.ActivityErrorSubmitUnknown:
		s.paid = true
	case isErrorType(kind) && kind != stemflow.ErrorArchiveUnavailable,
		kind == stemflow.ActivityErrorSubmitRefused, kind == stemflow.ActivityErrorSubmitHeld:
		s.paid = false
	}
}

// takeIntentBack frees the ledger when no attempt follows a refusal whose activity could not.
func (s *separation) takeIntentBack(ctx workflow.Context, attempt int, err error) {
	_, app := applicationError(err)
	if app == nil {
		return
	}
	var refusal stemflow.SubmitRefusal
	if app.Details(&stemflow.ErrorDetails{}, &refusal) == nil && refusal.LedgerBehind {
		s.recordSubmission(ctx, stemflow.Submission{State: stemflow.SubmissionRefused, Attempt: attempt})
	}
}

func (s *separation) submitted(ctx workflow.Context, submitted stemflow.SubmittedSeparation) {
	if submitted.FromLedger {
		s.resumePaid(ctx, submitted.SeparationTaskID, submitted.SubmittedAt)
		return
	}
	s.submittedAt = submitted.SubmittedAt
	s.startDeadline(submitted.SubmittedAt)
	s.ownership = proved
	s.know(ctx, submitted.SeparationTaskID)
	if submitted.LedgerBehind {
		s.recordSubmission(ctx, stemflow.Submission{State: stemflow.SubmissionPaid})
	}
}

func (s *separation) startDeadline(from time.Time) {
	s.deadline = from.Add(time.Duration(s.in.Deadline))
	s.progress.Deadline = s.deadline
}

// know makes the separation task id visible on the execution, where it outlives failure, cancellation and termination.
func (s *separation) know(ctx workflow.Context, taskID string) {
	s.taskID = taskID
	s.progress.SeparationTaskID = taskID
	s.progress.SubmissionUnknown = false
	if err := workflow.UpsertMemo(ctx, map[string]any{stemflow.MemoSeparationTaskID: taskID}); err != nil {
		s.log(ctx).Error("the memo could not be written", "error", err)
	}
	s.label(ctx, stemflow.SearchAttributeSeparationTaskID, taskID)
}
