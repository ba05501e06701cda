package activities

import (
	"context"
	"errors"
	"slices"

	"go.temporal.io/sdk/activity"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/kie"
	"stemflow/internal/ledger"
	"stemflow/internal/token"
)

// AdoptCallback puts a separation, or a task of another kind, on the ledger that a callback named
// after its run had ended.
type AdoptCallback struct {
	Store    Store
	Provider *kie.Client
	Callback CallbackAddress
	// Archive knows where the ledgers are.
	Archive *PrepareArchive
}

// A record may follow its callback late. It is given so many looks, which are six minutes with the
// retries of the workflows' policies. Attempts that met a provider or a store that was away count
// too: they took their time as well.
const noRecordAttempts = 12

// Execute believes the provider's record only. A callback names any separation that its
// sender likes; the record says which address the paid call gave, and the signed token in that
// address says whose call it was.
//
// It fails for good with ActivityErrorNotOwn, and with ActivityErrorNoRecord when there is still
// none after some minutes. It is retried with ActivityErrorUnreadable and ErrorArchiveUnavailable.
func (a *AdoptCallback) Execute(
	ctx context.Context, in activityapi.AdoptCallbackInput,
) (*activityapi.RecordedCallback, error) {
	about := subject{kind: in.Track.Type, separationTaskID: in.SeparationTaskID}
	about.annotate(ctx)
	record, err := a.Provider.RecordOf(ctx, kie.TaskOf(string(in.Track.Type)), in.SeparationTaskID)
	if errors.Is(err, kie.ErrNoRecord) {
		return nil, absentRecord(in.SeparationTaskID, activity.GetInfo(ctx).Attempt)
	}
	if err != nil {
		return nil, unreadableRecord(err)
	}
	claims, ours := a.Callback.minted(record.CallbackURL)
	if !ours || claims.RunID == "" || claims.Namespace != activity.GetInfo(ctx).Namespace ||
		claims.WorkflowID != in.WorkflowID || in.Owner != "" && claims.RunID != in.Owner {
		return nil, final(
			activityapi.ActivityErrorNotOwn,
			"the record of "+in.SeparationTaskID+" does not name this run",
			nil,
		)
	}
	track, certain := claims.Track, true
	if claims.TaskQueue == "" { // a token of an earlier version
		track, certain = in.Track, false
	}
	outcome, err := a.adopt(ctx, entryOf(record, in.SeparationTaskID, claims, track), certain)
	if err != nil {
		return nil, err
	}
	about.log(ctx).Info("callback for a run that is over", "outcome", outcome, "owner", claims.RunID)
	return &activityapi.RecordedCallback{
		SeparationTaskID: in.SeparationTaskID, Owner: claims.RunID, Outcome: outcome,
	}, nil
}

func absentRecord(separationTaskID string, attempt int32) error {
	if attempt >= noRecordAttempts {
		return final(activityapi.ActivityErrorNoRecord, "the provider has no record of "+separationTaskID, nil)
	}
	return noRecordYet(separationTaskID)
}

// entryOf is what the ledger should say of a separation that the record proves to be the claims'
// run's.
func entryOf(
	record *kie.Record, separationTaskID string, claims token.Claims, track stemflow.Track,
) stemflow.Submission {
	entry := stemflow.Submission{
		Version: 1, State: stemflow.SubmissionPaid, Track: track, SeparationTaskID: separationTaskID,
		WorkflowID: claims.WorkflowID, RunID: claims.RunID, Owner: claims.RunID, SubmittedAt: record.CreatedAt,
	}
	if record.State == kie.Failed {
		entry.State = stemflow.SubmissionFailed
		entry.ProviderCode, entry.ProviderMessage = record.ErrorCode, record.ErrorMessage
	}
	return entry
}

// adopt brings the ledger up to an entry. It says certain where the entry's track is the one that
// was submitted, and not only the one that the callback was heard for: then the ledger must know
// its owner.
func (a *AdoptCallback) adopt(
	ctx context.Context,
	entry stemflow.Submission,
	certain bool,
) (activityapi.CallbackOutcome, error) {
	outcome := activityapi.CallbackLeft
	at := archive.Locate(a.Archive.LedgerBucket, a.Archive.LedgerPrefix, entry.Track)
	_, err := newLedgerFile(a.Store, at, at).change(ctx, func(l ledger.Ledger) (ledger.Ledger, bool) {
		known := func(e ledger.Entry) bool { return e.Owner == entry.Owner || e.RunID == entry.Owner }
		if !certain && !slices.ContainsFunc(l.Entries(), known) {
			return l, false
		}
		outcome = activityapi.CallbackKnown
		learned, changed := l.Learn(entry)
		if changed {
			outcome = activityapi.CallbackRecorded
		}
		return learned, changed
	})
	if errors.Is(err, archive.ErrCorrupt) {
		return "", final(stemflow.ErrorArchiveUnavailable, err.Error(), err)
	}
	if err != nil {
		return "", storeFailure(err)
	}
	return outcome, nil
}
