package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/kie"
)

// SubmitSeparation makes the one paid call. The ledger is part of the payment: the intent is written before the call, as a
// conditional write that only one holder can win, and completed after it.
type SubmitSeparation struct {
	Store    *archive.Store
	Provider *kie.Client
	Callback CallbackAddress
}

const (
	// The ledger's own patience: a few tries for a store that hiccups, within a budget before the call and one after it, so that
	// both and the call between them (30 s) fit in the activity's time-out.
	ledgerTries  = 4
	ledgerPause  = time.Second
	ledgerLimit  = 5 * time.Second
	ledgerBudget = 15 * time.Second
	// An intent of another run that is older than this belongs to a call that is long over.
	heldLimit = 2 * time.Minute
)

// Execute pays at most once, however often it runs. Beside the final refusals it fails with
//   - ActivityErrorSubmitRefused: nothing was paid, and a later attempt may be accepted,
//   - ActivityErrorSubmitHeld: another run may be paying at this moment,
//   - ActivityErrorSubmitUnknown: this run may have paid; it must not submit again,
//   - ErrorSubmissionUnknown: an earlier run may have paid and never told.
func (a *SubmitSeparation) Execute(ctx context.Context, in stemflow.SubmitSeparationInput) (*stemflow.SubmittedSeparation, error) {
	about := subject{kind: in.Track.Type}
	about.annotate(ctx)
	info := activity.GetInfo(ctx)
	intent := stemflow.Submission{
		Version: 1, State: stemflow.SubmissionIntended, Track: in.Track,
		WorkflowID: info.WorkflowExecution.ID, RunID: info.WorkflowExecution.RunID, Attempt: in.Attempt,
		IntendedAt: time.Now().UTC(),
	}
	callbackURL := a.Callback.Mint(ctx, info.Namespace, info.WorkflowExecution, time.Duration(in.Deadline))

	taken, earlier, err := a.takeLedger(ctx, in, intent)
	if err != nil || earlier != nil {
		return earlier, err
	}
	// From here on the call is made and recorded whatever becomes of the activity's context.
	ctx = context.WithoutCancel(ctx)
	taskID, callErr := a.Provider.Generate(ctx, kie.GenerateRequest{
		TaskID: in.Track.TaskID, AudioID: in.Track.AudioID, Type: string(in.Track.Type), StemName: in.Track.StemName,
		CallbackURL: callbackURL,
	})
	countSubmit(ctx, in.Track.Type, callErr)
	about.separationTaskID = taskID
	about.annotate(ctx)
	outcome := intent
	switch verdict := kie.VerdictOf(callErr); {
	case callErr == nil:
		outcome.State, outcome.SeparationTaskID, outcome.SubmittedAt = stemflow.SubmissionPaid, taskID, time.Now().UTC()
	case verdict == kie.Unknown:
		return nil, final(stemflow.ActivityErrorSubmitUnknown, callErr.Error(), callErr,
			providerDetails(callErr))
	default:
		outcome.State = stemflow.SubmissionRefused
		outcome.ProviderCode, outcome.ProviderMessage = providerDetails(callErr).ProviderCode, providerDetails(callErr).ProviderMessage
		if taken.before.State == stemflow.SubmissionPaid {
			outcome = taken.before // the receipt of what was paid before stays
		}
	}
	ledgerErr := a.complete(ctx, in.Location, taken.etag, outcome)
	if ledgerErr != nil {
		about.log(ctx).Warn("the ledger could not be completed and is written again later", "error", ledgerErr)
	}
	if callErr != nil {
		return nil, refusal(callErr, ledgerErr != nil)
	}
	about.log(ctx).Info("separation submitted and paid for")
	return &stemflow.SubmittedSeparation{
		SeparationTaskID: taskID, SubmittedAt: outcome.SubmittedAt, LedgerBehind: ledgerErr != nil,
	}, nil
}

// takenLedger is a ledger in which the intent stands: its ETag, and what stood there before.
type takenLedger struct {
	etag   string
	before stemflow.Submission
}

// takeLedger writes the intent; or returns the separation that an earlier submit has paid for; or an error, after which nothing
// was paid by this attempt.
func (a *SubmitSeparation) takeLedger(
	ctx context.Context, in stemflow.SubmitSeparationInput, intent stemflow.Submission,
) (taken takenLedger, earlier *stemflow.SubmittedSeparation, err error) {
	ctx, cancel := context.WithTimeout(ctx, ledgerBudget)
	defer cancel()
	bucket, key := in.Location.Bucket, archive.SubmissionKey(in.Location)
	var last error
	for try := range ledgerTries {
		if try > 0 && pause(ctx, ledgerPause) != nil {
			break
		}
		etag, err := bounded(ctx, func(ctx context.Context) (string, error) { return a.Store.CreateJSON(ctx, bucket, key, intent) })
		if err == nil {
			return takenLedger{etag: etag}, nil, nil
		}
		last = err
		if !errors.Is(err, archive.ErrPrecondition) {
			continue
		}
		var existing stemflow.Submission
		etag, err = bounded(ctx, func(ctx context.Context) (string, error) { return a.Store.ReadJSON(ctx, bucket, key, &existing) })
		if err != nil {
			last = err
			continue
		}
		switch judge(existing, in, intent.RunID) {
		case mine:
			return takenLedger{etag: etag}, nil, nil
		case paid:
			return taken, &stemflow.SubmittedSeparation{
				SeparationTaskID: existing.SeparationTaskID, SubmittedAt: existing.SubmittedAt,
				FromLedger: existing.RunID != intent.RunID,
			}, nil
		case held:
			return taken, nil, heldBy(existing)
		case unknown, outdated:
			return taken, nil, final(stemflow.ActivityErrorSubmitUnknown,
				"an earlier attempt of this run was lost after it had written its intent, and may have been accepted", nil)
		case take:
			etag, err = bounded(ctx, func(ctx context.Context) (string, error) {
				return a.Store.ReplaceJSON(ctx, bucket, key, etag, intent)
			})
			if err == nil {
				return takenLedger{etag: etag, before: existing}, nil, nil
			}
			last = err
		}
	}
	return taken, nil, final(stemflow.ErrorArchiveUnavailable,
		"the intent could not be written to the archive, so nothing was paid: "+last.Error(), last,
		stemflow.ErrorDetails{}, stemflow.SubmitRefusal{LedgerBehind: true})
}

// heldBy is the error for an intent of another run: a call under way, or one whose outcome nobody knows any more.
func heldBy(existing stemflow.Submission) error {
	who := fmt.Sprintf("workflow %s, run %s, at %s", existing.WorkflowID, existing.RunID, existing.IntendedAt.Format(time.RFC3339))
	if age := time.Since(existing.IntendedAt); age < heldLimit {
		return expected(stemflow.ActivityErrorSubmitHeld, "another run is paying for this track: "+who)
	}
	return final(stemflow.ErrorSubmissionUnknown, "an earlier run may have paid for this track and could not tell ("+who+
		"): look for it in the provider's log; if it is there, start again with its id as separationTaskId, "+
		"if not, start again with force", nil)
}

// complete writes the outcome over the intent, and over nothing else.
func (a *SubmitSeparation) complete(ctx context.Context, loc stemflow.Location, etag string, outcome stemflow.Submission) (err error) {
	ctx, cancel := context.WithTimeout(ctx, ledgerBudget)
	defer cancel()
	for try := range ledgerTries {
		if try > 0 && pause(ctx, ledgerPause) != nil {
			break
		}
		_, err = bounded(ctx, func(ctx context.Context) (string, error) {
			return a.Store.ReplaceJSON(ctx, loc.Bucket, archive.SubmissionKey(loc), etag, outcome)
		})
		if err == nil || errors.Is(err, archive.ErrPrecondition) {
			break // replaced meanwhile: by this very write, whose answer was lost, or by force; RecordSubmission sorts it out
		}
	}
	return err
}

// refusal is the error for a call that surely was not accepted.
func refusal(err error, ledgerBehind bool) error {
	details := []any{providerDetails(err), stemflow.SubmitRefusal{LedgerBehind: ledgerBehind}}
	switch kie.VerdictOf(err) {
	case kie.Unauthorized:
		return final(stemflow.ErrorUnauthorized, err.Error(), err, details...)
	case kie.InsufficientCredits:
		return final(stemflow.ErrorInsufficientCredits, err.Error(), err, details...)
	case kie.Busy:
		return final(stemflow.ActivityErrorSubmitRefused, err.Error(), err, details...)
	default:
		return final(stemflow.ErrorProviderRejected, err.Error(), err, details...)
	}
}

// bounded gives one request to the store a limit of its own, so that a store that hangs leaves time for another try.
func bounded[T any](ctx context.Context, request func(context.Context) (T, error)) (T, error) {
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
