package activities

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/kie"
	"stemflow/internal/ledger"
)

// SubmitSeparation makes the one paid call, for a task of any kind. The ledger is part of the
// payment: the intent is written before the call, by a conditional write that only one execution
// can win, and completed after it. What is allowed internal/ledger decides.
type SubmitSeparation struct {
	Store    Store
	Provider *kie.Client
	Callback CallbackAddress
	// Turns keep all workers of the queue to a rate; nil: there is none to keep.
	Turns Turns

	paidTask
}

const (
	// How long ledger writes are retried: a few tries for a store that hiccups, within a budget
	// before the call and one after it, so that both and the call between them (30 s) fit in the
	// activity's time-out.
	ledgerTries  = 4
	ledgerPause  = time.Second
	ledgerLimit  = 5 * time.Second
	ledgerBudget = 15 * time.Second
	// An execution that reaches the call this long after it began was frozen: its run has given it
	// up.
	callWindow = time.Minute
	// What a submit that has its turn may take: callWindow and the completion of the ledger.
	submitTimeout = 70 * time.Second
	// An intent of another run that is older than this belongs to a call that is long over.
	heldLimit = 2 * time.Minute
)

// Execute pays at most once, however often it runs. It waits for its turn before it writes
// anything. Beside the final refusals it fails with
//   - ActivityErrorSubmitRefused, ActivityErrorSubmitNotYet: nothing was paid, and a later attempt
//     may be accepted,
//   - ActivityErrorSubmitNoTurn: this execution made no call, and has not looked at the ledger,
//   - ActivityErrorSubmitHeld: another run may be paying at this moment,
//   - ActivityErrorSubmitUnknown: this run may have paid; it must not submit again,
//   - ActivityErrorSubmitRepeated: the engine has executed the task before; the next attempt learns
//     what came of it,
//   - ErrorSubmissionUnknown: an earlier run may have paid and never told.
func (a *SubmitSeparation) Execute(
	ctx context.Context,
	in activityapi.SubmitSeparationInput,
) (*activityapi.SubmittedSeparation, error) {
	info := activity.GetInfo(ctx)
	run := info.WorkflowExecution
	owner := in.Owner
	if owner == "" { // the input of an earlier release
		owner = run.RunID
	}
	if !slices.Contains(a.task().Types, in.Track.Type) && a.task() != activityapi.Separation {
		return nil, final(stemflow.ErrorInvalidInput, "a "+a.task().Name+" of type "+string(in.Track.Type)+
			" is none, and nothing was paid", nil)
	}
	about := subject{kind: in.Track.Type}
	about.annotate(ctx)
	leave, err := awaitTurn(ctx, a.Turns, submitTimeout, activityapi.ActivityErrorSubmitNoTurn)
	if err != nil {
		return nil, err
	}
	defer leave()
	s := &submit{
		activity: a, in: in, about: about, began: time.Now().Round(0),
		file: newLedgerFile(a.Store, in.Ledger, in.Location),
	}
	s.callbackURL = a.Callback.Mint(ctx, info.Namespace, run.ID, owner, in)
	s.nonce = rand.Text()
	s.execution = ledger.NewExecution(ledger.Claim{
		Owner: owner, RunID: run.RunID, Attempt: in.Attempt, ScheduledAt: info.ScheduledTime.UTC(), Nonce: s.nonce,
		Force: in.Force, Refused: in.RefusedNonces,
	}, stemflow.Submission{Version: 1, Track: in.Track, WorkflowID: run.ID,
		IntendedAt: time.Now().UTC()}, info.Attempt > 1)
	if s.file.apart() || !a.Store.Proved(s.file.at.Bucket) {
		s.execution.ReadFirst()
	}
	s.drive(ctx)
	return s.result(ctx)
}

// submit is one execution.
type submit struct {
	activity    *SubmitSeparation
	in          activityapi.SubmitSeparationInput
	about       subject
	file        ledgerFile
	callbackURL string
	nonce       string
	began       time.Time

	execution *ledger.Execution
	// callErr is why the paid call was not accepted, storeErr the store's last failure, defect why
	// the store may not be trusted with a payment.
	callErr, storeErr, defect error
}

// drive does what the execution says next until it is over.
func (s *submit) drive(ctx context.Context) {
	if s.execution.Next() == ledger.Report {
		return
	}
	if s.untilCall(ctx) {
		// From here on the call is made and recorded whatever becomes of the activity's context.
		ctx = context.WithoutCancel(ctx)
		s.call(ctx)
		s.untilCall(ctx)
	}
}

// untilCall brings the ledger to where the call may be made, and reports whether it may; or to the
// end.
func (s *submit) untilCall(ctx context.Context) (mayCall bool) {
	ctx, cancel := context.WithTimeout(ctx, ledgerBudget)
	defer cancel()
	refused := map[string]bool{} // by the ETag that was to be replaced
	for failures := 0; ; {
		var err error
		switch s.execution.Next() {
		case ledger.Read:
			err = s.read(ctx)
		case ledger.Write:
			err = s.write(ctx)
		case ledger.Call:
			if err = s.prove(ctx); err == nil && s.defect == nil {
				if s.late() {
					s.execution.GiveUp()
					return false
				}
				return true
			}
		case ledger.Report:
			return false
		}
		if err == nil {
			continue
		}
		s.storeErr = err
		if errors.Is(err, archive.ErrUnconfirmed) {
			continue // what stands there now is read next
		}
		if etag := s.execution.ETag(); errors.Is(err, archive.ErrPrecondition) && !refused[etag] {
			refused[etag] = true
			continue // another one stands there, which is read next
		}
		if failures++; refusesForGood(err) || failures >= ledgerTries || pause(ctx, ledgerPause) != nil {
			s.execution.GiveUp()
			return false
		}
	}
}

func (s *submit) read(ctx context.Context) error {
	var l ledger.Ledger
	etag, err := withLimit(ctx, func(ctx context.Context) (etag string, err error) {
		l, etag, err = s.file.read(ctx)
		return etag, err
	})
	if err == nil {
		s.execution.HaveRead(l, etag)
	}
	return err
}

func (s *submit) write(ctx context.Context) error {
	etag, err := withLimit(ctx, func(ctx context.Context) (string, error) {
		return s.file.write(ctx, s.execution.Document(), s.execution.ETag())
	})
	if err != nil {
		s.execution.HaveFailed()
		return err
	}
	s.execution.HaveWritten(etag)
	return nil
}

// prove lets the store prove that it keeps what the ledger relies on, with the intent that stands
// there now. A store that does not is not paid on: the intent is taken back.
func (s *submit) prove(ctx context.Context) error {
	bucket := s.file.at.Bucket
	if s.activity.Store.Proved(bucket) {
		return nil
	}
	err := s.activity.Store.Prove(
		ctx,
		bucket,
		archive.SubmissionKey(s.file.at),
		s.execution.ETag(),
		s.execution.Document(),
	)
	switch {
	case errors.Is(err, archive.ErrPrecondition):
		s.execution.HaveFailed() // the intent does not stand there any more
	case refusesForGood(err):
		s.defect = err
		s.execution.HaveCalled(ledger.Refuses, stemflow.Submission{ProviderMessage: err.Error()})
		return nil
	}
	return err
}

// refusesForGood reports whether the store will not do what it is asked until a person mends it.
func refusesForGood(err error) bool {
	refused, ok := errors.AsType[*archive.Error](err)
	return ok && refused.Final
}

func (s *submit) late() bool { return time.Now().Round(0).Sub(s.began) > callWindow }

// call makes the paid call.
func (s *submit) call(ctx context.Context) {
	track := s.in.Track
	request := kie.GenerateRequest{
		TaskID: track.TaskID, AudioID: track.AudioID, Type: string(track.Type), StemName: track.StemName,
		CallbackURL: s.callbackURL,
	}
	if track.IsSong() {
		request.TaskID, request.AudioID, request.AudioURL = "", "", s.in.AudioURL
	}
	taskID, err := s.activity.Provider.Generate(ctx, request)
	countSubmit(ctx, track.Type, err)
	s.about.separationTaskID = taskID
	s.about.annotate(ctx)
	s.callErr = err
	switch {
	case err == nil:
		s.execution.HaveCalled(
			ledger.Accepts,
			stemflow.Submission{SeparationTaskID: taskID, SubmittedAt: time.Now().UTC()},
		)
	case kie.VerdictOf(err) == kie.Unknown:
		s.execution.HaveCalled(ledger.NoAnswer, stemflow.Submission{})
	default:
		said := providerDetails(err)
		s.execution.HaveCalled(ledger.Refuses, stemflow.Submission{
			ProviderCode: said.ProviderCode, ProviderMessage: said.ProviderMessage,
		})
	}
}

// result is what the execution reports to the run.
func (s *submit) result(ctx context.Context) (*activityapi.SubmittedSeparation, error) {
	outcome, entry := s.execution.Outcome()
	behind := activityapi.SubmitRefusal{LedgerBehind: s.execution.Behind()}
	if behind.LedgerBehind {
		behind.Nonce = s.nonce
		s.about.log(ctx).Warn("the ledger could not be completed and is written again later", "error", s.storeErr)
	}
	switch outcome {
	case ledger.Accepted, ledger.Resumed:
		if s.callErr == nil && s.about.separationTaskID != "" {
			s.about.log(ctx).Info(s.activity.task().Name + " submitted and paid for")
		}
		return &activityapi.SubmittedSeparation{
			SeparationTaskID: entry.SeparationTaskID, SubmittedAt: entry.SubmittedAt,
			FromLedger: outcome == ledger.Resumed, LedgerBehind: behind.LedgerBehind,
		}, nil
	case ledger.Held:
		return nil, heldBy(entry)
	case ledger.Repeated:
		return nil, final(
			activityapi.ActivityErrorSubmitRepeated,
			"the engine has executed this submit before; it is not repeated, and "+
				"the next one learns from the ledger what came of it",
			nil,
		)
	case ledger.Unknown:
		if s.callErr != nil {
			return nil, final(
				activityapi.ActivityErrorSubmitUnknown,
				s.callErr.Error(),
				s.callErr,
				providerDetails(s.callErr),
			)
		}
		return nil, final(activityapi.ActivityErrorSubmitUnknown,
			"an earlier submit of this run was lost after it had written its intent, and may have been accepted", nil)
	case ledger.Refused:
		if s.defect != nil {
			return nil, final(
				stemflow.ErrorArchiveUnavailable,
				"the object store may not be trusted with a payment, and nothing was paid: "+
					s.defect.Error(),
				s.defect,
				stemflow.ErrorDetails{},
				behind,
			)
		}
		return nil, s.activity.refusal(s.callErr, behind)
	default:
		text := "the ledger could not be written, so this submit did not call the provider"
		if s.storeErr != nil {
			text += ": " + s.storeErr.Error()
		}
		return nil, final(stemflow.ErrorArchiveUnavailable, text, s.storeErr, stemflow.ErrorDetails{}, behind)
	}
}

// heldBy is the error for an intent of another run: a call under way, or one whose outcome nobody
// knows any more.
func heldBy(holder stemflow.Submission) error {
	who := fmt.Sprintf(
		"workflow %s, run %s, at %s",
		holder.WorkflowID,
		holder.RunID,
		holder.IntendedAt.Format(time.RFC3339),
	)
	if holder.State == stemflow.SubmissionIntended && time.Since(holder.IntendedAt) < heldLimit {
		return expected(activityapi.ActivityErrorSubmitHeld, "another run is paying for this track: "+who)
	}
	return final(
		stemflow.ErrorSubmissionUnknown,
		"an earlier run may have paid for this track and could not tell ("+who+")",
		nil,
	)
}

// refusal is the error for a call that surely was not accepted.
func (a *SubmitSeparation) refusal(err error, behind activityapi.SubmitRefusal) error {
	details := []any{providerDetails(err), behind}
	switch kie.VerdictOf(err) {
	case kie.Unauthorized:
		return final(stemflow.ErrorUnauthorized, err.Error(), err, details...)
	case kie.InsufficientCredits:
		return final(stemflow.ErrorInsufficientCredits, err.Error(), err, details...)
	case kie.Busy:
		return final(activityapi.ActivityErrorSubmitRefused, err.Error(), err, details...)
	case kie.NotYet:
		return final(activityapi.ActivityErrorSubmitNotYet, err.Error(), err, details...)
	case kie.Exists:
		return final(a.task().Exists, a.existsText(err), err, details...)
	default:
		return final(stemflow.ErrorProviderRejected, err.Error(), err, details...)
	}
}

// existsText says that there is such a task already, and which one if the provider says so.
func (a *SubmitSeparation) existsText(err error) string {
	text := err.Error() + "; nothing was paid"
	refused, ok := errors.AsType[*kie.Error](err)
	if ok && refused.TaskID != "" {
		text += ". The provider names " + refused.TaskID + ": start again with it as " + a.task().Field + ", unpaid"
	}
	return text
}

// withLimit gives one request to the store a limit of its own, so that a store that hangs leaves
// time for another try.
func withLimit[T any](ctx context.Context, request func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, ledgerLimit)
	defer cancel()
	return request(ctx)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
